//! Splits whose files travel in the message that names them, as they lie on disk.

use std::fs::File;
use std::io::{self, Read};

use gristmill_common::extent::Extent;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::split_task::{SourceRef, SourceState, SplitTask};
use serde_bytes::ByteBuf;

use super::planned_file::version_of;
use super::ranges::is_packed;
use super::{Plan, PlannedFile, Source, SourceKind, Split};
use crate::sniff::{Format, is_named_as_archive, sniff_named};
use crate::stream::{Input, Origin, Random, Section, open_at_once};

/// The most bytes of files in one message. A broker takes 16 MiB at most (RabbitMQ 4).
pub(super) const MOST: u64 = 12 << 20;

/// Room for a message's head.
const HEAD: usize = 4 << 10;

impl Plan {
    /// Whether most of the inputs' bytes are in files that can travel as they are, as far as their
    /// names and sizes tell.
    #[must_use]
    pub fn is_mostly_packed(&self) -> bool {
        let Some(total) = self.total_bytes() else {
            return false;
        };
        let fitting = (self.splits.iter()).filter_map(|split| {
            let files = self.fitting(split)?;
            let size = |(_, planned): &(&Source, PlannedFile)| planned.version.size;
            let all = files.iter().all(|(source, _)| is_named_as_packed(source));
            all.then(|| files.iter().map(size).sum::<u64>())
        });
        let fitting: u64 = fitting.sum();
        fitting > 0 && fitting >= total / 2
    }

    /// The files of a split that fit one message; `None` if they do not, or not all are files.
    fn fitting(&self, split: &Split) -> Option<Vec<(&Source, PlannedFile)>> {
        if split.extent != Extent::Whole {
            return None;
        }
        let mut size = 0_u64;
        let mut files = Vec::with_capacity(split.sources.len());
        for number in split.sources.clone() {
            let source = self.source(number)?;
            let SourceKind::File(planned) = source.kind else {
                return None;
            };
            size = size.saturating_add(planned.version.size);
            files.push((source, planned));
        }
        (size <= MOST).then_some(files)
    }

    /// The message of a split and the bytes of its files, if these can travel as they are: they fit
    /// one message, each is compressed or an archive, and none has changed since the job was
    /// planned. `None` where the split is to be read here.
    #[must_use]
    pub fn attached(&self, number: u32) -> Option<(SplitTask, Vec<u8>)> {
        let split = self.split(number)?;
        let files = self.fitting(split)?;
        let size: u64 = (files.iter())
            .map(|(_, planned)| planned.version.size)
            .sum();
        let mut bytes = Vec::with_capacity(size as usize + HEAD);
        let mut sources = Vec::with_capacity(files.len());
        for (source, planned) in files {
            let begin = bytes.len();
            if !matches!(append(&mut bytes, source, planned), Ok(true)) {
                return None;
            }
            sources.push(SourceRef {
                name: ByteBuf::from(source.name.clone()),
                chosen: source.chosen,
                state: SourceState::Attached((bytes.len() - begin) as u64),
            });
        }
        let task = SplitTask {
            split: number,
            chunk_size: self.chunk_size as u64,
            folder: ByteBuf::new(),
            first_source: split.sources.start,
            sources,
            extent: Extent::Whole,
        };
        Some((task, bytes))
    }
}

/// Whether a source's name ends as those of compressed files and archives do.
pub(super) fn is_named_as_packed(source: &Source) -> bool {
    is_packed(&source.name) || is_named_as_archive(&source.name)
}

/// Appends a file's bytes; false if it is no compressed file or archive, or has changed.
///
/// # Errors
/// When it cannot be read.
fn append(bytes: &mut Vec<u8>, source: &Source, planned: PlannedFile) -> io::Result<bool> {
    let file = open_at_once(&source.path)?;
    let found = file.metadata()?;
    if !found.is_file() || version_of(&found) != planned.version {
        return Ok(false);
    }
    let size = planned.version.size;
    if !begins_packed(&file, size, &source.name)? {
        return Ok(false);
    }
    let begin = bytes.len();
    (&file).take(size + 1).read_to_end(bytes)?;
    // It may have been written to meanwhile.
    Ok((bytes.len() - begin) as u64 == size && version_of(&file.metadata()?) == planned.version)
}

/// Whether a file is compressed or an archive, by its first bytes.
fn begins_packed(file: &File, size: u64, name: &[u8]) -> io::Result<bool> {
    let shutdown = Shutdown::new();
    let random = Random::new(Origin::File(file.try_clone()?), size, &shutdown, None);
    let mut input = Input::glance(Section::unseen(&random, 0, size));
    Ok(match sniff_named(name, &mut input) {
        Format::Plain | Format::Utf16 { .. } | Format::Foreign(_) => false,
        Format::Gzip
        | Format::Bzip2
        | Format::Xz
        | Format::Lzip
        | Format::Lzma
        | Format::Zstd
        | Format::Lz4
        | Format::Zlib
        | Format::Snappy
        | Format::Archive(_) => true,
    })
}
