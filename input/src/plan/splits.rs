//! Grouping sources into splits: small files together, each big one for itself, a big zip in ranges
//! of its directory.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use gristmill_common::shutdown::Shutdown;

use super::{Source, SourceKind, Split};
use crate::directory::locate;
use crate::sniff::is_zip;
use crate::stream::Random;

/// Most sources of one split, however small they are.
const MOST: u32 = 4096;
/// A zip of this size is read in ranges: two of them at least.
const BIG_ZIP: u64 = 2 << 20;
/// The least that a range holds, in compressed bytes.
const RANGE: u64 = 1 << 20;
/// Most ranges of one zip: each reads the directory from its beginning.
const MOST_RANGES: u64 = 64;
/// What a member counts beside its bytes.
const MEMBER: u64 = 128;

/// Small files are grouped to about this size on disk. A constant, not the size of a chunk: which
/// part file a split's results go to must not depend on how the job is run (I6).
const GROUP: u64 = 1 << 20;

/// Groups consecutive sources to splits of about [`GROUP`] bytes on disk.
pub(super) fn group(sources: &[Source]) -> Vec<Split> {
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
        if size >= BIG_ZIP && size != u64::MAX {
            let ranges = zip_ranges(source, size);
            if ranges.len() > 1 {
                splits.extend(ranges.into_iter().map(|members| Split {
                    sources: number..number + 1,
                    members: Some(members),
                }));
                weight = u64::MAX;
                continue;
            }
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
                    members: None,
                });
                weight = size;
            }
        }
    }
    splits
}

/// The ranges of a zip's members that are read apart from each other; none if it is not a zip or
/// its directory cannot be read, which is for the reader to say.
fn zip_ranges(source: &Source, size: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let Ok(file) = File::open(&source.path) else {
        return ranges;
    };
    let mut head = [0; 8];
    if file.read_exact_at(&mut head, 0).is_err() || !is_zip(&head) {
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
