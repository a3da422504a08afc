//! What a worker's answers become: results as they are written, or pairs that are reduced.

use gristmill_common::prefix::prefix;
use gristmill_common::spec::{Exec, Out, Reduce};

use super::cold::set_aside;
use super::frame::Reader;
use super::pairs;
use super::render::{self, Origin};
use super::unit::{Failed, Unit};
use super::verdict::Verdict;
use super::warm::split;
use crate::engine::output::Output;

/// What a worker did that answers too much.
pub(super) const UNASKED: &str = "an answer that nobody asked for";
/// What a worker sent that ends too early.
const SHORT: &str = "an answer that is cut off";
/// What a worker sent that has more than it says.
const LONG: &str = "an answer that is too long";
/// The longest reason that a worker may give, in bytes.
const MOST_REASON: usize = 4 << 10;
/// The most details of a failure that are kept, in bytes.
const MOST_DETAILS: usize = 16 << 10;

/// Takes answers to the units that are `left` of a batch.
///
/// Each method returns how many units it was an answer to. After an error, what it has added is to
/// be taken out again.
pub(super) struct Answers<'a, 'u> {
    pub(super) exec: &'a Exec,
    pub(super) verdict: &'a Verdict,
    pub(super) left: &'a [Unit<'u>],
    pub(super) out: &'a mut Output,
}

impl<'a, 'u> Answers<'a, 'u> {
    /// Any number of results each: how many units these are answers to, each unit's number of
    /// results, the results' lengths, and their bytes.
    pub(super) fn outs(&mut self, payload: &[u8]) -> Result<usize, String> {
        let (units, mut counts, mut lengths, mut bytes) = self.several(payload, 1)?;
        for unit in units {
            let results = (0..counts.number().unwrap_or_default()).map(|_| {
                lengths
                    .number()
                    .and_then(|len| bytes.take(len))
                    .ok_or(SHORT)
            });
            let results = results.collect::<Result<Vec<_>, _>>()?;
            match &self.exec.reduce {
                None => {
                    for result in results {
                        render::value(&mut self.out.bytes, self.exec.out, origin(unit), result)?;
                    }
                }
                Some(reduce) => self.reduce(unit, reduce, results.into_iter().map(pairs::pair)),
            }
        }
        if bytes.0.is_empty() {
            Ok(units.len())
        } else {
            Err(LONG.into())
        }
    }

    /// Any number of pairs each: how many units these are answers to, each unit's number of pairs,
    /// for each pair the lengths of its key and value, and their bytes.
    pub(super) fn pairs(&mut self, payload: &[u8]) -> Result<usize, String> {
        let Some(reduce) = &self.exec.reduce else {
            return Err("pairs, and there is no --reduce".into());
        };
        let (units, mut counts, mut lengths, mut bytes) = self.several(payload, 2)?;
        for unit in units {
            let mut part = || {
                lengths
                    .number()
                    .and_then(|len| bytes.take(len))
                    .ok_or(SHORT)
            };
            let pairs = (0..counts.number().unwrap_or_default()).map(|_| Ok((part()?, part()?)));
            let pairs = pairs.collect::<Result<Vec<_>, &str>>()?;
            self.reduce(unit, reduce, pairs.into_iter());
        }
        if bytes.0.is_empty() {
            Ok(units.len())
        } else {
            Err(LONG.into())
        }
    }

    /// The parts of an answer with several results: the units, the numbers of their results, `each`
    /// lengths for every result, and the bytes.
    fn several<'p>(
        &self,
        payload: &'p [u8],
        each: usize,
    ) -> Result<(&'a [Unit<'u>], Reader<'p>, Reader<'p>, Reader<'p>), String> {
        let mut head = Reader(payload);
        let answered = head.number().ok_or(SHORT)?;
        let units = self.left.get(..answered).ok_or(UNASKED)?;
        let counts = head.take(answered * 4).ok_or(SHORT)?;
        let mut results = 0_usize;
        let mut all = Reader(counts);
        while let Some(count) = all.number() {
            results = results.saturating_add(count);
        }
        let lengths = results.checked_mul(4 * each).and_then(|len| head.take(len));
        Ok((units, Reader(counts), Reader(lengths.ok_or(SHORT)?), head))
    }

    /// One line each.
    pub(super) fn texts(&mut self, payload: &[u8]) -> Result<usize, String> {
        let mut head = Reader(payload);
        let answered = head.number().ok_or(SHORT)?;
        let units = self.left.get(..answered).ok_or(UNASKED)?;
        let lines = memchr::memchr_iter(b'\n', head.0).count();
        if lines != answered || head.0.last().is_some_and(|last| *last != b'\n') {
            return Err(format!("{lines} lines for {answered} records"));
        }
        if self.exec.out == Out::Lines && self.exec.reduce.is_none() {
            self.out.bytes.extend_from_slice(head.0);
            return Ok(answered);
        }
        for (unit, line) in units.iter().zip(head.0.split(|byte| *byte == b'\n')) {
            match &self.exec.reduce {
                None => render::value(&mut self.out.bytes, self.exec.out, origin(unit), line)?,
                Some(reduce) => self.reduce(unit, reduce, std::iter::once(pairs::pair(line))),
            }
        }
        Ok(answered)
    }

    /// Keeps the pairs of one unit, or sets it aside if one of them cannot be reduced.
    fn reduce<'p>(
        &mut self,
        unit: &Unit<'_>,
        reduce: &Reduce,
        pairs: impl Iterator<Item = (&'p [u8], &'p [u8])>,
    ) {
        let began = self.out.grouped.len();
        for (key, value) in pairs {
            if let Err(what) = pairs::check(reduce, key, value) {
                self.out.grouped.truncate(began);
                self.verdict.failure(&what, &[]);
                set_aside(unit, Failed::because(what), self.exec.each, self.out);
                return;
            }
            self.out.grouped.add(key, value);
        }
    }
}

/// The pairs that have come are sure: those for a table are merged.
pub(super) fn settle(exec: &Exec, out: &mut Output) {
    let Some(reduce) = &exec.reduce else { return };
    if exec.reducer().is_none() {
        for (key, value) in out.grouped.iter() {
            pairs::merge(&mut out.table, reduce, key, value);
        }
        out.grouped.clear();
    }
}

fn origin<'a>(unit: &Unit<'a>) -> Origin<'a> {
    Origin {
        document: &unit.part.piece.document,
        offset: unit.offset,
    }
}

/// A reason and its details, within bounds.
pub(super) fn failure(text: &[u8]) -> Failed {
    let text = String::from_utf8_lossy(text);
    let (reason, details) = split(&text);
    let reason = prefix(reason.trim_end(), MOST_REASON).to_owned();
    let from = details.len().saturating_sub(MOST_DETAILS);
    Failed {
        reason,
        stderr: details.as_bytes()[from..].to_vec(),
    }
}
