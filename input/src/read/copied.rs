//! Streams that must be read at any offset: each is copied to a temporary file first.

use std::fs::File;

use super::walk_error::WalkError;
use super::walker::Walker;
use super::{spool, zip};
use crate::directory::is_there;
use crate::error::Halt;
use crate::sniff::Format;
use crate::stream::{Damage, Input, Origin, Random, Section};

impl Walker<'_, '_> {
    /// A zip needs seeking: in a stream it goes to a temporary file first.
    pub(super) fn nested_zip(
        &mut self,
        name: &[u8],
        mut input: Input<'_>,
        depth: u32,
    ) -> Result<(), Halt> {
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
    pub(super) fn hidden(
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

    /// Copies a stream to a temporary file, within what all such files may hold at a time.
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
}
