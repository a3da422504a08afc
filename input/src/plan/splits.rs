//! Grouping sources into splits: small files together, each big one for itself, a big zip in ranges
//! of its directory, a big text in ranges of its lines.

use gristmill_common::extent::Extent;
use gristmill_common::spec::{JobSpec, Kind, Shape};

use super::attached;
use super::ranges::ranges_of_all;
use super::{PlanError, Source, SourceKind, Split};

/// Most sources of one split, however small they are.
const MOST: u32 = 4096;
/// A text of twice this size is read in ranges of it.
const TEXT: u64 = 64 << 20;
/// The same in a job of many large inputs.
const MOST_TEXT: u64 = 1 << 30;
/// Small files are grouped to about this size on disk.
const GROUP: u64 = 1 << 20;
/// The same in a job of very many.
const MOST_GROUP: u64 = 64 << 20;
/// Past about so many splits, groups and ranges are made larger instead: each costs a broker some
/// messages.
const SPLITS: u64 = 4096;

/// How large splits are aimed at. It depends on the inputs and the spec alone, not on chunks: which
/// part file a split's results go to must not depend on how the job is run (I6).
#[derive(Clone, Copy)]
struct Sizes {
    /// Of files together, in bytes on disk.
    group: u64,
    /// Of a range, in bytes of text.
    text: u64,
}

impl Sizes {
    /// Large ones only where a split leaves little behind that waits for others, and is done soon.
    fn of(sources: &[Source], spec: &JobSpec) -> Self {
        let sizes = sources.iter().filter_map(Source::size);
        let total = sizes.fold(0_u64, u64::saturating_add);
        let share = match (&spec.kind, spec.kind.shape()) {
            (Kind::Exec(_), _) => 0,
            (_, Shape::Table(_)) => total / SPLITS,
            (_, Shape::Ordered | Shape::Grouped) => 0,
        };
        Self {
            group: share.clamp(GROUP, MOST_GROUP),
            text: share.clamp(TEXT, MOST_TEXT),
        }
    }
}

/// Groups consecutive sources to splits.
///
/// # Errors
/// When an object cannot be looked into.
pub(super) fn group(sources: &[Source], spec: &JobSpec) -> Result<Vec<Split>, PlanError> {
    let sizes = Sizes::of(sources, spec);
    let mut ranges_of = ranges_of_all(sources, sizes.text, spec)?;
    let mut splits: Vec<Split> = Vec::new();
    let mut weight = u64::MAX;
    for (number, source) in sources.iter().enumerate() {
        let number = number as u32;
        let size = match source.kind {
            SourceKind::Unreadable { .. } => 0,
            // A stream is for itself: nothing should wait until it ends.
            _ => source.size().unwrap_or(u64::MAX),
        };
        let ranges = ranges_of.remove(&number).unwrap_or_default();
        if ranges.len() > 1 {
            splits.extend(ranges.into_iter().map(|extent| Split {
                sources: number..number + 1,
                extent,
            }));
            weight = u64::MAX;
            continue;
        }
        let sum = weight.saturating_add(size);
        // Those that are compressed unfold, and together they are to fit a message.
        let most = match attached::is_named_as_packed(source) {
            true => sizes.group.min(attached::MOST),
            false => sizes.group,
        };
        match splits.last_mut() {
            Some(split) if sum <= most && number - split.sources.start < MOST => {
                split.sources.end = number + 1;
                weight = sum;
            }
            _ => {
                splits.push(Split {
                    sources: number..number + 1,
                    extent: Extent::Whole,
                });
                weight = size;
            }
        }
    }
    Ok(splits)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use gristmill_common::spec::{Grep, WordCount, Words};
    use gristmill_common::split_task::FileVersion;

    use super::*;
    use crate::plan::PlannedFile;

    /// Files of this size, which nobody can open.
    fn files(count: u32, size: u64) -> Vec<Source> {
        let file = |number| Source {
            name: format!("{number}.log").into_bytes(),
            path: PathBuf::new(),
            kind: SourceKind::File(PlannedFile::elsewhere(FileVersion {
                size,
                seconds: 0,
                nanos: 0,
            })),
            chosen: false,
            ahead: None,
        };
        (0..count).map(file).collect()
    }

    fn word_count() -> Kind {
        Kind::WordCount(WordCount {
            words: Words::Ascii,
            top: None,
        })
    }

    #[test]
    fn a_job_of_very_many_files_has_larger_splits_if_each_is_done_soon() {
        let splits = |kind: Kind, count| {
            let splits = group(&files(count, 1 << 20), &JobSpec::of(kind)).unwrap();
            splits.len()
        };
        assert_eq!(splits(word_count(), 4000), 4000);
        // 2.5 MiB each.
        assert_eq!(splits(word_count(), 10_240), 5120);
        // At most 64 MiB each.
        assert_eq!(splits(word_count(), 1 << 20), 1 << 14);
        assert_eq!(splits(Kind::Grep(Grep::of("")), 10_240), 10_240);
        // Of compressed ones as many as fit a message.
        let mut packed = files(1 << 20, 1 << 20);
        for source in &mut packed {
            source.name.extend_from_slice(b".gz");
        }
        let spec = JobSpec::of(word_count());
        assert_eq!(group(&packed, &spec).unwrap().len(), (1 << 20) / 12 + 1);
    }

    #[test]
    fn ranges_are_larger_in_a_job_of_many_large_files() {
        let sizes = |count, size| Sizes::of(&files(count, size), &JobSpec::of(word_count())).text;
        assert_eq!(sizes(100, 1 << 30), TEXT);
        assert_eq!(sizes(1000, 1 << 30), 250 << 20);
        assert_eq!(sizes(1, u64::MAX), MOST_TEXT);
    }
}
