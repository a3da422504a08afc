//! Grouping sources into splits: small files together, each big one for itself, a big zip in ranges
//! of its directory, a big text in ranges of its lines.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use gristmill_common::extent::Extent;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;

use super::{Source, SourceKind, Split};
use crate::directory::locate;
use crate::sniff::{ENOUGH_TEXT, Format, is_zip, may_hide_zip, sniff};
use crate::stream::{Input, Random, RawFile, open_at_once};
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
/// What a member counts beside its bytes.
const MEMBER: u64 = 128;

/// Small files are grouped to about this size on disk. A constant, not the size of a chunk: which
/// part file a split's results go to must not depend on how the job is run (I6).
const GROUP: u64 = 1 << 20;

/// Groups consecutive sources to splits of about [`GROUP`] bytes on disk.
/// A large text is cut into ranges of lines where `cuts_text` says that it may be.
pub(super) fn group(sources: &[Source], whole: &Whole, cuts_text: bool) -> Vec<Split> {
    let mut splits: Vec<Split> = Vec::new();
    let mut weight = u64::MAX;
    for (number, source) in sources.iter().enumerate() {
        let number = number as u32;
        let size = match source.kind {
            SourceKind::File { size } => size,
            SourceKind::Unreadable { .. } => 0,
            // A stream is for itself: nothing should wait until it ends.
            SourceKind::Stream | SourceKind::Stdin => u64::MAX,
        };
        let parts = match size {
            u64::MAX => Vec::new(),
            _ => parts_of(source, size, whole, cuts_text),
        };
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
            Some(split) if sum <= GROUP && number - split.sources.start < MOST => {
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
    splits
}

/// The parts of a large source that are read apart from each other, if it has any.
fn parts_of(source: &Source, size: u64, whole: &Whole, cuts_text: bool) -> Vec<Extent> {
    if size < BIG_ZIP {
        return Vec::new();
    }
    let members = zip_ranges(source, size, whole);
    if members.len() > 1 || !cuts_text || size < 2 * TEXT {
        return members.into_iter().map(Extent::Members).collect();
    }
    if !is_text(source, size) {
        return Vec::new();
    }
    let starts = (0..size / TEXT).map(|part| part * TEXT);
    let ends = (1..size / TEXT).map(|part| part * TEXT).chain([size]);
    let ranges = starts.zip(ends);
    ranges
        .map(|(start, end)| Extent::Lines {
            range: start..end,
            size,
        })
        .collect()
}

/// Whether a file is plain text by its first bytes.
fn is_text(source: &Source, size: u64) -> bool {
    let Ok(file) = open_at_once(&source.path) else {
        return false;
    };
    let mut head = [0; ENOUGH_TEXT];
    let head = match file.read_at(&mut head, 0) {
        Ok(got) => &head[..got],
        Err(_) => return false,
    };
    if may_hide_zip(head) {
        return false;
    }
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let file = RawFile::new(file, Some(size), &progress, &shutdown);
    sniff(&mut Input::glance(file)) == Format::Plain
}

/// The ranges of a zip's members that are read apart from each other; none if it is not a zip or
/// its directory cannot be read, which is for the reader to say.
fn zip_ranges(source: &Source, size: u64, whole: &Whole) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let Ok(file) = File::open(&source.path) else {
        return ranges;
    };
    let mut head = [0; whole::ENOUGH];
    if file.read_exact_at(&mut head, 0).is_err() || !is_zip(&head) || whole.is(&source.name, &head)
    {
        return ranges;
    }
    let shutdown = Shutdown::new();
    let file = Random::new(file, size, &shutdown, None);
    let Ok(directory) = locate(&file) else {
        return ranges;
    };
    let enough = RANGE.max(size / MOST_RANGES);
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
