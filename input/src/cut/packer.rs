//! Packing pieces and faults into chunks that fit a message.

use std::collections::BTreeMap;

use gristmill_common::chunk::{ChunkHead, Piece, Quarantined};
use gristmill_common::id::ChunkId;
use gristmill_common::prefix::prefix;
use gristmill_common::seal::SplitEnd;

use crate::error::Halt;

/// Takes the chunks of a split, in order.
pub trait ChunkSink {
    /// Takes a chunk: its description and its pieces' bytes, end to end.
    ///
    /// # Errors
    /// [`Halt`] to have no more of them; reading the split ends with it.
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt>;

    /// An empty buffer of at least this capacity, for the next chunk's bytes.
    fn buffer(&mut self, capacity: usize) -> Vec<u8> {
        Vec::with_capacity(capacity)
    }

    /// Takes a split as it is, if it wants to: then it is not read here, and has no chunks. Asked
    /// before each split.
    ///
    /// # Errors
    /// [`Halt`] to have no more splits.
    fn take_unread(&mut self, _split: u32) -> Result<bool, Halt> {
        Ok(false)
    }

    /// All chunks of a split were handed over.
    ///
    /// # Errors
    /// [`Halt`] to have no more splits.
    fn ended(&mut self, _end: SplitEnd, _records: Vec<(u32, u64)>) -> Result<(), Halt> {
        Ok(())
    }

    /// There are no more splits: returns when all chunks are taken.
    ///
    /// # Errors
    /// When they are not.
    fn finish(&mut self) -> Result<(), Halt> {
        Ok(())
    }
}

/// What reading a split came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Number of chunks.
    pub chunks: u32,
    /// Records of each source that the split touches, faults included, by source.
    pub records: BTreeMap<u32, u64>,
    /// Bytes that are not zero and stood where an archive may hold anything; they were not read.
    pub passed_over: u64,
}

/// Room kept after a body, so that the head is appended without moving the body.
const HEAD_ROOM: usize = 64 << 10;
/// The capacity of a buffer for a chunk of `target` bytes, as long as no record is longer.
pub(crate) fn capacity_for(target: usize) -> usize {
    target + HEAD_ROOM
}

/// What names and samples of one chunk may take together, next to a body of at most 3 MiB.
const MAX_HEAD: usize = 512 << 10;
/// What a piece or fault takes beside its name, sample and reason.
const FIXED: usize = 40;
/// The longest reason; reasons quote what an archive says of itself.
const MAX_REASON: usize = 4 << 10;

/// The chunk in the making.
pub(crate) struct Packer<'s> {
    sink: &'s mut dyn ChunkSink,
    split: u32,
    target: usize,
    /// Bytes of the pieces so far, then of the document at hand.
    pub(crate) body: Vec<u8>,
    pieces: Vec<Piece>,
    faults: Vec<Quarantined>,
    /// Estimated length of the head.
    head: usize,
    account: Account,
}

impl<'s> Packer<'s> {
    pub(crate) fn new(sink: &'s mut dyn ChunkSink, split: u32, target: usize) -> Self {
        let body = sink.buffer(capacity_for(target));
        Self {
            sink,
            split,
            target,
            body,
            pieces: Vec::new(),
            faults: Vec::new(),
            head: 0,
            account: Account::default(),
        }
    }

    /// Number of the split that is cut.
    pub(super) fn split(&self) -> u32 {
        self.split
    }

    /// Whether nothing is packed yet (bytes of the document at hand aside).
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.faults.is_empty()
    }

    /// Ends the chunk if an item whose name and sample have `extra` bytes does not fit its head;
    /// the bytes from `from` on stay. Returns where they are then.
    pub(crate) fn make_room(&mut self, extra: usize, from: usize) -> Result<usize, Halt> {
        let most = self.target.clamp(64 << 10, MAX_HEAD);
        if self.head + extra + FIXED > most && !self.is_empty() {
            self.flush(from)?;
            return Ok(0);
        }
        Ok(from)
    }

    /// Packs a piece, whose bytes are at the end of what is packed.
    pub(crate) fn piece(&mut self, piece: Piece) {
        let header = (piece.header.as_ref()).map_or(0, |header| header.text.len());
        self.head += FIXED + piece.document.len() + header;
        *self.account.records.entry(piece.source).or_default() += u64::from(piece.records);
        self.pieces.push(piece);
    }

    /// Marks the last packed piece as the end of its document, if it is of the document `ordinal`
    /// and ends at `offset` in it.
    pub(crate) fn close(&mut self, ordinal: u32, offset: u64) -> bool {
        match self.pieces.last_mut() {
            Some(piece)
                if piece.ordinal == ordinal && piece.offset + u64::from(piece.len) == offset =>
            {
                piece.last = true;
                true
            }
            _ => false,
        }
    }

    /// Counts bytes that were passed over.
    pub(crate) fn pass_over(&mut self, bytes: u64) {
        self.account.passed_over += bytes;
    }

    /// Packs a fault: one record of its source.
    pub(crate) fn fault(&mut self, mut fault: Quarantined) {
        let length = prefix(&fault.reason, MAX_REASON).len();
        fault.reason.truncate(length);
        self.head += FIXED + fault.document.len() + fault.reason.len() + fault.sample.len();
        *self.account.records.entry(fault.source).or_default() += 1;
        self.faults.push(fault);
    }

    /// Hands the chunk over, all but the bytes from `from` on, which begin the next one.
    pub(crate) fn flush(&mut self, from: usize) -> Result<(), Halt> {
        let rest = &self.body[from..];
        let mut next = self.sink.buffer(capacity_for(self.target.max(rest.len())));
        next.extend_from_slice(rest);
        self.body.truncate(from);
        let head = ChunkHead {
            id: ChunkId {
                split: self.split,
                index: self.account.chunks,
            },
            pieces: std::mem::take(&mut self.pieces),
            faults: std::mem::take(&mut self.faults),
        };
        self.head = 0;
        self.account.chunks += 1;
        self.sink
            .take(head, std::mem::replace(&mut self.body, next))
    }

    /// Hands over what is packed and ends the split.
    pub(crate) fn finish(mut self) -> Result<Account, Halt> {
        if !self.is_empty() {
            let end = self.body.len();
            self.flush(end)?;
        }
        Ok(self.account)
    }
}
