//! Records longer than is allowed: set aside with their lengths, or passed on in pieces.

use gristmill_common::chunk::{MAX_SAMPLE, sample_of};

use super::cutter::Cutter;
use super::document::Doc;
use super::feed::Feed;
use super::large::too_large;
use super::skip::Skipper;
use crate::error::Halt;
use crate::stream::Damage;

/// How much is read at once while skipping, in bytes.
const SKIP_STEP: usize = 256 << 10;

impl Cutter<'_> {
    /// Sorts unplaced bytes that may hold records over the limit, one record at a time. What is
    /// unplaced afterwards is the beginning of one record, shorter than the horizon.
    pub(super) fn settle(&mut self, doc: &mut Doc<'_>, feed: &mut Feed<'_>) -> Result<(), Halt> {
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
