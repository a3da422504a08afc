//! Opening a source: a file, a stream or an object, of which a split may hold a part.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use gristmill_common::extent::Extent;
use gristmill_common::progress::Progress;

use super::walker::Walker;
use super::zip_file::{ByEnd, by_end};
use super::{ReaderAhead, Reading, lines, packed, zip};
use crate::error::Halt;
use crate::object::Object;
use crate::plan::{SourceKind, is_packed};
use crate::stream::{
    Damage, ErrorSlot, Input, ObjectPull, Origin, Prefixed, Random, RawFile, Section, open_at_once,
};

impl Walker<'_, '_> {
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
            Err(damage) => return self.fault(&source.name, extent.start(), damage),
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
    fn without(&mut self, trouble: &ErrorSlot) -> Result<(), Halt> {
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
}
