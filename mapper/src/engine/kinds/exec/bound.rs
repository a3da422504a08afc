//! The bound on what is held of one chunk: its results wait in memory until the last of them is
//! there.
//!
//! A chunk past it fails the job. To set units aside instead would make the output depend on the
//! size of chunks (invariant I6).

use super::verdict::Verdict;
use crate::engine::output::Output;

/// The most results of one chunk, and the most stderr of its units that were set aside, in bytes.
const MOST: usize = 256 << 20;
/// The entries are added up each time that this many came, because adding up takes long.
const ENTRIES: usize = 256;

/// Fails the job if a chunk's results are more than may be held.
pub(super) fn check(out: &Output, verdict: &Verdict) {
    if let Some(excess) = out.counters.excess() {
        verdict.fail(format!("exec: {excess}"));
    }
    let entries = &out.quarantined;
    let details = match entries.len() % ENTRIES {
        0 => entries.iter().map(|entry| entry.stderr.len()).sum(),
        _ => 0,
    };
    for (what, bytes) in [("results", out.size()), ("stderr of failures", details)] {
        if bytes > MOST {
            verdict.fail(format!(
                "exec: the {what} of one chunk take more than 256MiB: make chunks smaller \
                 (--chunk-size, or --piece with --each chunk), or have the program write less"
            ));
        }
    }
}
