//! What a mapper and its child say to each other: a line of JSON, the file that the job needs if it
//! needs one, and the chunk's message there; a line of JSON and the outcomes back. Both are the
//! same program.

use std::ops::Range;

use bytes::Bytes;
use gristmill_common::counters::Counters;
use gristmill_common::spec::JobSpec;
use serde::{Deserialize, Serialize};

use crate::engine::mapper::{Mapped, PoisonRecord};

/// What a child is to do; the files and the chunk's message follow.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) spec: JobSpec,
    pub(super) splits: u32,
    /// The lengths of the job's files.
    pub(super) files: Vec<u64>,
    /// Limit of processor time, in seconds.
    pub(super) seconds: u64,
    /// Limit of address space, in bytes.
    pub(super) memory: u64,
    /// Only these records, and no answer.
    pub(super) probe: Option<Range<u64>>,
    /// In order of their records.
    pub(super) poison: Vec<PoisonRecord>,
}

/// What came out; the outcomes' bytes follow, end to end.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Head {
    records: u64,
    quarantined: u64,
    /// Partition and length of each outcome.
    outcomes: Vec<(u32, usize)>,
}

/// A child's answer.
#[derive(Debug)]
pub(super) struct Answer(Mapped);

impl From<Answer> for Mapped {
    fn from(answer: Answer) -> Self {
        answer.0
    }
}

impl Answer {
    pub(super) fn of(mapped: Mapped) -> Self {
        Self(mapped)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let outcomes = &self.0.outcomes;
        let head = Head {
            records: self.0.records,
            quarantined: self.0.quarantined,
            outcomes: (outcomes.iter())
                .map(|(partition, message)| (*partition, message.len()))
                .collect(),
        };
        // Numbers only: this cannot fail.
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.push(b'\n');
        for (_, message) in outcomes {
            bytes.extend_from_slice(message);
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let line = memchr::memchr(b'\n', bytes)?;
        let head: Head = serde_json::from_slice(&bytes[..line]).ok()?;
        let mut rest = Bytes::copy_from_slice(&bytes[line + 1..]);
        let mut outcomes = Vec::with_capacity(head.outcomes.len());
        for (partition, len) in head.outcomes {
            if len > rest.len() {
                return None;
            }
            outcomes.push((partition, rest.split_to(len)));
        }
        rest.is_empty().then_some(Self(Mapped {
            outcomes,
            records: head.records,
            quarantined: head.quarantined,
            // Of programs, and none is run in there.
            counters: Counters::default(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_whole_or_not_at_all() {
        let mapped = Mapped {
            outcomes: vec![(1, Bytes::from_static(b"one\n")), (0, Bytes::new())],
            records: 7,
            quarantined: 2,
            counters: Counters::default(),
        };
        let bytes = Answer::of(mapped.clone()).encode();
        let back: Mapped = Answer::decode(&bytes).unwrap().into();
        assert_eq!(back, mapped);
        for end in 0..bytes.len() {
            assert!(Answer::decode(&bytes[..end]).is_none(), "{end}");
        }
    }
}
