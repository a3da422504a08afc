//! Cutting one document after the other: whole records into pieces, the rest carried over.
//!
//! The bytes are pulled straight into the chunk's body. Each fill goes exactly to its goal, so that
//! boundaries do not depend on how the stream came (I1).

use gristmill_common::chunk::{MAX_SAMPLE, Piece, Quarantined, sample_of};
use gristmill_common::header::Headers;
use gristmill_common::spec::OnCorrupt;

use super::large::too_large;
use super::packer::{Account, ChunkSink, Packer};
use super::rules::Rules;
use super::skip::Skipper;
use crate::error::{Failure, Halt};
use crate::stream::{Damage, Ill, Pull};

/// Where a stretch of input is, for its quarantine entry.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Number of the source.
    pub(crate) source: u32,
    /// Name of the source.
    pub(crate) source_name: &'a [u8],
    /// Name of the document.
    pub(crate) document: &'a [u8],
}

/// Which stretch of a document is cut.
#[derive(Clone, Copy)]
pub(crate) struct Stretch {
    /// Its offset in the document, in bytes.
    pub(crate) offset: u64,
    /// The document begins with it.
    pub(crate) begins: bool,
    /// The document ends with it.
    pub(crate) ends: bool,
}

impl Default for Stretch {
    /// The whole document.
    fn default() -> Self {
        Self {
            offset: 0,
            begins: true,
            ends: true,
        }
    }
}

/// Cuts the documents of one split.
pub(crate) struct Cutter<'s> {
    rules: &'s Rules,
    pub(super) packer: Packer<'s>,
    ordinal: u32,
}

/// The document at hand.
pub(super) struct Doc<'a> {
    pub(super) place: Place<'a>,
    pub(super) ordinal: u32,
    /// Offset and record number of what is not placed yet.
    offset: u64,
    record: u64,
    /// Nothing was placed yet, and it begins with what comes.
    first: bool,
    /// It ends where the bytes to come do.
    ends: bool,
    /// Where in the body the unplaced bytes begin.
    pub(super) start: usize,
    /// Set for the next piece where it goes on with a record ([`Piece::inside`]).
    inside: Option<bool>,
    headers: Headers,
}

impl Doc<'_> {
    /// Its next piece: so many records in so many bytes.
    pub(super) fn piece(&mut self, records: u64, len: usize, last: bool) -> Piece {
        let piece = Piece {
            source: self.place.source,
            document: self.place.document.to_vec(),
            ordinal: self.ordinal,
            offset: self.offset,
            record: self.record,
            records: records as u32,
            first: self.first,
            last,
            len: len as u32,
            inside: self.inside.take(),
            large: 0,
            header: self.headers.current().filter(|_| len > 0).cloned(),
        };
        self.first = false;
        self.offset += len as u64;
        self.record += records;
        piece
    }
}

/// The document's bytes to come.
pub(super) struct Feed<'a> {
    input: &'a mut dyn Pull,
    /// How they ended, once they did.
    pub(super) ended: Option<Option<Damage>>,
}

impl Feed<'_> {
    /// Pulls until `body` has `goal` bytes or there are no more.
    pub(super) fn fill(&mut self, body: &mut Vec<u8>, goal: usize) {
        while body.len() < goal && self.ended.is_none() {
            let max = goal - body.len();
            match self.input.pull(body, max) {
                Ok(0) => self.ended = Some(None),
                Ok(_) => {}
                Err(damage) => self.ended = Some(Some(damage)),
            }
        }
    }

    /// The document ended where its last byte is, not in damage.
    pub(super) fn ended_well(&self) -> bool {
        match &self.ended {
            Some(damage) => damage.as_ref().is_none_or(|damage| damage.after_end),
            None => false,
        }
    }
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

    /// So many bytes that are not zero stood where they mean nothing, and were not read.
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
    fn open(&self, doc: &Doc<'_>) -> &[u8] {
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
    fn fit(&mut self, doc: &mut Doc<'_>) -> Result<(), Halt> {
        if self.packer.body.len() > self.rules.target && !self.packer.is_empty() {
            self.flush(doc)?;
        }
        Ok(())
    }

    fn flush(&mut self, doc: &mut Doc<'_>) -> Result<(), Halt> {
        self.packer.flush(doc.start)?;
        doc.start = 0;
        Ok(())
    }

    /// Packs the first `len` unplaced bytes, whole records, as a piece.
    ///
    /// Where the header changes, another piece begins.
    fn place(&mut self, doc: &mut Doc<'_>, len: usize) -> Result<(), Halt> {
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

    /// Sorts unplaced bytes that may hold records over the limit, one record at a time. What is
    /// unplaced afterwards is the beginning of one record, shorter than the horizon.
    fn settle(&mut self, doc: &mut Doc<'_>, feed: &mut Feed<'_>) -> Result<(), Halt> {
        if self.rules.aligned && !self.packer.is_empty() {
            // Else what came before would decide where pieces end.
            self.flush(doc)?;
        }
        let mut bytes = self.packer.body.split_off(doc.start);
        let mut at = 0;
        loop {
            // Where a record ends is decided by so many bytes and no more, however many are here:
            // else the chunk size would show.
            let view = &bytes[at..bytes.len().min(at + self.rules.horizon)];
            let overlong = view.len() == self.rules.horizon;
            let whole = !overlong && feed.ended_well();
            match self.rules.splitter.first_end(view, whole) {
                Some(len) if len <= self.rules.max_record => {
                    self.append(doc, &bytes[at..at + len])?;
                    at += len;
                }
                Some(len) if self.rules.in_pieces => {
                    self.place_open(doc)?;
                    self.go_on(doc, &bytes[at..at + len])?;
                    self.end_record(doc);
                    at += len;
                }
                Some(len) => {
                    self.oversized(doc, &view[..len], len as u64, None)?;
                    at += len;
                }
                None if overlong && self.rules.in_pieces => {
                    let window = bytes.split_off(at);
                    bytes = self.pass_on(doc, window, feed)?;
                    at = 0;
                }
                None if overlong => {
                    let window = bytes.split_off(at);
                    bytes = self.skip(doc, window, feed)?;
                    at = 0;
                }
                None => break,
            }
        }
        self.place_open(doc)?;
        if self.packer.body.len() >= self.rules.target {
            self.flush(doc)?;
        }
        self.packer.body.extend_from_slice(&bytes[at..]);
        Ok(())
    }

    /// Adds a whole record to the unplaced bytes, which are whole records too.
    fn append(&mut self, doc: &mut Doc<'_>, record: &[u8]) -> Result<(), Halt> {
        if self.packer.body.len() + record.len() > self.rules.target {
            self.place_open(doc)?;
            if !self.packer.is_empty() {
                self.flush(doc)?;
            }
        }
        self.packer.body.extend_from_slice(record);
        Ok(())
    }

    /// Packs all unplaced bytes, which are whole records, if there are any.
    fn place_open(&mut self, doc: &mut Doc<'_>) -> Result<(), Halt> {
        match self.open(doc).len() {
            0 => Ok(()),
            len => self.place(doc, len),
        }
    }

    /// Reads on to the end of an oversized record, which `window` begins with, and packs it in
    /// pieces. Returns the bytes after it.
    fn pass_on(
        &mut self,
        doc: &mut Doc<'_>,
        mut window: Vec<u8>,
        feed: &mut Feed<'_>,
    ) -> Result<Vec<u8>, Halt> {
        self.place_open(doc)?;
        let mut skipper = Skipper::new(&self.rules.splitter, self.rules.max_record);
        let end = loop {
            let (before, dropped) = (window.clone(), skipper.dropped());
            let end = skipper.feed(&mut window);
            self.go_on(doc, &before[..(skipper.dropped() - dropped) as usize])?;
            match end {
                Some(end) => break end,
                None if feed.ended.is_none() => {
                    let kept = window.len();
                    feed.fill(&mut window, kept + SKIP_STEP);
                }
                None if feed.ended_well() => break skipper.end(&window),
                // What damage cut off was counted with the first piece.
                None => break window.len(),
            }
        };
        self.go_on(doc, &window[..end])?;
        self.end_record(doc);
        Ok(window.split_off(end))
    }

    /// Adds bytes of a record that goes in pieces to the unplaced ones, which are of it too.
    fn go_on(&mut self, doc: &mut Doc<'_>, bytes: &[u8]) -> Result<(), Halt> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.rules.target.saturating_sub(self.packer.body.len());
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.packer.body.extend_from_slice(now);
            rest = later;
            if self.packer.body.len() >= self.rules.target {
                self.place_some(doc, character_end(self.open(doc)));
                self.flush(doc)?;
            }
        }
        Ok(())
    }

    /// Packs the first `len` unplaced bytes, which end inside a record, as a piece.
    fn place_some(&mut self, doc: &mut Doc<'_>, len: usize) {
        let Some(&last) = self.open(doc)[..len].last() else {
            return;
        };
        let begins = doc.inside.is_none();
        self.packer.piece(doc.piece(u64::from(begins), len, false));
        doc.start += len;
        doc.inside = Some(matches!(last, b' ' | b'\t'..=b'\r'));
    }

    /// Packs what is left of a record that goes in pieces.
    fn end_record(&mut self, doc: &mut Doc<'_>) {
        self.place_some(doc, self.open(doc).len());
        doc.inside = None;
    }

    /// Sets a record of `len` bytes, which begins with `head`, aside; `damage` cut it off.
    fn oversized(
        &mut self,
        doc: &mut Doc<'_>,
        head: &[u8],
        len: u64,
        damage: Option<Damage>,
    ) -> Result<(), Halt> {
        self.place_open(doc)?;
        let most = self.rules.max_record;
        let reason = match self.rules.single {
            true => too_large(len, most as u64),
            false => {
                format!("a record of {len} bytes, longer than the {most} allowed (--max-record)")
            }
        };
        let mut fault = match damage {
            None => Damage::unusable(reason),
            Some(mut damage) => {
                damage.reason = format!("{reason}, cut off: {}", damage.reason);
                damage
            }
        };
        fault.sample = sample_of(head).to_vec();
        doc.headers.set_aside(head);
        self.doc_fault(doc, fault)?;
        doc.offset += len;
        Ok(())
    }

    /// Reads on to the end of an oversized record, which `window` begins with, and sets it aside.
    /// Returns the bytes after it.
    fn skip(
        &mut self,
        doc: &mut Doc<'_>,
        mut window: Vec<u8>,
        feed: &mut Feed<'_>,
    ) -> Result<Vec<u8>, Halt> {
        // More than a sample, so that its end is cut as that of any other text.
        let mut head = window[..window.len().min(MAX_SAMPLE + 4)].to_vec();
        let mut skipper = Skipper::new(&self.rules.splitter, self.rules.max_record);
        let end = loop {
            if let Some(end) = skipper.feed(&mut window) {
                break end;
            }
            if feed.ended.is_some() {
                break if feed.ended_well() {
                    skipper.end(&window)
                } else {
                    window.len()
                };
            }
            let kept = window.len();
            feed.fill(&mut window, kept + SKIP_STEP);
            let more = (MAX_SAMPLE + 4 - head.len()).min(window.len() - kept);
            head.extend_from_slice(&window[kept..kept + more]);
        };
        let len = skipper.dropped() + end as u64;
        head.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        let cut_off = end == window.len() && feed.ended.is_some() && !feed.ended_well();
        let damage = if cut_off {
            feed.ended.replace(None).flatten()
        } else {
            None
        };
        self.oversized(doc, &head, len, damage)?;
        Ok(window.split_off(end))
    }
}

/// The length of a text without the UTF-8 character that its end cuts off.
fn character_end(text: &[u8]) -> usize {
    let tail = &text[text.len().saturating_sub(3)..];
    let cut_off = tail.iter().rposition(|&byte| byte >= 0xC0).filter(|&at| {
        let len = match tail[at] {
            0xF0.. => 4,
            0xE0.. => 3,
            _ => 2,
        };
        at + len > tail.len() && tail[at + 1..].iter().all(|&byte| byte & 0xC0 == 0x80)
    });
    text.len() - cut_off.map_or(0, |at| tail.len() - at)
}

/// How much is read at once while skipping, in bytes.
const SKIP_STEP: usize = 256 << 10;
