//! Rows of several chunks that travel with one of them: where numbers are counted in buckets,
//! nearly every record of a chunk makes a row of its own, and those of many chunks are the same
//! ones.
//!
//! For queues in memory alone: an outcome is no longer a pure function of its chunk, so nobody may
//! map a chunk again. The table that is merged is the same (I6).

use bytes::Bytes;
use gristmill_common::outcome::SourceCount;
use gristmill_common::wire::WireError;

use crate::engine::encode::{Attempt, Target, encode};
use crate::engine::output::Output;

/// Rows go once they take so much memory, in bytes.
const ROWS: usize = 4 << 20;

/// The rows, and the chunk that was mapped last, whose outcome may take them along.
#[derive(Debug)]
pub(crate) struct HeldRows {
    /// The rows.
    rows: Output,
    /// What else the last chunk gave.
    beside: Output,
    last: Option<Last>,
}

/// The chunk whose outcome is not encoded yet.
#[derive(Debug)]
struct Last {
    attempt: Attempt,
    target: Target,
    counts: Vec<SourceCount>,
}

impl HeldRows {
    /// None; `empty` makes an output of the job's shape.
    pub(crate) fn new(empty: impl Fn() -> Output) -> Self {
        Self {
            rows: empty(),
            beside: empty(),
            last: None,
        }
    }

    /// Adds what a chunk gave. The chunk before must have gone.
    pub(crate) fn add(
        &mut self,
        attempt: Attempt,
        target: Target,
        counts: Vec<SourceCount>,
        out: &mut Output,
    ) {
        self.rows.table.append(&out.table);
        self.beside.quarantined = std::mem::take(&mut out.quarantined);
        self.beside.counters = std::mem::take(&mut out.counters);
        self.last = Some(Last {
            attempt,
            target,
            counts,
        });
    }

    /// Encodes the outcomes of the chunk that was added last, if it has not gone: with the rows if
    /// those are many, or `all` is to go.
    ///
    /// # Errors
    /// As [`encode`].
    pub(crate) fn let_go(&mut self, all: bool) -> Result<Vec<(u32, Bytes)>, WireError> {
        let Some(last) = self.last.take() else {
            return Ok(Vec::new());
        };
        let with_rows = all || self.rows.table.size() >= ROWS;
        if with_rows {
            std::mem::swap(&mut self.rows.table, &mut self.beside.table);
        }
        let Last {
            attempt,
            target,
            counts,
        } = last;
        let outcomes = encode(attempt, &target, counts, &mut self.beside, &[]);
        self.beside.clear();
        if with_rows {
            // Its memory serves the next rows.
            std::mem::swap(&mut self.rows.table, &mut self.beside.table);
        }
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use gristmill_common::chunk::{Chunk, ChunkHead, Piece};
    use gristmill_common::id::ChunkId;
    use gristmill_common::shards::ShardRows;
    use gristmill_common::spec::{GroupBy, JobSpec, Kind};
    use gristmill_common::wire::{self, Check, Message};

    use super::*;
    use crate::engine::mapper::Mapper;
    use crate::engine::prepared::Prepared;

    fn chunk(index: u32) -> Chunk {
        let line = |at: u32| match at % 50 {
            49 => "no JSON\n".to_owned(),
            _ => format!("{{\"by\":{},\"took\":{}}}\n", at % 3, at % 40),
        };
        let lines: String = (index * 100..(index + 1) * 100).map(line).collect();
        let piece = Piece {
            source: 0,
            document: b"a".to_vec(),
            ordinal: 0,
            offset: u64::from(index) * 10_000,
            record: 0,
            records: 100,
            first: index == 0,
            last: false,
            len: lines.len() as u32,
            inside: None,
            large: 0,
            header: None,
        };
        let head = ChunkHead {
            id: ChunkId { split: 0, index },
            pieces: vec![piece],
            faults: Vec::new(),
        };
        let hash = wire::hash_of_chunk(&head, lines.as_bytes()).unwrap();
        let body = Bytes::from(lines);
        Chunk { head, body, hash }
    }

    /// What outcomes say: their chunks with what was set aside in each, and all rows together.
    #[derive(Debug, Default, PartialEq)]
    struct Said {
        chunks: Vec<(ChunkId, usize)>,
        rows: BTreeMap<Vec<u8>, Vec<u128>>,
    }

    impl Said {
        /// Returns how many rows there are.
        fn add(&mut self, outcomes: &[(u32, Bytes)], columns: usize) -> usize {
            let mut count = 0;
            for (_, message) in outcomes {
                let Message::Outcome(outcome) = wire::decode(message, Check::Full).unwrap() else {
                    panic!("an outcome");
                };
                let head = outcome.head;
                self.chunks.push((head.id, head.quarantined.len()));
                let mut values = vec![0; columns];
                let mut rows = ShardRows::all(&outcome.body).unwrap();
                while let Some((_, row)) = rows.next_row(&mut values).unwrap() {
                    count += 1;
                    let sums = self.rows.entry(row.key.to_vec());
                    let sums = sums.or_insert_with(|| vec![0; columns]);
                    for (sum, value) in sums.iter_mut().zip(&values) {
                        *sum += value;
                    }
                }
            }
            count
        }
    }

    #[test]
    fn rows_of_all_chunks_go_with_the_last_one_and_are_the_same() {
        let spec = JobSpec::of(Kind::GroupBy(GroupBy {
            parse: "json".into(),
            by: vec!["by".to_owned()],
            quantiles: vec!["took:0.5".to_owned()],
            ..GroupBy::default()
        }));
        let prepared = Arc::new(Prepared::new(&spec).unwrap());
        let columns = match prepared.shape() {
            gristmill_common::spec::Shape::Table(table) => table.columns.len(),
            _ => panic!("a table"),
        };
        let mut mapper = Mapper::new(prepared, &spec, 0);
        let (mut held, mut each) = (Said::default(), Said::default());
        for index in 0..5 {
            let chunk = chunk(index);
            let rows = each.add(&mapper.map(&chunk).unwrap(), columns);
            assert!(rows > 3 * 30, "{rows} rows");
            let mapped = mapper.map_held(&chunk).unwrap();
            assert_eq!((mapped.records, mapped.quarantined), (98, 2));
            assert_eq!(mapped.outcomes.len(), usize::from(index > 0));
            assert_eq!(held.add(&mapped.outcomes, columns), 0);
        }
        assert!(held.add(&mapper.held().unwrap(), columns) > 3 * 30);
        assert_eq!(held, each);
        assert_eq!(mapper.held().unwrap(), []);
    }
}
