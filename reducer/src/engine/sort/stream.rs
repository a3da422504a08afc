//! Sorted entries that another thread makes, block by block.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::engine::error::FileError;

/// Blocks that wait between the two threads.
const AHEAD: usize = 2;
/// Blocks that exist at most: those that wait, one being filled, one being read.
pub(crate) const BLOCKS: usize = AHEAD + 2;
/// Before an entry: the lengths of its key and its payload.
const HEAD: usize = 8;

/// What goes from the one thread to the other.
enum Sent {
    Block(Vec<u8>),
    End,
}

/// Takes entries in order.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    to: SyncSender<Sent>,
    block: Vec<u8>,
    size: usize,
}

/// Nobody reads what is written: the merge that wanted it has failed.
#[derive(Debug)]
pub(crate) struct Gone;

/// Reads entries as they come.
#[derive(Debug)]
pub(crate) struct StreamReader {
    from: Receiver<Sent>,
    block: Vec<u8>,
    /// Where the entry after the one in hand begins.
    at: usize,
    /// The entry in hand, as ranges of the block: key start, payload start, end.
    entry: Option<(usize, usize, usize)>,
    ended: bool,
    /// What errors name.
    dir: PathBuf,
}

/// The two ends of a stream in blocks of about `size` bytes.
pub(crate) fn stream(size: usize, dir: &Path) -> (StreamWriter, StreamReader) {
    let (to, from) = sync_channel(AHEAD);
    let writer = StreamWriter {
        to,
        block: Vec::new(),
        size,
    };
    let reader = StreamReader {
        from,
        block: Vec::new(),
        at: 0,
        entry: None,
        ended: false,
        dir: dir.to_owned(),
    };
    (writer, reader)
}

impl StreamWriter {
    /// Appends an entry.
    pub(crate) fn push(&mut self, key: &[u8], payload: &[u8]) -> Result<(), Gone> {
        let entry = HEAD + key.len() + payload.len();
        if !self.block.is_empty() && self.block.len() + entry > self.size {
            self.pass_on()?;
        }
        if self.block.capacity() == 0 {
            self.block.reserve_exact(self.size.max(entry));
        }
        for part in [key, payload] {
            let len = part.len() as u32;
            self.block.extend_from_slice(&len.to_le_bytes());
        }
        self.block.extend_from_slice(key);
        self.block.extend_from_slice(payload);
        Ok(())
    }

    /// Says that there is no more.
    pub(crate) fn end(mut self) -> Result<(), Gone> {
        self.pass_on()?;
        self.to.send(Sent::End).map_err(|_| Gone)
    }

    fn pass_on(&mut self) -> Result<(), Gone> {
        let block = std::mem::take(&mut self.block);
        self.to.send(Sent::Block(block)).map_err(|_| Gone)
    }
}

impl StreamReader {
    /// The entry in hand; none before the first [`StreamReader::advance`] and at the end.
    pub(crate) fn head(&self) -> Option<(&[u8], &[u8])> {
        let (key, payload, end) = self.entry?;
        Some((&self.block[key..payload], &self.block[payload..end]))
    }

    /// Goes on to the next entry, and waits for it.
    ///
    /// # Errors
    /// When the other thread failed.
    pub(crate) fn advance(&mut self) -> Result<(), FileError> {
        self.entry = None;
        while self.at == self.block.len() && !self.ended {
            match self.from.recv() {
                Ok(Sent::Block(block)) => (self.block, self.at) = (block, 0),
                Ok(Sent::End) => self.ended = true,
                Err(_) => {
                    let early = io::Error::other("a thread that sorts ended early");
                    return Err(FileError::new("merge temporary data in", &self.dir)(early));
                }
            }
        }
        let length = |at: usize| {
            let bytes = self.block.get(at..at + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
        };
        if let (Some(key), Some(payload)) = (length(self.at), length(self.at + 4)) {
            let start = self.at + HEAD;
            self.at = start + key + payload;
            self.entry = Some((start, start + key, self.at));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_whatever_the_block() {
        for size in [1, 20, 1 << 16] {
            let (mut writer, mut reader) = stream(size, Path::new("tmp"));
            let entry = |at: usize| (vec![b'k'; at % 30], vec![b'v'; at % 7]);
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    for at in 0..100 {
                        let (key, payload) = entry(at);
                        writer.push(&key, &payload).unwrap();
                    }
                    writer.end().unwrap();
                });
                for at in 0..100 {
                    reader.advance().unwrap();
                    let (key, payload) = entry(at);
                    assert_eq!(reader.head(), Some((&key[..], &payload[..])));
                }
                for _ in 0..2 {
                    reader.advance().unwrap();
                    assert_eq!(reader.head(), None);
                }
            });
        }
    }

    #[test]
    fn a_writer_that_ends_early_is_an_error_and_a_reader_that_does_is_noticed() {
        let (mut writer, mut reader) = stream(1, Path::new("tmp"));
        writer.push(b"a", b"").unwrap();
        writer.push(b"b", b"").unwrap();
        drop(writer);
        reader.advance().unwrap();
        assert_eq!(reader.head(), Some((&b"a"[..], &b""[..])));
        assert!(reader.advance().is_err());

        let (mut writer, reader) = stream(1, Path::new("tmp"));
        drop(reader);
        writer.push(b"a", b"").unwrap();
        assert!(writer.push(b"b", b"").is_err());
    }
}
