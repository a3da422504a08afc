//! Results as messages: one outcome per partition concerned, in parts where one would be too big.
//!
//! It must not know how the results came about.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use gristmill_common::counters::Counter;
use gristmill_common::entries::Entries;
use gristmill_common::id::{ChunkId, content_hash};
use gristmill_common::outcome::{MAX_PART, OutcomeHead, SourceCount};
use gristmill_common::pair::push_pair;
use gristmill_common::shards::TableBody;
use gristmill_common::table::{push_member, push_row};
use gristmill_common::wire::{WireError, encode_outcome};

use crate::engine::output::{Filled, Output};
use crate::engine::shares::Shares;
use crate::engine::table::{Table, TableRow};

/// What one chunk's quarantine entries may take in one message; with a body of [`MAX_PART`] or one
/// large row beside them the message stays well below the limit.
const MAX_ENTRIES: usize = 1 << 20;

/// What a head without entries and counts takes with the footer, or one count, at most.
const HEAD_COST: usize = 128;

/// Where results go.
#[derive(Debug)]
pub(crate) enum Target {
    /// All to this partition.
    One(u32),
    /// Rows and pairs by hash of their key to one of `partitions`; the account to `account`.
    ByKey { partitions: u32, account: u32 },
}

/// Which attempt at which chunk this is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// The chunk.
    pub(crate) id: ChunkId,
    /// The chunk's hash.
    pub(crate) hash: u64,
    /// Unlike that of any other attempt.
    pub(crate) number: u64,
    /// It failed for good ([`OutcomeHead::skipped`]).
    pub(crate) skipped: Option<u32>,
}

impl Attempt {
    /// A new attempt at a chunk.
    pub(crate) fn at(id: ChunkId, hash: u64, skipped: Option<u32>) -> Self {
        Self {
            id,
            hash,
            // A random state is keyed anew each time.
            number: RandomState::new().hash_one(hash),
            skipped,
        }
    }
}

/// Encodes all outcomes of a chunk: what `out` holds, the rows of each partition that are `apart`
/// (of a chunk's own there are none), and its account.
///
/// # Errors
/// When a message comes out too large, which takes a row or a name of megabytes.
pub(crate) fn encode(
    attempt: Attempt,
    target: &Target,
    counts: Vec<SourceCount>,
    out: &mut Output,
    apart: &[Table],
) -> Result<Vec<(u32, Bytes)>, WireError> {
    let entries = std::mem::take(&mut out.quarantined);
    let mut account = Some(Account {
        counts,
        entries: batches_of(entries),
        counters: out.counters.iter().collect(),
    });
    let mut messages = Vec::new();
    let mut publish = |partition, whole, bodies, account| {
        let place = Place { partition, whole };
        messages_of(attempt, place, bodies, account, &mut messages)
    };
    match *target {
        Target::One(partition) => {
            let bodies = if out.bytes.is_empty() {
                let own = apart.get(partition as usize);
                let (mut all, _) = cut_table(out, 1, own.map_or(&[], std::slice::from_ref));
                all.pop().unwrap_or_default()
            } else {
                cut_bytes(std::mem::take(&mut out.bytes))
            };
            publish(partition, 0, bodies, account.take())?;
        }
        Target::ByKey {
            partitions,
            account: at,
        } => {
            let (all, sum) = match out.filled() {
                Filled::Grouped => cut_pairs(out, partitions),
                Filled::Bytes | Filled::Table => cut_table(out, partitions, apart),
            };
            let whole = match partitions {
                0 | 1 => 0,
                _ => whole(sum, account.as_ref()),
            };
            for (partition, bodies) in (0..).zip(all) {
                let account = if partition == at {
                    account.take()
                } else {
                    None
                };
                publish(partition, whole, bodies, account)?;
            }
        }
    }
    Ok(messages)
}

/// What travels with one partition only.
#[derive(Default)]
struct Account {
    counts: Vec<SourceCount>,
    entries: Vec<Entries>,
    counters: Vec<Counter>,
}

/// Where one partition's outcome goes, and of what it is a part.
#[derive(Clone, Copy)]
struct Place {
    partition: u32,
    /// [`OutcomeHead::whole`].
    whole: u64,
}

/// The hash of what an attempt made of a chunk: its rows and pairs, and what became of its records.
/// Reasons and stderr are not in it; they may differ from attempt to attempt, and nothing depends
/// on them.
fn whole(sum: u64, account: Option<&Account>) -> u64 {
    let mut numbers = vec![sum];
    if let Some(account) = account {
        for count in &account.counts {
            numbers.extend([count.source.into(), count.mapped, count.quarantined]);
        }
        for entry in account.entries.iter().flat_map(Entries::iter) {
            let document = content_hash(entry.document);
            numbers.extend([entry.source.into(), entry.offset, entry.records(), document]);
        }
    }
    let bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
    // 0 says that there is none.
    content_hash(&bytes) | 1
}

fn messages_of(
    attempt: Attempt,
    Place { partition, whole }: Place,
    bodies: Vec<Vec<u8>>,
    account: Option<Account>,
    messages: &mut Vec<(u32, Bytes)>,
) -> Result<(), WireError> {
    let Account {
        mut counts,
        entries,
        mut counters,
    } = account.unwrap_or_default();
    let parts = bodies.len().max(entries.len()).max(1);
    let mut bodies = bodies.into_iter();
    let mut entries = entries.into_iter();
    for part in 0..parts {
        let head = OutcomeHead {
            id: attempt.id,
            hash: attempt.hash,
            partition,
            attempt: attempt.number,
            skipped: attempt.skipped,
            whole,
            part: part as u32,
            parts: parts as u32,
            counts: std::mem::take(&mut counts),
            quarantined: entries.next().unwrap_or_default(),
            counters: std::mem::take(&mut counters),
        };
        let mut body = bodies.next().unwrap_or_default();
        // The head is appended to it, and the footer.
        body.reserve(HEAD_COST * (1 + head.counts.len()) + head.quarantined.size());
        messages.push((partition, encode_outcome(&head, body)?));
    }
    Ok(())
}

/// Entries in groups that each fit a message.
fn batches_of(entries: Entries) -> Vec<Entries> {
    if entries.cost() <= MAX_ENTRIES {
        return vec![entries];
    }
    let mut batches = vec![Entries::default()];
    for entry in entries.iter() {
        let full =
            |batch: &&mut Entries| batch.is_empty() || batch.cost() + entry.cost() <= MAX_ENTRIES;
        match batches.last_mut().filter(full) {
            Some(batch) => batch.push(entry),
            None => batches.push([entry].into_iter().collect()),
        }
    }
    batches
}

fn cut_bytes(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    if bytes.len() <= MAX_PART {
        return vec![bytes];
    }
    bytes.chunks(MAX_PART).map(<[u8]>::to_vec).collect()
}

/// The table's rows by partition, and those that are `apart`, cut into bodies between rows.
fn cut_table(out: &mut Output, partitions: u32, apart: &[Table]) -> (Vec<Vec<Vec<u8>>>, u64) {
    let append = |row: &TableRow<'_>, body: &mut Vec<u8>| match row.member {
        true => push_member(body, row.key),
        false => push_row(body, row.key, row.values),
    };
    let mut shares = Shares::<TableBody>::new(partitions, std::mem::take(&mut out.bodies));
    for row in out.table.rows() {
        shares.push(row.group, row.key, |body| append(&row, body));
    }
    (out.table).bucket_rows(|row| shares.push(row.group, row.key, |body| append(&row, body)));
    for (partition, table) in apart.iter().enumerate() {
        for row in table.rows() {
            shares.push_to(partition, row.key, |body| append(&row, body));
        }
    }
    let (all, sum, bodies) = shares.finish();
    out.keep(bodies);
    (all, sum)
}

/// The pairs by partition, sorted by key, cut into bodies between pairs.
fn cut_pairs(out: &Output, partitions: u32) -> (Vec<Vec<Vec<u8>>>, u64) {
    let mut shares = Shares::<Vec<u8>>::new(partitions, Vec::new());
    for (key, value) in out.grouped.sorted() {
        shares.push(key, key, |body| push_pair(body, key, value));
    }
    let (all, sum, _) = shares.finish();
    (all, sum)
}
