//! Several chunks of a split that have one outcome together: what a mapper that reads its splits
//! itself makes of a table, and of ordered results that are small beside their text.
//!
//! Where a run ends is a pure function of the split's text, and so is its outcome, whichever of its
//! chunks were mapped in other processes (I1, I2).

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_common::id::{ChunkId, content_hash};
use gristmill_common::outcome::{MAX_PART, SourceCount};
use gristmill_common::shards::ShardRows;
use gristmill_common::spec::{Kind, Shape};
use gristmill_common::table::{BadTable, Merge};
use gristmill_common::wire::{self, Check, Message, WireError};

use crate::engine::account::Counts;
use crate::engine::output::Output;
use crate::engine::table::Table;

/// A run ends after the chunk with which it has so much text. What a message costs a broker is what
/// limits how many mappers it can feed, so there are few of them.
const TEXT: u64 = 1 << 30;
/// Or with which a table's rows and entries take so much memory.
const TABLE: usize = 8 << 20;
/// Or with which ordered results and entries do: more would not fit one message.
const ORDERED: usize = MAX_PART;

/// The chunks of a run so far.
#[derive(Debug)]
pub(crate) struct ChunkRun {
    id: ChunkId,
    /// Of all chunks' hashes, in order.
    hash: u64,
    chunks: u32,
    text: u64,
    entries: usize,
    /// The most bytes of results and entries.
    most: usize,
    counts: Counts,
    merges: Vec<Merge>,
    out: Output,
    /// By partition, the rows of chunks that other processes mapped: which part of a key decides
    /// the partition is not known of them.
    apart: Vec<Table>,
}

impl ChunkRun {
    /// The first run of a split. `None` for pairs, which keep the order of their chunks, and where
    /// a kind computes for long: its chunks may be mapped by others.
    pub(crate) fn first_of(
        split: u32,
        kind: &Kind,
        shape: &Shape,
        partitions: u32,
    ) -> Option<Self> {
        if kind.computes_for_long() {
            return None;
        }
        let (most, merges): (_, Vec<Merge>) = match shape {
            Shape::Table(table) => {
                let merges = table.columns.iter().map(|(_, merge)| *merge);
                (TABLE, merges.collect())
            }
            Shape::Ordered => (ORDERED, Vec::new()),
            Shape::Grouped => return None,
        };
        Some(Self {
            id: ChunkId { split, index: 0 },
            hash: 0,
            chunks: 0,
            text: 0,
            entries: 0,
            most,
            counts: Counts::default(),
            apart: (0..partitions.max(1))
                .map(|_| Table::new(merges.clone()))
                .collect(),
            merges,
            out: Output::new(shape),
        })
    }

    /// Adds what a chunk gave.
    pub(crate) fn add(&mut self, chunk: &Chunk, counts: &[SourceCount], out: &Output) {
        self.note(chunk);
        counts.iter().for_each(|count| self.counts.add(count));
        self.entries += out.quarantined.cost();
        self.out.append(out);
    }

    /// Adds what a chunk gave in another process, as the outcomes that it was encoded to.
    ///
    /// # Errors
    /// When they are none.
    pub(crate) fn add_outcomes(
        &mut self,
        chunk: &Chunk,
        outcomes: &[(u32, Bytes)],
    ) -> Result<(), WireError> {
        self.note(chunk);
        for (partition, message) in outcomes {
            let Message::Outcome(outcome) = wire::decode(message, Check::Head)? else {
                return Err(WireError::Malformed("not an outcome".into()));
            };
            let head = outcome.head;
            head.counts.iter().for_each(|count| self.counts.add(count));
            self.entries += head.quarantined.cost();
            self.out.quarantined.append(&head.quarantined);
            for counter in head.counters {
                self.out.counters.add(counter);
            }
            if self.most == ORDERED {
                self.out.bytes.extend_from_slice(&outcome.body);
                continue;
            }
            let Some(table) = self.apart.get_mut(*partition as usize) else {
                return Err(WireError::Malformed(format!("partition {partition}")));
            };
            let wrong = |bad: BadTable| WireError::Malformed(bad.to_string());
            let mut rows = ShardRows::all(&outcome.body).map_err(wrong)?;
            let mut values = vec![0; self.merges.len()];
            while let Some((_, row)) = rows.next_row(&mut values).map_err(wrong)? {
                if row.member {
                    table.member(row.key, 0);
                    continue;
                }
                let at = table.row(row.key);
                let totals = table.values_mut(at).iter_mut();
                for ((total, merge), value) in totals.zip(&self.merges).zip(&values) {
                    merge.apply(total, *value);
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, chunk: &Chunk) {
        let hashes = [self.hash, chunk.hash].map(u64::to_le_bytes);
        self.hash = content_hash(hashes.as_flattened());
        self.chunks += 1;
        self.text += chunk.body.len() as u64;
    }

    /// Whether it ends with the chunk that was added last.
    pub(crate) fn is_full(&self) -> bool {
        let results = self.apart.iter().map(Table::size).sum::<usize>() + self.out.size();
        self.text >= TEXT || results + self.entries >= self.most
    }

    /// Whether no chunk is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks == 0
    }

    /// Number of the run in its split, which is how many ended before it.
    pub(crate) fn index(&self) -> u32 {
        self.id.index
    }

    /// What it is as a chunk: its id and its hash.
    pub(crate) fn identity(&self) -> (ChunkId, u64) {
        (self.id, self.hash)
    }

    /// Its account, per source.
    pub(crate) fn counts(&self) -> Vec<SourceCount> {
        self.counts.all().to_vec()
    }

    /// Its results.
    pub(crate) fn output(&mut self) -> (&mut Output, &[Table]) {
        (&mut self.out, &self.apart)
    }

    /// Ends it: the next one is empty.
    pub(crate) fn end(&mut self) {
        self.id.index += 1;
        self.hash = 0;
        self.chunks = 0;
        self.text = 0;
        self.entries = 0;
        self.counts = Counts::default();
        self.out.clear();
        self.apart.iter_mut().for_each(Table::clear);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use gristmill_common::chunk::{ChunkHead, Piece};
    use gristmill_common::outcome::OutcomeHead;
    use gristmill_common::spec::{Grep, JobSpec, Kind, WordCount, Words};

    use super::*;
    use crate::engine::mapper::{Mapped, Mapper};
    use crate::engine::prepared::Prepared;

    fn word_count() -> Kind {
        Kind::WordCount(WordCount {
            words: Words::Ascii,
            top: None,
        })
    }

    fn access_log() -> Kind {
        let log = serde_json::json!({ "by": ["path"], "filters": [], "distinct": "host" });
        Kind::AccessLog(serde_json::from_value(log).unwrap())
    }

    /// Chunks of one split; one in three has a line that is set aside.
    fn chunks() -> Vec<Chunk> {
        let line = |at: u32| match at % 10 {
            9 => "no log line\n".to_owned(),
            _ => format!(
                "10.0.0.{} - - [17/May/2015:10:0{}:03 +0000] \"GET /{} HTTP/1.1\" 200 {at}\n",
                at % 7,
                at % 10,
                at % 13
            ),
        };
        let chunk = |index: u32| {
            let lines: String = (index * 50..(index + 1) * 50).map(line).collect();
            let piece = Piece {
                source: index / 4,
                document: b"a.log".to_vec(),
                ordinal: index / 4,
                offset: u64::from(index) * 5000,
                record: 0,
                records: 50,
                first: index.is_multiple_of(4),
                last: index % 4 == 3,
                len: lines.len() as u32,
                inside: None,
                large: 0,
                header: None,
            };
            let head = ChunkHead {
                id: ChunkId { split: 2, index },
                pieces: vec![piece],
                faults: Vec::new(),
            };
            let hash = wire::hash_of_chunk(&head, lines.as_bytes()).unwrap();
            let body = Bytes::from(lines);
            Chunk { head, body, hash }
        };
        (0..12).map(chunk).collect()
    }

    /// Rows by partition and key.
    type Rows = BTreeMap<(u32, Vec<u8>), (bool, Vec<u128>)>;

    /// What outcomes say, free of the order of rows.
    fn said(mapped: &Mapped, columns: usize) -> (Vec<OutcomeHead>, Rows) {
        let (mut heads, mut all) = (Vec::new(), Rows::new());
        for (partition, message) in &mapped.outcomes {
            let Message::Outcome(outcome) = wire::decode(message, Check::Full).unwrap() else {
                panic!("an outcome");
            };
            if columns == 0 {
                let bytes = all.entry((*partition, Vec::new())).or_default();
                bytes
                    .1
                    .extend(outcome.body.iter().map(|byte| u128::from(*byte)));
                heads.push(OutcomeHead {
                    attempt: 0,
                    ..outcome.head
                });
                continue;
            }
            let mut rows = ShardRows::all(&outcome.body).unwrap();
            let mut values = vec![0; columns];
            while let Some((_, row)) = rows.next_row(&mut values).unwrap() {
                let said = (row.member, values.clone());
                let before = all.insert((*partition, row.key.to_vec()), said);
                assert_eq!(before, None, "a row twice");
            }
            heads.push(OutcomeHead {
                attempt: 0,
                ..outcome.head
            });
        }
        (heads, all)
    }

    #[test]
    fn an_outcome_is_the_same_wherever_its_chunks_were_mapped() {
        let kinds = [word_count(), access_log(), Kind::Grep(Grep::of("GET"))];
        for kind in kinds {
            for partitions in [1, 3] {
                let spec = JobSpec {
                    partitions,
                    ..JobSpec::of(kind.clone())
                };
                let prepared = Arc::new(Prepared::new(&spec).unwrap());
                let shape = prepared.shape().clone();
                let mut mapper = Mapper::new(prepared, &spec, 5);
                let run = || ChunkRun::first_of(2, &kind, &shape, partitions).unwrap();
                let (mut here, mut apart) = (run(), run());
                let mut records = 0;
                for chunk in &chunks() {
                    mapper.map_into(chunk, &mut here);
                    let mapped = mapper.map_counted(chunk).unwrap();
                    records += mapped.records + mapped.quarantined;
                    apart.add_outcomes(chunk, &mapped.outcomes).unwrap();
                    assert!(!here.is_full() && !apart.is_full());
                }
                assert_eq!(here.identity(), apart.identity());
                let here = mapper.outcomes_of(&mut here).unwrap();
                let apart = mapper.outcomes_of(&mut apart).unwrap();
                assert_eq!(here.records + here.quarantined, records);
                let columns = match &shape {
                    Shape::Table(table) => table.columns.len(),
                    _ => 0,
                };
                assert_eq!(said(&here, columns), said(&apart, columns));
                let (heads, rows) = said(&here, columns);
                let by_key = partitions > 1 && columns > 0;
                assert_eq!(by_key, heads.iter().all(|head| head.whole != 0));
                assert!(
                    rows.len() > 5
                        || columns == 0 && rows[&(heads[0].partition, Vec::new())].1.len() > 9000
                );
            }
        }
    }

    #[test]
    fn a_run_ends_where_its_text_or_its_rows_are_many_and_the_next_begins_empty() {
        let spec = JobSpec::of(word_count());
        let prepared = Arc::new(Prepared::new(&spec).unwrap());
        let shape = prepared.shape().clone();
        let mut mapper = Mapper::new(prepared, &spec, 0);
        let mut run = ChunkRun::first_of(2, &word_count(), &shape, 1).unwrap();
        assert!(run.is_empty());
        let chunk = |text: String| {
            let mut chunk = chunks().remove(0);
            chunk.head.pieces[0].len = text.len() as u32;
            chunk.head.pieces[0].records = 1;
            chunk.body = Bytes::from(text);
            chunk
        };
        let letters =
            |word: u32| (0..5).map(move |at| char::from(b'a' + (word >> (4 * at) & 15) as u8));
        let many: Vec<String> = (0..300_000).map(|word| letters(word).collect()).collect();
        mapper.map_into(&chunk(many.join(" ")), &mut run);
        assert!(run.is_full(), "many rows");
        let first = mapper.outcomes_of(&mut run).unwrap();
        assert!(run.is_empty() && !run.is_full());
        assert_eq!(run.index(), 1);
        assert_eq!(first.records, 1);
        let same = chunk("the ".repeat(1 << 20));
        mapper.map_into(&same, &mut run);
        assert!(!run.is_full());
        run.text = TEXT - (4 << 20);
        mapper.map_into(&same, &mut run);
        assert!(run.is_full(), "much text");
        let (id, _) = run.identity();
        assert_eq!(id, ChunkId { split: 2, index: 1 });
    }
}
