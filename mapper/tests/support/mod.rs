//! What the tests share: a job spec, documents cut into chunks, outcomes merged as a reducer would.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its share")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::chunk::{Chunk, ChunkHead, Piece, Quarantined};
use gristmill_common::header::{HeaderRule, Headers};
use gristmill_common::id::ChunkId;
use gristmill_common::outcome::{MAX_PART, Outcome, SourceCount};
use gristmill_common::record::Splitter;
use gristmill_common::shards::ShardRows;
use gristmill_common::spec::{Format, Grep, JobSpec, Kind, Records, Shape};
use gristmill_common::table::MAX_COLUMNS;
use gristmill_common::wire::{BodyForm, Check, Message, decode, encode_chunk};
use gristmill_mapper::{Mapper, Prepared};

/// A spec of one partition with the kind's defaults.
pub fn spec(kind: Kind) -> JobSpec {
    JobSpec {
        format: Format::Text,
        ..JobSpec::of(kind)
    }
}

/// A document: its source, its name and its bytes.
#[derive(Clone, Debug)]
pub struct Document {
    pub source: u32,
    pub name: String,
    pub bytes: Vec<u8>,
}

pub fn document(name: &str, bytes: impl AsRef<[u8]>) -> Document {
    Document {
        source: 0,
        name: name.into(),
        bytes: bytes.as_ref().to_vec(),
    }
}

/// Cuts documents into chunks of about `size` bytes, at record ends, as a producer would.
pub fn cut(documents: &[Document], records: &Records, size: usize) -> Vec<Chunk> {
    cut_headed(documents, records, None, size)
}

/// Makes a chunk of the pieces at hand, if there are any.
fn close(chunks: &mut Vec<Chunk>, pieces: &mut Vec<Piece>, body: &mut Vec<u8>) {
    if !pieces.is_empty() {
        let id = ChunkId {
            split: 0,
            index: chunks.len() as u32,
        };
        let (pieces, body) = (std::mem::take(pieces), std::mem::take(body));
        chunks.push(chunk(id, pieces, vec![], body));
    }
}

/// The same, where each piece knows the header in force.
pub fn cut_headed(
    documents: &[Document],
    records: &Records,
    rule: Option<HeaderRule>,
    size: usize,
) -> Vec<Chunk> {
    let splitter = Splitter::new(records).unwrap();
    let mut chunks = Vec::new();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut body: Vec<u8> = Vec::new();
    for (ordinal, document) in documents.iter().enumerate() {
        let whole = matches!(records, Records::Document);
        let all: Vec<&[u8]> = if whole || document.bytes.is_empty() {
            vec![&document.bytes]
        } else {
            splitter.split(&document.bytes).collect()
        };
        let mut headers = Headers::new(rule);
        let mut offset = 0;
        let mut number = 0;
        let mut at = 0;
        while at < all.len() {
            let start = at;
            let mut len = 0;
            while at < all.len() && (at == start || body.len() + len + all[at].len() <= size) {
                let before = headers.clone();
                headers.stretch(&splitter, all[at], (offset + len) as u64);
                if at > start && headers.current() != before.current() {
                    headers = before;
                    break;
                }
                len += all[at].len();
                at += 1;
            }
            let count = if document.bytes.is_empty() && !whole {
                0
            } else {
                at - start
            };
            pieces.push(Piece {
                source: document.source,
                document: document.name.clone().into_bytes(),
                ordinal: ordinal as u32,
                offset: offset as u64,
                record: number as u64,
                records: count as u32,
                first: start == 0,
                last: at == all.len(),
                len: len as u32,
                inside: None,
                large: 0,
                header: headers.current().cloned(),
            });
            body.extend_from_slice(&document.bytes[offset..offset + len]);
            offset += len;
            number += count;
            if body.len() >= size {
                close(&mut chunks, &mut pieces, &mut body);
            }
        }
    }
    close(&mut chunks, &mut pieces, &mut body);
    chunks
}

/// `grep PATTERN` without any option.
pub fn grep(pattern: &str) -> Grep {
    Grep::of(pattern)
}

/// A chunk that went through the codec.
pub fn chunk(id: ChunkId, pieces: Vec<Piece>, faults: Vec<Quarantined>, body: Vec<u8>) -> Chunk {
    let head = ChunkHead { id, pieces, faults };
    let (message, _) = encode_chunk(&head, body, BodyForm::Raw).unwrap();
    match decode(&message.into(), Check::Full) {
        Ok(Message::Chunk(chunk)) => chunk,
        other => panic!("{other:?}"),
    }
}

/// What a reducer would make of all outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    pub bytes: Vec<u8>,
    pub table: BTreeMap<Vec<u8>, Vec<u128>>,
    pub members: BTreeSet<Vec<u8>>,
    pub counts: BTreeMap<u32, [u64; 3]>,
    pub quarantined: Vec<Quarantined>,
}

impl Merged {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// The table as `key value value` lines.
    pub fn lines(&self) -> Vec<String> {
        self.table
            .iter()
            .map(|(key, values)| {
                let values: Vec<String> = values.iter().map(u128::to_string).collect();
                format!("{} {}", String::from_utf8_lossy(key), values.join(" "))
            })
            .collect()
    }

    pub fn reasons(&self) -> Vec<&str> {
        self.quarantined.iter().map(|q| &q.reason[..]).collect()
    }
}

/// Maps chunks and merges what comes out.
pub fn map(spec: &JobSpec, chunks: &[Chunk]) -> Merged {
    map_with(spec, &prepare(spec), chunks)
}

pub fn prepare(spec: &JobSpec) -> Arc<Prepared> {
    Arc::new(Prepared::new(spec).unwrap_or_else(|error| panic!("{error}")))
}

pub fn map_with(spec: &JobSpec, prepared: &Arc<Prepared>, chunks: &[Chunk]) -> Merged {
    let splits = 1 + chunks.iter().map(|c| c.head.id.split).max().unwrap_or(0);
    let mut mapper = Mapper::new(Arc::clone(prepared), spec, splits);
    let mut merged = Merged::default();
    for chunk in chunks {
        let outcomes = mapper.map(chunk).unwrap();
        merge(prepared.shape(), spec, chunk, &outcomes, &mut merged);
    }
    merged
        .quarantined
        .sort_by(|a, b| (a.source, &a.document, a.offset).cmp(&(b.source, &b.document, b.offset)));
    for (source, [records, mapped, quarantined]) in &merged.counts {
        assert_eq!(records, &(mapped + quarantined), "source {source}");
    }
    merged
}

pub fn merge(
    shape: &Shape,
    spec: &JobSpec,
    chunk: &Chunk,
    outcomes: &[(u32, Bytes)],
    merged: &mut Merged,
) {
    let mut account = BTreeSet::new();
    let mut parts = BTreeMap::<u32, Vec<u32>>::new();
    for (partition, message) in outcomes {
        let Ok(Message::Outcome(outcome)) = decode(message, Check::Full) else {
            panic!("not an outcome");
        };
        assert_eq!(outcome.head.id, chunk.head.id);
        assert_eq!(outcome.head.hash, chunk.hash);
        assert_eq!(outcome.head.partition, *partition);
        let seen = parts.entry(*partition).or_default();
        assert_eq!(outcome.head.part as usize, seen.len());
        seen.push(outcome.head.parts);
        for &SourceCount {
            source,
            records,
            mapped,
            quarantined,
        } in &outcome.head.counts
        {
            assert_eq!(outcome.head.part, 0);
            account.insert(*partition);
            let count = merged.counts.entry(source).or_default();
            count[0] += records;
            count[1] += mapped;
            count[2] += quarantined;
        }
        if !outcome.head.quarantined.is_empty() {
            account.insert(*partition);
        }
        let entries = outcome.head.quarantined.iter();
        merged.quarantined.extend(entries.map(Quarantined::from));
        merge_body(shape, &outcome, merged);
    }
    assert!(account.len() <= 1, "the account travels with one partition");
    for seen in parts.values() {
        assert!(seen.iter().all(|&parts| parts as usize == seen.len()));
    }
    let expected = if shape.by_split() { 1 } else { spec.partitions };
    assert_eq!(parts.len(), expected as usize);
}

fn merge_body(shape: &Shape, outcome: &Outcome, merged: &mut Merged) {
    let Shape::Table(table) = shape else {
        assert!(outcome.body.len() <= MAX_PART);
        merged.bytes.extend_from_slice(&outcome.body);
        return;
    };
    let mut values = vec![0; table.columns.len()];
    let mut rows = ShardRows::all(&outcome.body).unwrap();
    while let Some((_, row)) = rows.next_row(&mut values).unwrap() {
        if row.member {
            merged.members.insert(row.key.to_vec());
            continue;
        }
        assert!(table.columns.len() <= MAX_COLUMNS);
        let totals = merged.table.entry(row.key.to_vec()).or_insert_with(|| {
            table
                .columns
                .iter()
                .map(|(_, merge)| merge.neutral())
                .collect()
        });
        for (at, (_, merge)) in table.columns.iter().enumerate() {
            merge.apply(&mut totals[at], values[at]);
        }
    }
}

/// A small random number generator (xorshift64*), so that a failing seed can be run again.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    pub fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// The first, three times of four.
    pub fn mostly<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        if self.below(4) > 0 {
            all[0]
        } else {
            self.pick(all)
        }
    }
}
