//! Walking one source: from layer to layer, down to the documents.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::expanded::Counted;
use super::walk_error::WalkError;
use super::zip_file::{ByEnd, by_end};
use super::{ReaderAhead, Reading, ar, cpio, lines, packed, spool, tar, zip};
use gristmill_common::extent::Extent;
use gristmill_common::progress::Progress;

use crate::cut::{Cutter, MAX_NAME, Place, Stretch};
use crate::directory::is_there;
use crate::error::Halt;
use crate::object::Object;
use crate::plan::{Source, SourceKind, Take, is_packed};
use crate::sniff::{Format, may_hide_zip_in_stream, sniff_named};
use crate::stream::{
    Coded, Damage, Inflater, Input, ObjectPull, Origin, Prefixed, Pull, Random, RawFile, Section,
    Trouble, Utf16, open_at_once,
};
use crate::unpack::unpacked;
use crate::whole;

/// More levels than this are not followed whatever the limit says: each takes stack.
pub(crate) const MAX_DEPTH: u32 = 32;
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
    /// The globs choose among the members of the archive at hand.
    choosing: bool,
    /// The stream at hand is read if it is a document: else it is looked into for an archive.
    chosen: bool,
    /// The same for the member that was asked about last.
    next_chosen: bool,
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
            choosing: !source.chosen,
            chosen: true,
            next_chosen: true,
        }
    }

    /// Cuts the source, or a part of it.
    pub(super) fn source(
        &mut self,
        extent: Extent,
        ahead: &mut ReaderAhead<'_>,
    ) -> Result<(), Halt> {
        let source = self.source;
        if let SourceKind::Object(object) = &source.kind {
            return self.object(&object.0, extent, ahead);
        }
        let (file, size) = match self.open(&extent) {
            Ok(opened) => opened,
            Err(damage) => return self.fault(&source.name, 0, damage),
        };
        let Reading {
            progress, shutdown, ..
        } = *self.reading;
        let members = match extent {
            Extent::Whole => 0..u64::MAX,
            Extent::Members(members) => members,
            Extent::Lines { range, size } => {
                let file = Random::new(Origin::File(file), size, shutdown, Some(progress));
                return lines::walk(self, &source.name, &file, range);
            }
            Extent::Packed { packed, text, size } => {
                let planned = source.size().unwrap_or(0);
                let file = Random::new(Origin::File(file), planned, shutdown, Some(progress));
                return self.packed(&file, &packed, &text, size);
            }
        };
        if let Some(size) = size
            && let Ok(copy) = file.try_clone()
        {
            let copy = Random::new(Origin::File(copy), size, shutdown, Some(progress));
            match by_end(&source.name, &copy, &self.reading.whole) {
                ByEnd::Zip => return self.zip(&copy, members),
                ByEnd::Not(reason) => return self.not(&copy, reason),
                ByEnd::Nothing => {}
            }
        }
        let file = RawFile::new(file, size, progress, shutdown);
        let input = match &source.ahead {
            None => Input::new(file),
            Some(ahead) => {
                Progress::add(&progress.bytes_read, ahead.bytes().len() as u64);
                Input::new(Prefixed::new(ahead.bytes().to_vec(), file))
            }
        };
        self.stream(&source.name, input.of_length(size), 0)
    }

    /// Cuts an object, or a part of it.
    fn object(
        &mut self,
        object: &Arc<dyn Object>,
        extent: Extent,
        ahead: &mut ReaderAhead<'_>,
    ) -> Result<(), Halt> {
        let (source, size) = (self.source, object.size());
        let Reading {
            progress, shutdown, ..
        } = *self.reading;
        let origin = Origin::object(object);
        let Origin::Object(_, trouble) = &origin else {
            return Ok(());
        };
        let trouble = trouble.clone();
        let random = Random::new(origin, size, shutdown, Some(progress));
        let (random, members) = match extent {
            Extent::Lines { range, .. } => {
                lines::walk(self, &source.name, &random, range)?;
                return self.without(&trouble);
            }
            Extent::Packed { packed, text, size } => {
                self.packed(&random, &packed, &text, size)?;
                return self.without(&trouble);
            }
            Extent::Whole => {
                let first = ahead.take(self.number, object.as_ref(), &source.name);
                (random.with_first(first), 0..u64::MAX)
            }
            Extent::Members(members) => (random, members),
        };
        match by_end(&source.name, &random, &self.reading.whole) {
            ByEnd::Zip => {
                self.zip(&random, members)?;
                return self.without(&trouble);
            }
            ByEnd::Not(reason) => {
                self.not(&random, reason)?;
                return self.without(&trouble);
            }
            // One that is archived is set aside once, and not asked for again.
            ByEnd::Nothing if trouble.error().is_some() => return self.without(&trouble),
            ByEnd::Nothing => {}
        }
        // What was read to see what it is need not be asked for again.
        let (_, first) = random.into_parts();
        let range = first.len() as u64..size;
        Progress::add(&progress.bytes_read, first.len() as u64);
        let mut rest = ObjectPull::new(object.as_ref(), range, &trouble, progress, shutdown);
        if is_packed(&source.name) {
            rest.begin();
        }
        let input = Input::new(Prefixed::new(first, rest)).of_length(Some(size));
        self.stream(&source.name, input, 0)?;
        self.without(&trouble)
    }

    /// Halts if anything kept the object from being read: what was made of it then does not hold.
    fn without(&mut self, trouble: &Trouble) -> Result<(), Halt> {
        match trouble.damage() {
            Some(damage) => self.fault(&self.source.name, 0, damage),
            None => Ok(()),
        }
    }

    /// Cuts members of the source, which is a zip.
    fn zip(&mut self, file: &Random<'_>, members: Range<u64>) -> Result<(), Halt> {
        let name = &self.source.name;
        match self.too_deep(0) {
            Some(damage) => self.fault(name, 0, damage),
            None => zip::walk(self, name, file, 0, members),
        }
    }

    /// Cuts a stretch of the source, which is a compressed text.
    fn packed(
        &mut self,
        file: &Random<'_>,
        packed: &Range<u64>,
        text: &Range<u64>,
        size: u64,
    ) -> Result<(), Halt> {
        let name = &self.source.name;
        match self.too_deep(0) {
            Some(damage) => self.fault(name, text.start, damage),
            None => packed::walk(self, name, file, packed, text, size),
        }
    }

    /// Names the source, which is not read.
    fn not(&mut self, file: &Random<'_>, reason: &str) -> Result<(), Halt> {
        let mut input = Input::glance(Section::unseen(file, 0, file.size()));
        Progress::add(&self.reading.progress.bytes_read, file.size());
        self.foreign(&self.source.name, &mut input, reason.into())
    }

    fn open(&self, extent: &Extent) -> Result<(File, Option<u64>), Damage> {
        let cannot = |error: io::Error| Damage::unusable(format!("cannot be opened: {error}"));
        if let Some(ahead) = &self.source.ahead {
            return Ok((ahead.rest().map_err(cannot)?, None));
        }
        let path = &self.source.path;
        match &self.source.kind {
            SourceKind::Object(_) => Err(Damage::unusable("is no file")),
            SourceKind::Unreadable { reason } => Err(Damage::unusable(reason.clone())),
            SourceKind::File(planned) => {
                // A FIFO may have taken the file's place.
                let file = open_at_once(path).map_err(cannot)?;
                let found = file.metadata().map_err(cannot)?;
                if !found.is_file() {
                    return Err(Damage::unusable("is no longer a regular file"));
                }
                // The parts of a file must be parts of one.
                if *extent != Extent::Whole && planned.is_replaced_by(&found) {
                    return Err(Damage::unusable(
                        "another file has taken its place since the job was planned",
                    ));
                }
                Ok((file, Some(planned.version.size)))
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
        damage.sample = gristmill_common::chunk::sample_of(member).to_vec();
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

    /// Whether a member of an archive, by its own path, is one to read or to look into.
    pub(super) fn takes(&mut self, member: &[u8]) -> bool {
        let take = self.reading.globs.take_member(member, self.choosing);
        self.next_chosen = take == Take::All;
        take != Take::Nothing
    }

    /// Whether the member asked about last is read whatever it is. What is wrong with another one
    /// is not told: it was not asked for.
    pub(super) fn is_chosen(&self) -> bool {
        self.next_chosen
    }

    /// So many bytes that are not zero stood where an archive may hold anything, and were not read.
    pub(super) fn pass_over(&mut self, bytes: u64) {
        self.cutter.pass_over(bytes);
    }

    /// Cuts what the stream is, or what is in it, `depth` layers down.
    pub(super) fn stream(
        &mut self,
        name: &[u8],
        mut input: Input<'_>,
        depth: u32,
    ) -> Result<(), Halt> {
        // Damage so early is met again by whoever reads on.
        if self.reading.whole.is(name, input.peek(whole::ENOUGH)) {
            return self.document(name, &mut input);
        }
        let format = sniff_named(name, &mut input);
        match format {
            Format::Plain | Format::Utf16 { .. } | Format::Foreign(_)
                if self.reading.whole.as_stored() =>
            {
                return self.document(name, &mut input);
            }
            Format::Plain | Format::Foreign(_) if may_hide_zip_in_stream(&mut input) => {
                return self.hidden(name, input, depth, format);
            }
            Format::Plain => return self.document(name, &mut input),
            Format::Utf16 { big_endian } => {
                input.widen();
                return self.document(name, &mut Coded::new(input, Utf16::new(big_endian)));
            }
            Format::Foreign(reason) => return self.foreign(name, &mut input, reason.into()),
            _ => {}
        }
        if let Some(damage) = self.too_deep(depth) {
            return self.fault(name, 0, damage);
        }
        input.widen();
        match format {
            Format::Tar => tar::walk(self, name, input, depth),
            Format::Ar => ar::walk(self, name, input, depth),
            Format::Cpio => cpio::walk(self, name, input, depth),
            Format::Zip => self.nested_zip(name, input, depth),
            format => match unpacked(&format, input) {
                Some(Ok(input)) => self.stream(name, input, depth + 1),
                Some(Err(reason)) => self.fault(name, 0, Damage::unusable(reason)),
                None => Ok(()),
            },
        }
    }

    fn document(&mut self, name: &[u8], content: &mut dyn Pull) -> Result<(), Halt> {
        if !self.chosen {
            return Ok(());
        }
        self.document_from(name, Stretch::default(), content)
    }

    /// Cuts a stretch of a document.
    pub(super) fn document_from(
        &mut self,
        name: &[u8],
        stretch: Stretch,
        content: &mut dyn Pull,
    ) -> Result<(), Halt> {
        let place = self.place(name);
        match &self.reading.expanded {
            None => self.cutter.document(place, stretch, content),
            Some(bound) => {
                let mut counted = Counted::new(content, bound);
                self.cutter.document(place, stretch, &mut counted)
            }
        }
    }

    /// Names a stream that is not read.
    fn foreign(&mut self, name: &[u8], input: &mut Input<'_>, reason: String) -> Result<(), Halt> {
        if !self.chosen {
            return Ok(());
        }
        let mut damage = Damage::unusable(reason);
        let head = input.peek(SIGN);
        damage.sample = head[..SIGN.min(head.len())].to_vec();
        self.fault(name, 0, damage)
    }

    /// A zip needs seeking: in a stream it goes to a temporary file first.
    fn nested_zip(&mut self, name: &[u8], mut input: Input<'_>, depth: u32) -> Result<(), Halt> {
        let (file, size) = match self.spool(&mut input, "a zip inside an archive") {
            Ok(spooled) => spooled,
            Err(error) => return self.fault(name, 0, error.damage()?),
        };
        drop(input);
        let file = Random::new(Origin::File(file), size, self.reading.shutdown, None);
        let result = zip::walk(self, name, &file, depth, 0..u64::MAX);
        self.spooled -= size;
        result
    }

    /// A stream that begins with a script or a program, and may be a zip by its end.
    fn hidden(
        &mut self,
        name: &[u8],
        mut input: Input<'_>,
        depth: u32,
        format: Format,
    ) -> Result<(), Halt> {
        let (file, size) = match self.spool(&mut input, "a program inside an archive") {
            Ok(spooled) => spooled,
            Err(error) => {
                let damage = error.damage()?;
                return match format {
                    _ if !self.chosen => Ok(()),
                    Format::Foreign(reason) => self.fault(name, 0, Damage::unusable(reason)),
                    _ => self.fault(name, 0, damage),
                };
            }
        };
        drop(input);
        let file = Random::new(Origin::File(file), size, self.reading.shutdown, None);
        let result = match (is_there(&file), self.too_deep(depth), format) {
            (true, None, _) => zip::walk(self, name, &file, depth, 0..u64::MAX),
            (true, Some(damage), _) => self.fault(name, 0, damage),
            (false, _, Format::Foreign(reason)) => {
                let mut input = Input::new(Section::new(&file, 0, size));
                self.foreign(name, &mut input, reason.into())
            }
            (false, ..) => self.document(name, &mut Section::new(&file, 0, size)),
        };
        self.spooled -= size;
        result
    }

    /// Copies a stream to a temporary file, of which there may be so much at a time.
    fn spool(&mut self, input: &mut Input<'_>, what: &str) -> Result<(File, u64), WalkError> {
        let room = self.reading.limits.spool.saturating_sub(self.spooled);
        let spooled = spool::spool(input, &self.reading.tmp, room, what)?;
        self.spooled += spooled.1;
        Ok(spooled)
    }

    /// Puts a temporary file in the place of the rest of a stream; returns the whole stream's
    /// length. The file counts as spooled until the caller takes it off.
    pub(super) fn spool_rest(&mut self, input: &mut Input<'_>) -> Result<u64, WalkError> {
        let offset = input.offset();
        let (file, size) = self.spool(input, "a tar with data behind its end mark")?;
        let length = offset + size;
        *input = Input::resumed(spool::Spooled::new(file), offset, length);
        Ok(length)
    }

    /// Cuts a member that is read through `content`.
    pub(super) fn member(
        &mut self,
        name: &[u8],
        content: impl Pull,
        depth: u32,
    ) -> Result<(), Halt> {
        // If a member that was chosen by its own name is an archive, it is read whole.
        let outer = (self.choosing, self.chosen);
        (self.choosing, self.chosen) = (!self.next_chosen, self.next_chosen);
        let result = self.stream(name, Input::glance(content), depth + 1);
        (self.choosing, self.chosen) = outer;
        result
    }
}
