//! Of which jobs chunks are taken, and how many ahead.

use gristmill_common::job::JobName;

/// Chunks in hand beside those that threads work on. A broker takes milliseconds to confirm an
/// outcome, and small chunks are mapped in microseconds: with few in hand the threads would wait.
pub(super) const AHEAD: usize = 14;

/// How many chunks of each of so many jobs are taken ahead: enough for all threads with one job,
/// little of each when there are many, so that what is in hand stays bounded.
pub(super) fn share_of(threads: usize, jobs: usize) -> u16 {
    let all = threads.max(1) + AHEAD;
    let share = all.div_ceil(jobs.max(1)).max(2);
    u16::try_from(share).unwrap_or(u16::MAX)
}

/// All names, beginning after the cursor.
pub(super) fn rotated<'a>(
    names: &'a [JobName],
    cursor: Option<&JobName>,
) -> impl Iterator<Item = &'a JobName> {
    let start = match cursor {
        Some(cursor) => names.partition_point(|name| name <= cursor),
        None => 0,
    };
    names[start..].iter().chain(&names[..start])
}
