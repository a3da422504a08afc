//! Units that were too large for their chunk, for workers, which get all bytes in a frame.

use std::io;

use gristmill_common::spec::Exec;

use super::cold::{CHANGED, set_aside};
use super::pool::Pool;
use super::unit::{Failed, Unit};
use super::verdict::Verdict;
use crate::engine::output::Output;

/// The largest document that a worker gets, in bytes.
const MOST_CONTENT: u64 = 64 << 20;

/// Reads the units that are not in their chunk, and sets those aside that are too large for a
/// worker.
pub(super) fn load(
    exec: &Exec,
    pool: &Pool,
    verdict: &Verdict,
    units: &mut Vec<Unit<'_>>,
    out: &mut Output,
) -> Vec<Option<Vec<u8>>> {
    units.retain(|unit| {
        let fits = unit.part.piece.large <= MOST_CONTENT;
        if !fits {
            let failed = Failed::because("larger than the 64MiB that a worker may get");
            set_aside(unit, failed, exec.each, out);
            pool.done(unit);
        }
        fits
    });
    let read = |unit: &Unit<'_>| {
        let file = pool.large(unit)?;
        let bytes = std::fs::read(&file);
        let cannot = |error: &io::Error| {
            let file = file.display();
            verdict.fail_here(format!("cannot read {file}: {error}"));
        };
        bytes.inspect_err(cannot).ok()
    };
    let mut files = Vec::new();
    units.retain(|unit| {
        let bytes = read(unit);
        let is = bytes.as_ref().is_none_or(|bytes| pool.is(unit, bytes));
        match is {
            true => files.push(bytes),
            false => {
                set_aside(unit, Failed::because(CHANGED), exec.each, out);
                pool.done(unit);
            }
        }
        is
    });
    files
}
