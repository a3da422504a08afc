//! A pool of buffers for chunks: fresh memory costs a page fault for every four KiB.
//!
//! A producer's bodies become messages and come back once the broker has confirmed them; a mapper's
//! unpacked bodies come back once the chunk is mapped.
//!
//! It must not know what the buffers hold, or who reads them.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// A pool of the buffers that are not in use. There are never more than were in use at once, which
/// the queue of chunks bounds; clones share them.
#[derive(Clone, Debug)]
pub struct BufferPool {
    /// A buffer that has grown past this many bytes is not kept.
    most: usize,
    buffers: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl BufferPool {
    /// Keeps buffers of a capacity of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            buffers: Arc::default(),
        }
    }

    /// An empty buffer of at least this capacity.
    pub fn get(&self, capacity: usize) -> Vec<u8> {
        // The last one that was given back is the one that caches know best.
        let spare = self.lock(Vec::pop);
        spare
            .filter(|spare| spare.capacity() >= capacity)
            .unwrap_or_else(|| Vec::with_capacity(capacity))
    }

    /// A message whose buffer comes back here once nobody reads it any more.
    pub fn freeze(&self, message: Vec<u8>) -> Bytes {
        if message.capacity() > self.most {
            return message.into();
        }
        Bytes::from_owner(Frozen {
            message,
            pool: self.clone(),
        })
    }

    fn lock<T>(&self, act: impl FnOnce(&mut Vec<Vec<u8>>) -> T) -> T {
        // No code that can panic runs under the lock.
        act(&mut self.buffers.lock())
    }
}

/// A buffer in use.
struct Frozen {
    message: Vec<u8>,
    pool: BufferPool,
}

impl AsRef<[u8]> for Frozen {
    fn as_ref(&self) -> &[u8] {
        &self.message
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let mut message = std::mem::take(&mut self.message);
        message.clear();
        self.pool.lock(|buffers| buffers.push(message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_the_last_reader_is_done() {
        let pool = BufferPool::new(200);
        let mut buffer = pool.get(100);
        buffer.extend_from_slice(b"text");
        let at = buffer.as_ptr();
        let message = pool.freeze(buffer);
        let part = message.slice(1..3);
        drop(message);
        assert_eq!(&part[..], b"ex");
        let other = pool.get(100);
        assert_ne!(other.as_ptr(), at, "it is still read");
        drop(part);
        let again = pool.get(100);
        assert_eq!((again.as_ptr(), again.len()), (at, 0));
        assert!(again.capacity() >= 100);
    }

    #[test]
    fn buffers_of_another_size_are_not_kept() {
        let pool = BufferPool::new(200);
        drop(pool.freeze(Vec::with_capacity(201)));
        assert!(pool.lock(|buffers| buffers.is_empty()));
        drop(pool.freeze(Vec::with_capacity(50)));
        assert!(pool.get(100).capacity() >= 100);
        assert!(pool.lock(|buffers| buffers.is_empty()));
    }
}
