//! Grouping sources into splits: small files together, each big one for itself, a big zip in ranges
//! of its directory, a big text in ranges of its lines.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use gristmill_common::extent::Extent;
use gristmill_common::name::shown;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{JobSpec, Kind, Records, Shape};
use parking_lot::Mutex;

use super::{PlanError, Source, SourceKind, Split};
use crate::directory::locate;
use crate::seek::{SeekPoint, SeekTable};
use crate::sniff::{
    ENOUGH_TEXT, Format, is_plain, is_zip, may_hide_zip, may_hide_zip_in_stream, named_as_part,
    sniff,
};
use crate::stream::{Input, Origin, Random, Section, open_at_once};
use crate::unpack::unpacked;
use crate::whole::{self, Whole};

/// Most sources of one split, however small they are.
const MOST: u32 = 4096;
/// A zip of this size is read in ranges: two of them at least.
const BIG_ZIP: u64 = 2 << 20;
/// The least that a range holds, in compressed bytes.
const RANGE: u64 = 1 << 20;
/// Most ranges of one zip: each reads the directory from its beginning.
const MOST_RANGES: u64 = 64;
/// A text of twice this size is read in ranges of it.
const TEXT: u64 = 64 << 20;
/// The same in a job of many large inputs.
const MOST_TEXT: u64 = 1 << 30;
/// How far apart in the file the ranges of a compressed text begin at least, whatever a made-up
/// index states.
const PACKED_APART: u64 = 256 << 10;
/// Objects that are looked into at a time.
const ASKING: usize = 16;
/// How names end of objects that are not looked into.
const PACKED: [&[u8]; 12] = [
    b".gz", b".tgz", b".bz2", b".tbz2", b".xz", b".txz", b".zst", b".tzst", b".lz4", b".lz",
    b".lzma", b".sz",
];
/// What a member counts beside its bytes.
const MEMBER: u64 = 128;

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
    let mut parts_of = parts_of_all(sources, sizes, spec)?;
    let mut splits: Vec<Split> = Vec::new();
    let mut weight = u64::MAX;
    for (number, source) in sources.iter().enumerate() {
        let number = number as u32;
        let size = match source.kind {
            SourceKind::Unreadable { .. } => 0,
            // A stream is for itself: nothing should wait until it ends.
            _ => source.size().unwrap_or(u64::MAX),
        };
        let parts = parts_of.remove(&number).unwrap_or_default();
        if parts.len() > 1 {
            splits.extend(parts.into_iter().map(|extent| Split {
                sources: number..number + 1,
                extent,
            }));
            weight = u64::MAX;
            continue;
        }
        let sum = weight.saturating_add(size);
        match splits.last_mut() {
            Some(split) if sum <= sizes.group && number - split.sources.start < MOST => {
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

/// What may be cut.
struct Cuts {
    /// The length of a range, in bytes of text.
    range: u64,
    /// Which files are documents as they are stored.
    whole: Whole,
    /// Plain texts.
    text: bool,
    /// Compressed texts, where a line is a record: one that begins right where decoding does could
    /// not be told from others.
    packed_text: bool,
}

/// The parts of all large sources that have any, by the number of the source.
///
/// Each object that is looked into is a question over a network, so many are asked at a time.
fn parts_of_all(
    sources: &[Source],
    sizes: Sizes,
    spec: &JobSpec,
) -> Result<HashMap<u32, Vec<Extent>>, PlanError> {
    let cuts = Cuts {
        range: sizes.text,
        whole: Whole::new(spec)?,
        text: spec.cuts_text(),
        packed_text: spec.cuts_text() && spec.records == Records::Lines,
    };
    let mut parts = HashMap::new();
    let mut objects = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        match (&source.kind, source.size()) {
            (_, None) => {}
            (_, Some(size)) if size < BIG_ZIP => {}
            (SourceKind::Object(_), _) if !may_have_parts(&source.name) => {}
            (SourceKind::Object(_), _) => objects.push(number as u32),
            (_, Some(size)) => {
                parts.insert(number as u32, parts_of(source, size, &cuts)?);
            }
        }
    }
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Ok(parts)));
    let ask = || {
        while let Some(&number) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            let source = &sources[number as usize];
            let asked = parts_of(source, source.size().unwrap_or(0), &cuts);
            let mut found = found.lock();
            match (asked, &mut *found) {
                (Ok(extents), Ok(parts)) => {
                    parts.insert(number, extents);
                }
                (Err(error), Ok(_)) => *found = Err(error),
                (_, Err(_)) => return,
            }
        }
    };
    match objects.len() {
        0 => {}
        1 => ask(),
        many => std::thread::scope(|scope| {
            for _ in 0..many.min(ASKING) {
                scope.spawn(ask);
            }
        }),
    }
    found.into_inner()
}

/// Whether an object's name says that it is packed and read from its beginning to its end, unless
/// it says at its end that it has parts.
pub(crate) fn is_packed(name: &[u8]) -> bool {
    PACKED.iter().any(|suffix| name.ends_with(suffix))
}

/// Whether an object of this name may have parts that one or two questions tell.
fn may_have_parts(name: &[u8]) -> bool {
    !is_packed(name) || name.ends_with(b".xz") || name.ends_with(b".zst")
}

/// The parts of a large source that are read apart from each other, if it has any.
///
/// # Errors
/// When an object cannot be looked into.
fn parts_of(source: &Source, size: u64, cuts: &Cuts) -> Result<Vec<Extent>, PlanError> {
    let shutdown = Shutdown::new();
    let origin = match &source.kind {
        SourceKind::Object(object) => Origin::object(&object.0),
        _ => match open_at_once(&source.path) {
            Ok(file) => Origin::File(file),
            Err(_) => return Ok(Vec::new()),
        },
    };
    let trouble = match &origin {
        Origin::Object(_, trouble) => Some(trouble.clone()),
        Origin::File(_) => None,
    };
    let file = Random::new(origin, size, &shutdown, None);
    let members = zip_ranges(source, &file, &cuts.whole);
    let table = || match cuts.packed_text {
        true => SeekTable::find(
            &file,
            SeekPoint {
                packed: PACKED_APART,
                text: cuts.range,
            },
        ),
        false => None,
    };
    let extents = if members.len() > 1 || !cuts.text || named_as_part(&source.name) {
        members.into_iter().map(Extent::Members).collect()
    } else if let Some(table) = table() {
        packed_ranges(&table, &file)
    } else if size >= 2 * cuts.range && is_text(&file) {
        text_ranges(size, cuts.range)
    } else {
        Vec::new()
    };
    match trouble.and_then(|trouble| trouble.error()) {
        Some(error) => Err(PlanError::Object {
            name: shown(&source.name).into_owned(),
            error,
        }),
        None => Ok(extents),
    }
}

/// The ranges of a text of `size` bytes, each of `range` bytes but the last, which is longer.
fn text_ranges(size: u64, range: u64) -> Vec<Extent> {
    let starts = (0..size / range).map(|part| part * range);
    let ends = (1..size / range).map(|part| part * range).chain([size]);
    let ranges = starts.zip(ends);
    ranges
        .map(|(start, end)| Extent::Lines {
            range: start..end,
            size,
        })
        .collect()
}

/// The ranges of a compressed text, if it is one.
fn packed_ranges(table: &SeekTable, file: &Random<'_>) -> Vec<Extent> {
    let size = table.text();
    if table.stretches().nth(1).is_none() || !holds_text(file) {
        return Vec::new();
    }
    let stretches = table.stretches();
    stretches
        .map(|(start, end)| Extent::Packed {
            packed: start.packed..end.packed,
            text: start.text..end.text,
            size,
        })
        .collect()
}

/// Whether what a compressed file holds is plain text by its first bytes.
fn holds_text(file: &Random<'_>) -> bool {
    let mut packed = Input::glance(Section::unseen(file, 0, file.size()));
    let format = sniff(&mut packed);
    match unpacked(&format, packed) {
        Some(Ok(mut text)) => {
            sniff(&mut text) == Format::Plain && !may_hide_zip_in_stream(&mut text)
        }
        Some(Err(_)) | None => false,
    }
}

/// Whether a file is plain text by its first bytes, and nothing else may stand behind them.
fn is_text(file: &Random<'_>) -> bool {
    let mut head = [0; ENOUGH_TEXT];
    let head = match file.head(&mut head) {
        Ok(got) => &head[..got],
        Err(_) => return false,
    };
    !may_hide_zip(head) && is_plain(file)
}

/// The ranges of a zip's members that are read apart from each other; none if it is not a zip or
/// its directory cannot be read, which is for the reader to say.
fn zip_ranges(source: &Source, file: &Random<'_>, whole: &Whole) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let mut head = [0; whole::ENOUGH];
    let read = file.head(&mut head);
    if !read.is_ok_and(|got| got == head.len()) || !is_zip(&head) || whole.is(&source.name, &head) {
        return ranges;
    }
    let Ok(directory) = locate(file) else {
        return ranges;
    };
    let enough = RANGE.max(file.size() / MOST_RANGES);
    let mut buffer = vec![0; 256 << 10];
    let mut entries = directory.entries(&mut buffer);
    let (mut start, mut number, mut weight) = (0, 0, 0_u64);
    while let Ok(Some(record)) = entries.next_entry() {
        if weight >= enough && (ranges.len() as u64) < MOST_RANGES - 1 {
            ranges.push(start..number);
            start = number;
            weight = 0;
        }
        number += 1;
        weight = weight.saturating_add(record.compressed_size_hint().saturating_add(MEMBER));
    }
    // The last range reaches past the end, so that damage there is met.
    ranges.push(start..u64::MAX);
    ranges
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
    }

    #[test]
    fn ranges_are_larger_in_a_job_of_many_large_files() {
        let sizes = |count, size| Sizes::of(&files(count, size), &JobSpec::of(word_count())).text;
        assert_eq!(sizes(100, 1 << 30), TEXT);
        assert_eq!(sizes(1000, 1 << 30), 250 << 20);
        assert_eq!(sizes(1, u64::MAX), MOST_TEXT);
        let ranges = text_ranges(1000, 300);
        let ends = ranges.iter().map(|extent| match extent {
            Extent::Lines { range, .. } => range.end,
            _ => 0,
        });
        assert!(ends.eq([300, 600, 1000]));
    }
}
