//! A large source that is one split: one thread of one mapper reads all of it.

use gristmill_common::extent::Extent;
use gristmill_common::name::on_one_line;
use gristmill_input::{Plan, Split};
use indicatif::HumanBytes;

/// A smaller source is soon read, whatever the others do.
const LEAST: u64 = 256 << 20;

/// What to say of the largest source that is one split and at least a quarter of a job of splits;
/// `None` if there is none.
#[must_use]
pub fn hint(plan: &Plan) -> Option<String> {
    let total = plan.total_bytes()?;
    let size_of = |split: &Split| {
        let source = plan.source(split.sources.start)?;
        let alone = split.extent == Extent::Whole && split.sources.len() == 1;
        source.size().filter(|_| alone).map(|size| (size, source))
    };
    let largest = plan.splits().iter().filter_map(size_of);
    let (size, source) = largest.max_by_key(|(size, _)| *size)?;
    (size >= LEAST && size >= total / 4).then(|| {
        format!(
            "{} ({} of {}) is one split, which one thread of one mapper reads; --send chunks reads it here and \
             shares its text among all mappers",
            on_one_line(&source.name),
            HumanBytes(size),
            HumanBytes(total),
        )
    })
}
