//! The partitions' shares of a chunk's result, as bodies of outcomes.
//!
//! It must not know what entries mean; [`OpenBody`] says how they lie in a body.

use gristmill_common::id::{content_hash, partition_of_key};
use gristmill_common::outcome::MAX_PART;
use gristmill_common::shards::TableBody;

/// Capacity that a body has beyond its rows: most heads fit.
const HEAD_ROOM: usize = 512;

/// A body that takes entries.
pub(crate) trait OpenBody: Default {
    /// Where an entry is.
    type Place: Copy;
    /// Adds the entry that `append` writes, whose key this is.
    fn append(&mut self, key: &[u8], append: impl FnOnce(&mut Vec<u8>)) -> Self::Place;
    /// The bytes of the last entry.
    fn last(&self, place: Self::Place) -> &[u8];
    /// Moves the last entry to another body.
    fn move_last(&mut self, place: Self::Place, to: &mut Self);
    /// The bytes of all entries.
    fn len(&self) -> usize;
    /// The body as it travels; empty for the next entries.
    fn take_bytes(&mut self) -> Vec<u8>;
}

/// Entries one after the other.
impl OpenBody for Vec<u8> {
    type Place = usize;

    fn append(&mut self, _: &[u8], append: impl FnOnce(&mut Vec<u8>)) -> usize {
        let before = self.len();
        append(self);
        before
    }

    fn last(&self, place: usize) -> &[u8] {
        &self[place..]
    }

    fn move_last(&mut self, place: usize, to: &mut Self) {
        to.extend_from_slice(&self[place..]);
        self.truncate(place);
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(self)
    }
}

/// Rows by shard.
impl OpenBody for TableBody {
    type Place = (usize, usize);

    #[inline]
    fn append(&mut self, key: &[u8], append: impl FnOnce(&mut Vec<u8>)) -> (usize, usize) {
        TableBody::append(self, key, append)
    }

    fn last(&self, place: (usize, usize)) -> &[u8] {
        self.tail(place)
    }

    fn move_last(&mut self, place: (usize, usize), to: &mut Self) {
        TableBody::move_last(self, place, to);
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn take_bytes(&mut self) -> Vec<u8> {
        TableBody::take_bytes(self, HEAD_ROOM)
    }
}

/// The partitions' shares of a result, each in bodies of about [`MAX_PART`], or of one entry.
pub(crate) struct Shares<B> {
    full: Vec<Vec<Vec<u8>>>,
    open: Vec<B>,
    /// Of the entries' hashes: it does not depend on their order.
    sum: u64,
}

impl<B: OpenBody> Shares<B> {
    /// For `partitions` partitions; `open` are empty bodies whose memory is used again.
    pub(crate) fn new(partitions: u32, mut open: Vec<B>) -> Self {
        open.resize_with(partitions as usize, B::default);
        Self {
            full: vec![Vec::new(); partitions as usize],
            open,
            sum: 0,
        }
    }

    /// Appends an entry to the share that `group`, which is its key or the beginning of it, belongs
    /// to.
    pub(crate) fn push(&mut self, group: &[u8], key: &[u8], append: impl FnOnce(&mut Vec<u8>)) {
        let at = partition_of_key(group, self.open.len() as u32) as usize;
        self.push_to(at, key, append);
    }

    /// Appends an entry to a share.
    pub(crate) fn push_to(&mut self, at: usize, key: &[u8], append: impl FnOnce(&mut Vec<u8>)) {
        let body = &mut self.open[at];
        let before = body.len();
        let place = body.append(key, append);
        if self.full.len() > 1 {
            self.sum = self.sum.wrapping_add(content_hash(body.last(place)));
        }
        if body.len() > MAX_PART && before > 0 {
            let mut next = B::default();
            body.move_last(place, &mut next);
            self.full[at].push(body.take_bytes());
            *body = next;
        }
    }

    /// The bodies of each share, the sum of the entries' hashes, and bodies for the next result.
    pub(crate) fn finish(mut self) -> (Vec<Vec<Vec<u8>>>, u64, Vec<B>) {
        for (bodies, last) in self.full.iter_mut().zip(&mut self.open) {
            bodies.push(last.take_bytes());
        }
        (self.full, self.sum, self.open)
    }
}
