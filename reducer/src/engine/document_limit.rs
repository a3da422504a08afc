//! The first results of each document, from outcomes in frames ([`gristmill_common::frame`]).

use std::num::NonZeroU64;

use gristmill_common::frame::{HEAD, open};

use crate::engine::error::FileError;
use crate::engine::out_file::OutFile;

/// Counts the results of each document and passes on the first ones.
#[derive(Debug)]
pub(crate) struct DocumentLimit {
    most: u64,
    /// Split and ordinal of the document that the last frame was of.
    document: Option<(u32, u32)>,
    /// Its results so far.
    seen: u64,
    /// As much of the next head as has come.
    head: Vec<u8>,
    /// What of the open frame has not come yet, in bytes.
    left: usize,
}

impl DocumentLimit {
    pub(crate) fn new(most: NonZeroU64) -> Self {
        Self {
            most: most.get(),
            document: None,
            seen: 0,
            head: Vec::with_capacity(HEAD),
            left: 0,
        }
    }

    /// Writes what is wanted of the next bytes of a split's frames.
    pub(crate) fn write(
        &mut self,
        split: u32,
        mut bytes: &[u8],
        out: &mut OutFile,
    ) -> Result<(), FileError> {
        while !bytes.is_empty() {
            if self.left == 0 {
                let missing = HEAD - self.head.len();
                let (some, rest) = bytes.split_at(missing.min(bytes.len()));
                self.head.extend_from_slice(some);
                bytes = rest;
                if let Ok(head) = <[u8; HEAD]>::try_from(&self.head[..]) {
                    self.begin(split, head);
                }
                continue;
            }
            let (some, rest) = bytes.split_at(self.left.min(bytes.len()));
            if self.seen <= self.most {
                out.write(some)?;
            }
            self.left -= some.len();
            bytes = rest;
        }
        Ok(())
    }

    /// Whether the last byte was the last of a frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.left == 0 && self.head.is_empty()
    }

    fn begin(&mut self, split: u32, head: [u8; HEAD]) {
        let (ordinal, length) = open(head);
        self.head.clear();
        self.left = length as usize;
        if self.document != Some((split, ordinal)) {
            self.document = Some((split, ordinal));
            self.seen = 0;
        }
        self.seen = self.seen.saturating_add(1);
    }
}
