//! Cutting one document after the other: whole records into pieces, the rest carried over.
//!
//! The bytes are pulled straight into the chunk's body. Each fill goes exactly to its goal, so that
//! boundaries do not depend on how the stream came (I1).

use gristmill_common::chunk::{Quarantined, sample_of};
use gristmill_common::header::Headers;
use gristmill_common::spec::OnCorrupt;

use super::document::{Doc, Place, Stretch};
use super::feed::Feed;
use super::packer::{Account, ChunkSink, Packer};
use super::rules::Rules;
use crate::error::{Failure, Halt};
use crate::stream::{Damage, Ill, Pull};

/// Cuts the documents of one split.
pub(crate) struct Cutter<'s> {
    pub(super) rules: &'s Rules,
    pub(super) packer: Packer<'s>,
    ordinal: u32,
}

impl<'s> Cutter<'s> {
    pub(crate) fn new(rules: &'s Rules, split: u32, sink: &'s mut dyn ChunkSink) -> Self {
        Self {
            rules,
            packer: Packer::new(sink, split, rules.target),
            ordinal: 0,
        }
    }

    /// Hands over what is packed and ends the split.
    ///
    /// # Errors
    /// When the sink wants no more.
    pub(crate) fn finish(self) -> Result<Account, Halt> {
        self.packer.finish()
    }

    /// Packs a fault that belongs to no record that is being cut.
    ///
    /// # Errors
    /// When the job is to fail on damage, is stopped, or the sink wants no more.
    pub(crate) fn fault(
        &mut self,
        place: Place<'_>,
        offset: u64,
        damage: Damage,
    ) -> Result<(), Halt> {
        if damage.ill != Ill::Stopped && !damage.report() {
            return Ok(());
        }
        let end = self.packer.body.len();
        self.fault_before(place, offset, damage, end).map(|_| ())
    }

    /// Packs a fault; the body's bytes from `start` on are not packed yet. Returns where they are.
    fn fault_before(
        &mut self,
        place: Place<'_>,
        offset: u64,
        damage: Damage,
        start: usize,
    ) -> Result<usize, Halt> {
        damage.report();
        match damage.ill {
            Ill::Stopped => return Err(Halt::Stopped),
            Ill::TooMuch(most) => return Err(Halt::TooMuch(most)),
            Ill::Changed | Ill::Store => {
                let (source_name, reason) = (place.source_name.to_vec(), damage.reason);
                return Err(match damage.ill {
                    Ill::Changed => Halt::Changed {
                        source_name,
                        reason,
                    },
                    _ => Halt::Store {
                        source_name,
                        reason,
                    },
                });
            }
            Ill::Corrupt if self.rules.on_corrupt == OnCorrupt::Fail => {
                return Err(Halt::Corrupt(Failure {
                    source_name: place.source_name.to_vec(),
                    document: place.document.to_vec(),
                    offset,
                    reason: damage.reason,
                }));
            }
            Ill::Corrupt | Ill::Unusable => {}
        }
        let fault = Quarantined {
            source: place.source,
            document: place.document.to_vec(),
            offset,
            reason: damage.reason,
            sample: damage.sample,
            stretch: None,
            stderr: Vec::new(),
        };
        let weight = fault.document.len() + fault.reason.len() + fault.sample.len();
        let start = self.packer.make_room(weight, start)?;
        self.packer.fault(fault);
        Ok(start)
    }

    /// Counts bytes that are not zero, stood where they mean nothing, and were not read.
    pub(crate) fn pass_over(&mut self, bytes: u64) {
        self.packer.pass_over(bytes);
    }

    /// Cuts a document, or a stretch of it, to the end of `input`.
    ///
    /// # Errors
    /// When the job is to fail on damage, is stopped, or the sink wants no more.
    pub(crate) fn document(
        &mut self,
        place: Place<'_>,
        stretch: Stretch,
        input: &mut dyn Pull,
    ) -> Result<(), Halt> {
        let start = self.packer.body.len();
        let mut doc = Doc {
            place,
            ordinal: self.ordinal,
            offset: stretch.offset,
            record: 0,
            first: stretch.begins,
            ends: stretch.ends,
            start,
            inside: None,
            headers: Headers::new(self.rules.header),
        };
        self.ordinal += 1;
        doc.start = self.packer.make_room(place.document.len(), start)?;
        let mut feed = Feed { input, ended: None };
        loop {
            if doc.start >= self.rules.target {
                self.flush(&mut doc)?;
            }
            let goal = self.goal(&doc);
            feed.fill(&mut self.packer.body, goal);
            if self.open(&doc).len() > self.rules.max_record {
                if let Some(place) = &self.rules.large {
                    return self.large(doc, feed, place);
                }
                self.settle(&mut doc, &mut feed)?;
                if feed.ended.is_none() {
                    continue;
                }
            }
            if feed.ended.is_some() {
                let whole = feed.ended_well();
                return self.end(doc, whole, feed.ended.flatten());
            }
            self.cut(&mut doc)?;
        }
    }

    /// The bytes that are not placed yet.
    pub(super) fn open(&self, doc: &Doc<'_>) -> &[u8] {
        &self.packer.body[doc.start..]
    }

    /// To which length the body is filled next.
    fn goal(&self, doc: &Doc<'_>) -> usize {
        let open = self.open(doc).len();
        if self.rules.aligned && open < self.rules.target {
            doc.start + self.rules.target
        } else if !self.rules.aligned && self.packer.body.len() < self.rules.target {
            self.rules.target
        } else {
            // A record longer than a chunk: doubled, so that looking for its end stays linear.
            doc.start + (2 * open).clamp(1, self.rules.horizon)
        }
    }

    /// The body is full: packs the whole records and hands the chunk over.
    fn cut(&mut self, doc: &mut Doc<'_>) -> Result<(), Halt> {
        self.fit(doc)?;
        if let Some(end) = self.rules.splitter.last_end(self.open(doc), false) {
            self.place(doc, end)?;
        }
        if !self.packer.is_empty() {
            self.flush(doc)?;
        }
        Ok(())
    }

    /// Hands over what is packed if it and the unplaced bytes are too much for one chunk.
    pub(super) fn fit(&mut self, doc: &mut Doc<'_>) -> Result<(), Halt> {
        if self.packer.body.len() > self.rules.target && !self.packer.is_empty() {
            self.flush(doc)?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, doc: &mut Doc<'_>) -> Result<(), Halt> {
        self.packer.flush(doc.start)?;
        doc.start = 0;
        Ok(())
    }

    /// Packs the first `len` unplaced bytes, whole records, as a piece.
    ///
    /// Where the header changes, another piece begins.
    pub(super) fn place(&mut self, doc: &mut Doc<'_>, len: usize) -> Result<(), Halt> {
        let splitter = &self.rules.splitter;
        let mut left = len;
        loop {
            let bytes = &self.packer.body[doc.start..doc.start + left];
            let len = doc.headers.stretch(splitter, bytes, doc.offset);
            let records = if self.rules.whole_documents() {
                1
            } else {
                splitter.count(&bytes[..len])
            };
            if let Some(header) = doc.headers.current() {
                let extra = doc.place.document.len() + header.text.len();
                doc.start = self.packer.make_room(extra, doc.start)?;
            }
            self.packer.piece(doc.piece(records, len, false));
            doc.start += len;
            left -= len;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// Packs an empty piece: the beginning or end of a document that has no record there.
    fn mark(&mut self, doc: &mut Doc<'_>, last: bool) -> Result<(), Halt> {
        doc.start = self.packer.make_room(doc.place.document.len(), doc.start)?;
        self.packer.piece(doc.piece(0, 0, last));
        Ok(())
    }

    /// Packs a fault of the document at hand, at what is not placed yet.
    pub(super) fn doc_fault(&mut self, doc: &mut Doc<'_>, damage: Damage) -> Result<(), Halt> {
        if doc.first && !self.rules.whole_documents() {
            self.mark(doc, false)?;
        }
        doc.start = self.fault_before(doc.place, doc.offset, damage, doc.start)?;
        doc.record += 1;
        Ok(())
    }

    /// The document ended: `whole` says that its last record is not cut off.
    fn end(&mut self, mut doc: Doc<'_>, whole: bool, damage: Option<Damage>) -> Result<(), Halt> {
        self.fit(&mut doc)?;
        let end = self.rules.splitter.last_end(self.open(&doc), whole);
        let empty_record = self.rules.whole_documents() && whole && doc.first && doc.record == 0;
        if end.is_some() || empty_record {
            self.place(&mut doc, end.unwrap_or(0))?;
        }
        if let Some(mut damage) = damage {
            if !whole {
                damage.sample = sample_of(self.open(&doc)).to_vec();
            }
            self.packer.body.truncate(doc.start);
            self.doc_fault(&mut doc, damage)?;
        }
        // A whole-document record that was set aside leaves no document behind.
        let unlisted = self.rules.whole_documents() && doc.first;
        if doc.ends && !unlisted && !self.packer.close(doc.ordinal, doc.offset) {
            self.mark(&mut doc, true)?;
        }
        self.end_single()
    }

    /// Hands over a document that has a chunk of its own.
    pub(super) fn end_single(&mut self) -> Result<(), Halt> {
        if self.rules.single && !self.packer.is_empty() {
            let end = self.packer.body.len();
            self.packer.flush(end)?;
        }
        Ok(())
    }
}
