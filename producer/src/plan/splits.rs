//! Grouping sources into splits: small files together, each big one for itself.

use super::{Source, SourceKind, Split};

/// Most sources of one split, however small they are.
const MOST: u32 = 4096;

/// Groups consecutive sources to splits of about `chunk_size` bytes on disk.
pub(super) fn group(sources: &[Source], chunk_size: usize) -> Vec<Split> {
    let most = chunk_size as u64;
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
        let sum = weight.saturating_add(size);
        match splits.last_mut() {
            Some(split) if sum <= most && number - split.sources.start < MOST => {
                split.sources.end = number + 1;
                weight = sum;
            }
            _ => {
                splits.push(Split {
                    sources: number..number + 1,
                });
                weight = size;
            }
        }
    }
    splits
}
