//! A segment: one durable append to a partition's ledger, with a checksum over all of it.
//!
//! Layout, integers little-endian: magic `GMSEG001`; length of the job's name (1 byte) and the
//! name; run (8); partition (4); number of the segment (8); 1 and the number of replays before it
//! if it closes the partition, else 0 (1); number of messages (4); each message with its length (4)
//! before it; XXH3-64 of all of that (8). The messages are those of the queue, byte for byte. It
//! must not know what they say.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use bytes::Bytes;
use gristmill_common::job::JobName;
use gristmill_common::wire::MAX_MESSAGE;
use xxhash_rust::xxh3::xxh3_64;

/// The first bytes, with the version of the format.
const MAGIC: [u8; 8] = *b"GMSEG001";
/// A segment is closed once its messages pass this, in bytes.
pub(crate) const FULL: usize = 32 << 20;
/// No segment of ours is larger: a full one, one message more, names and lengths.
const MAX_SEGMENT: u64 = (FULL + MAX_MESSAGE + (1 << 20)) as u64;

/// Whose segments these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) job: JobName,
    pub(crate) run: u64,
    pub(crate) partition: u32,
}

/// What a segment holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Messages of the partition's queue.
    pub(crate) messages: Vec<Bytes>,
    /// The partition holds everything after this many replays of the job: until the next one, no
    /// segment follows.
    pub(crate) closes: Option<u32>,
}

impl Segment {
    /// The segment as it is written.
    pub(crate) fn encode(&self, of: &Identity, number: u64) -> Vec<u8> {
        let content: usize = self.messages.iter().map(|message| message.len() + 4).sum();
        let mut bytes = Vec::with_capacity(content + 128);
        bytes.extend_from_slice(&header(of, number));
        bytes.push(self.closes.map_or(0, |replays| replays as u8 + 1));
        bytes.extend_from_slice(&(self.messages.len() as u32).to_le_bytes());
        for message in &self.messages {
            bytes.extend_from_slice(&(message.len() as u32).to_le_bytes());
            bytes.extend_from_slice(message);
        }
        let hash = xxh3_64(&bytes);
        bytes.extend_from_slice(&hash.to_le_bytes());
        bytes
    }

    /// Reads a segment of a ledger; the text says why a file is not one.
    pub(crate) fn decode(bytes: Bytes, of: &Identity, number: u64) -> Result<Self, String> {
        let Some((content, hash)) = bytes.split_last_chunk::<8>() else {
            return Err("it is too short for a segment".into());
        };
        if !content.starts_with(&MAGIC) {
            return Err("it is not a segment".into());
        }
        if xxh3_64(content) != u64::from_le_bytes(*hash) {
            return Err("it is torn: its checksum does not match".into());
        }
        let header = header(of, number);
        if !content.starts_with(&header) {
            return Err("it belongs to another job, partition or place".into());
        }
        let mut at = header.len();
        let end = content.len();
        let mut take = |len: usize| -> Result<std::ops::Range<usize>, String> {
            let from = at;
            at = from
                .checked_add(len)
                .filter(|&to| to <= end)
                .ok_or("its lengths do not add up")?;
            Ok(from..at)
        };
        let word = |range: std::ops::Range<usize>| {
            let bytes = &content[range];
            u32::from_le_bytes([0, 1, 2, 3].map(|i| bytes[i]))
        };
        let closes = content[take(1)?][0].checked_sub(1).map(u32::from);
        let count = word(take(4)?);
        let mut messages = Vec::new();
        for _ in 0..count {
            let len = word(take(4)?) as usize;
            messages.push(bytes.slice(take(len)?));
        }
        if at != end {
            return Err("it has stray bytes".into());
        }
        Ok(Self { messages, closes })
    }

    /// Reads a segment's file; the text says why it is not one.
    pub(crate) fn read(
        path: &Path,
        of: &Identity,
        number: u64,
    ) -> io::Result<Result<Self, String>> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Ok(Err("it is not a plain file".into()));
        }
        if meta.len() > MAX_SEGMENT {
            return Ok(Err(format!("it is larger than {MAX_SEGMENT} bytes")));
        }
        let mut bytes = Vec::with_capacity(meta.len() as usize);
        file.take(MAX_SEGMENT).read_to_end(&mut bytes)?;
        Ok(Self::decode(bytes.into(), of, number))
    }

    /// Writes the segment to a file that is already open.
    pub(crate) fn write(&self, file: &mut File, of: &Identity, number: u64) -> io::Result<()> {
        file.write_all(&self.encode(of, number))?;
        file.sync_all()
    }
}

fn header(of: &Identity, number: u64) -> Vec<u8> {
    let name = of.job.as_str().as_bytes();
    let mut bytes = Vec::with_capacity(64 + name.len());
    bytes.extend_from_slice(&MAGIC);
    // A job's name has at most 64 bytes.
    bytes.push(name.len() as u8);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&of.run.to_le_bytes());
    bytes.extend_from_slice(&of.partition.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity() -> Identity {
        Identity {
            job: "a-job".parse().unwrap(),
            run: 7,
            partition: 2,
        }
    }

    fn segment() -> Segment {
        Segment {
            messages: vec![
                Bytes::from_static(b"one"),
                Bytes::new(),
                Bytes::from_static(b"three"),
            ],
            closes: Some(3),
        }
    }

    #[test]
    fn a_segment_comes_back() {
        let bytes = segment().encode(&identity(), 3);
        let back = Segment::decode(bytes.into(), &identity(), 3);
        assert_eq!(back.as_ref(), Ok(&segment()));
    }

    #[test]
    fn a_segment_of_another_ledger_is_none() {
        let bytes = Bytes::from(segment().encode(&identity(), 3));
        assert!(Segment::decode(bytes.clone(), &identity(), 4).is_err());
        let other = Identity {
            run: 8,
            ..identity()
        };
        assert!(Segment::decode(bytes, &other, 3).is_err());
    }

    proptest! {
        #[test]
        fn torn_and_changed_segments_are_refused(at in 0usize..200, cut in any::<bool>()) {
            let mut bytes = segment().encode(&identity(), 3);
            let at = at % bytes.len();
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 0x55;
            }
            prop_assert!(Segment::decode(bytes.into(), &identity(), 3).is_err());
        }

        #[test]
        fn hostile_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Segment::decode(bytes.into(), &identity(), 3).is_err());
        }
    }
}
