//! Walking one source: from layer to layer, down to the documents.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::{Reading, spool, zip};
use crate::cut::{Cutter, MAX_NAME, Place};
use crate::error::Halt;
use crate::plan::{Source, SourceKind};
use crate::sniff::{self, Format, is_zip, sniff};
use crate::stream::{
    Bzip2, Codec, Coded, Damage, Gzip, Inflater, Input, Lz4, Pull, Random, RawFile, Xz, Zstd,
    open_at_once,
};

/// More levels than this are not followed whatever the limit says: each takes stack.
const MAX_DEPTH: u32 = 32;
/// How many bytes are kept of an archive that is not read.
const SIGN: usize = 8;

/// Walks one source.
pub(super) struct Walker<'w, 's> {
    pub(super) reading: &'w Reading<'w>,
    pub(super) cutter: &'w mut Cutter<'s>,
    number: u32,
    source: &'w Source,
    /// Members met so far, over all levels.
    pub(super) entries: u64,
    /// Bytes in temporary files now, over all levels.
    pub(super) spooled: u64,
    pub(super) inflater: Inflater,
}

impl<'w, 's> Walker<'w, 's> {
    pub(super) fn new(
        reading: &'w Reading<'w>,
        cutter: &'w mut Cutter<'s>,
        number: u32,
        source: &'w Source,
    ) -> Self {
        Self {
            reading,
            cutter,
            number,
            source,
            entries: 0,
            spooled: 0,
            inflater: Inflater::default(),
        }
    }

    /// Cuts the source, or those of its members that are numbered in `members`.
    pub(super) fn source(&mut self, members: Option<Range<u64>>) -> Result<(), Halt> {
        let source = self.source;
        let (file, size) = match self.open() {
            Ok(opened) => opened,
            Err(damage) => return self.fault(&source.name, 0, damage),
        };
        let Reading {
            progress, shutdown, ..
        } = *self.reading;
        let mut head = [0; 8];
        if let Some(size) = size
            && file
                .read_exact_at(&mut head[..size.min(8) as usize], 0)
                .is_ok()
            && is_zip(&head)
        {
            let file = Random::new(file, size, shutdown, Some(progress));
            let members = members.unwrap_or(0..u64::MAX);
            return match self.too_deep(0) {
                Some(damage) => self.fault(&source.name, 0, damage),
                None => zip::walk(self, &source.name, &file, 0, members),
            };
        }
        let file = RawFile::new(file, size, progress, shutdown);
        self.stream(&source.name, Input::new(file), 0)
    }

    fn open(&self) -> Result<(File, Option<u64>), Damage> {
        let cannot = |error: io::Error| Damage::unusable(format!("cannot be opened: {error}"));
        let path = &self.source.path;
        match &self.source.kind {
            SourceKind::Unreadable { reason } => Err(Damage::unusable(reason.clone())),
            SourceKind::File { size } => {
                // A FIFO may have taken the file's place.
                let file = open_at_once(path).map_err(cannot)?;
                if !file.metadata().map_err(cannot)?.is_file() {
                    return Err(Damage::unusable("is no longer a regular file"));
                }
                Ok((file, Some(*size)))
            }
            SourceKind::Stream => Ok((open_at_once(path).map_err(cannot)?, None)),
            SourceKind::Stdin => match rustix::io::dup(io::stdin()) {
                Ok(stdin) => Ok((File::from(stdin), None)),
                Err(error) => Err(cannot(error.into())),
            },
        }
    }

    fn place<'n>(&self, document: &'n [u8]) -> Place<'n>
    where
        'w: 'n,
    {
        Place {
            source: self.number,
            source_name: &self.source.name,
            document,
        }
    }

    /// Accounts for a stretch that is no part of a document being cut.
    pub(super) fn fault(
        &mut self,
        document: &[u8],
        offset: u64,
        damage: Damage,
    ) -> Result<(), Halt> {
        let place = self.place(document);
        self.cutter.fault(place, offset, damage)
    }

    /// Counts one more member of `archive`, at `offset` in it. False when there are too many; the
    /// rest of the source is accounted for then.
    pub(super) fn count_entry(&mut self, archive: &[u8], offset: u64) -> Result<bool, Halt> {
        let most = self.reading.limits.entries;
        self.entries = self.entries.saturating_add(1);
        if self.entries == most.saturating_add(1) {
            let reason =
                format!("more than {most} members (limit of entries); the rest is not read");
            self.fault(archive, offset, Damage::unusable(reason))?;
        }
        Ok(self.entries <= most)
    }

    /// The name of a member; `None`, and an entry, if it is too long.
    pub(super) fn member_name(
        &mut self,
        archive: &[u8],
        member: &[u8],
        offset: u64,
    ) -> Result<Option<Vec<u8>>, Halt> {
        let name = [archive, b"!/", member].concat();
        if name.len() <= MAX_NAME {
            return Ok(Some(name));
        }
        let reason = format!(
            "a member's name of {} bytes, more than {MAX_NAME} with its archive's",
            member.len()
        );
        let mut damage = Damage::unusable(reason);
        damage.sample = gristmill_common::chunk::sample_of(member);
        self.fault(archive, offset, damage)?;
        Ok(None)
    }

    fn too_deep(&self, depth: u32) -> Option<Damage> {
        let deepest = self.reading.limits.depth.min(MAX_DEPTH);
        (depth >= deepest).then(|| {
            let reason = format!("packed more than {deepest} levels deep (limit of depth)");
            Damage::unusable(reason)
        })
    }

    /// Cuts what the stream is, or what is in it, `depth` layers down.
    pub(super) fn stream(
        &mut self,
        name: &[u8],
        mut input: Input<'_>,
        depth: u32,
    ) -> Result<(), Halt> {
        // Damage so early is met again by whoever reads on.
        let format = sniff(input.peek(sniff::ENOUGH));
        if format == Format::Plain {
            let place = self.place(name);
            return self.cutter.document(place, &mut input);
        }
        if let Format::Foreign(what) = format {
            let mut damage = Damage::unusable(format!("not supported: {what}"));
            let head = input.peek(SIGN);
            damage.sample = head[..SIGN.min(head.len())].to_vec();
            return self.fault(name, 0, damage);
        }
        if let Some(damage) = self.too_deep(depth) {
            return self.fault(name, 0, damage);
        }
        input.widen();
        match format {
            Format::Plain | Format::Foreign(_) => Ok(()),
            Format::Gzip => self.stream(name, Input::glance(Gzip::new(input)), depth + 1),
            Format::Bzip2 => self.coded(name, input, Ok(Bzip2::new()), depth),
            Format::Xz => self.coded(name, input, Xz::new(), depth),
            Format::Zstd => self.coded(name, input, Zstd::new(), depth),
            Format::Lz4 => self.coded(name, input, Ok(Lz4::default()), depth),
            Format::Tar => super::tar::walk(self, name, input, depth),
            Format::Zip => self.nested_zip(name, input, depth),
        }
    }

    fn coded(
        &mut self,
        name: &[u8],
        input: Input<'_>,
        codec: Result<impl Codec, String>,
        depth: u32,
    ) -> Result<(), Halt> {
        match codec {
            Ok(codec) => self.stream(name, Input::glance(Coded::new(input, codec)), depth + 1),
            Err(reason) => self.fault(name, 0, Damage::unusable(reason)),
        }
    }

    /// A zip needs seeking: in a stream it goes to a temporary file first.
    fn nested_zip(&mut self, name: &[u8], mut input: Input<'_>, depth: u32) -> Result<(), Halt> {
        let room = self.reading.limits.spool.saturating_sub(self.spooled);
        let (file, size) = match spool::spool(&mut input, &self.reading.tmp, room)? {
            Ok(spooled) => spooled,
            Err(damage) => return self.fault(name, 0, damage),
        };
        drop(input);
        self.spooled += size;
        let file = Random::new(file, size, self.reading.shutdown, None);
        let result = zip::walk(self, name, &file, depth, 0..u64::MAX);
        self.spooled -= size;
        result
    }

    /// Cuts a member that is read through `content`.
    pub(super) fn member(
        &mut self,
        name: &[u8],
        content: impl Pull,
        depth: u32,
    ) -> Result<(), Halt> {
        self.stream(name, Input::glance(content), depth + 1)
    }
}
