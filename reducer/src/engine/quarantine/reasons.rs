//! How often each reason was given.

use std::collections::HashMap;

use gristmill_common::commonest::commonest;

use crate::engine::reduce_error::QuarantineFull;

/// How many different reasons are counted; what comes later counts as none of them.
const MAX_REASONS: usize = 1000;

/// Reasons and how often each was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reasons {
    numbers: HashMap<String, usize>,
    times: Vec<u64>,
}

impl Reasons {
    /// The number to count a reason by; none where there are too many of them.
    pub(super) fn number(&mut self, reason: &str) -> Option<usize> {
        let known = self.numbers.get(reason).copied();
        if known.is_none() && self.times.len() < MAX_REASONS {
            self.numbers.insert(reason.to_owned(), self.times.len());
            self.times.push(0);
            return Some(self.times.len() - 1);
        }
        known
    }

    /// Counts a reason by its number.
    pub(super) fn count(&mut self, number: Option<usize>, times: u64) {
        if let Some(number) = number {
            self.times[number] += times;
        }
    }

    pub(crate) fn add(&mut self, other: &Reasons) {
        for (reason, times) in other.by_count() {
            let number = self.number(&reason);
            self.count(number, times);
        }
    }

    /// The reasons, the commonest first.
    pub(crate) fn by_count(&self) -> Vec<(String, u64)> {
        self.commonest(usize::MAX)
    }

    /// The `most` commonest reasons, and how often each was given.
    pub(crate) fn commonest(&self, most: usize) -> Vec<(String, u64)> {
        let given = self.numbers.iter();
        commonest(
            given.map(|(reason, &number)| (&reason[..], self.times[number])),
            most,
        )
    }

    /// The error that says that `limit` is passed.
    pub(crate) fn overflow(&self, limit: u64, entries: u64) -> QuarantineFull {
        let (reason, count) = self.commonest(1).pop().unwrap_or_default();
        QuarantineFull {
            limit,
            entries,
            reason,
            count,
        }
    }
}
