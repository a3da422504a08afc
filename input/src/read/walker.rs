//! Walking one source: from layer to layer, down to the documents.

use super::expanded::Counted;
use super::{Reading, ar, cpio, tar};

use crate::cut::{Cutter, MAX_NAME, Place, Stretch};
use crate::error::Halt;
use crate::plan::{Source, Take};
use crate::sniff::{Archive, Format, may_hide_zip_in_stream, sniff_named};
use crate::stream::{Coded, Damage, Inflater, Input, Pull, Utf16};
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
    pub(super) number: u32,
    pub(super) source: &'w Source,
    /// Members met so far, over all levels.
    pub(super) entries: u64,
    /// Bytes in temporary files now, over all levels.
    pub(super) spooled: u64,
    pub(super) inflater: Inflater,
    /// The globs choose among the members of the archive at hand.
    choosing: bool,
    /// The stream at hand is read if it is a document: else it is looked into for an archive.
    pub(super) chosen: bool,
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

    pub(super) fn too_deep(&self, depth: u32) -> Option<Damage> {
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

    /// Counts bytes that are not zero, stood where an archive may hold anything, and were not read.
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
            Format::Archive(archive) => match archive {
                Archive::Tar => tar::walk(self, name, input, depth),
                Archive::Ar => ar::walk(self, name, input, depth),
                Archive::Cpio => cpio::walk(self, name, input, depth),
                Archive::Zip => self.nested_zip(name, input, depth),
            },
            format => match unpacked(&format, input) {
                Some(Ok(input)) => self.stream(name, input, depth + 1),
                Some(Err(reason)) => self.fault(name, 0, Damage::unusable(reason)),
                None => Ok(()),
            },
        }
    }

    pub(super) fn document(&mut self, name: &[u8], content: &mut dyn Pull) -> Result<(), Halt> {
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
    pub(super) fn foreign(
        &mut self,
        name: &[u8],
        input: &mut Input<'_>,
        reason: String,
    ) -> Result<(), Halt> {
        if !self.chosen {
            return Ok(());
        }
        let mut damage = Damage::unusable(reason);
        let head = input.peek(SIGN);
        damage.sample = head[..SIGN.min(head.len())].to_vec();
        self.fault(name, 0, damage)
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
