//! What a process that reads a split says to the mapper that started it: a byte for the kind, a
//! little-endian u32 for the length, and so many bytes. Both are the same program.

use std::io::{self, Read, Write};

use gristmill_common::split_task::SplitAccount;
use serde::{Deserialize, Serialize};

/// No frame is longer: a chunk's message, or an account.
const MOST: u32 = 64 << 20;

const CHUNK: u8 = 1;
const ALIVE: u8 = 2;
const END: u8 = 3;

/// One thing that is said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A chunk, as its message.
    Chunk(Vec<u8>),
    /// Reading goes on.
    Alive,
    /// How it ended.
    End(ReadEnd),
}

/// How reading ended.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ReadEnd {
    /// All of the split was cut.
    Whole(SplitAccount),
    /// It was not read to its end: the job cannot go on, or not here.
    Halted { hopeless: bool, reason: String },
}

impl Frame {
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (kind, bytes) = match self {
            Frame::Chunk(message) => (CHUNK, message.as_slice()),
            Frame::Alive => (ALIVE, &[][..]),
            Frame::End(end) => {
                let text = serde_json::to_vec(end)?;
                return put(out, END, &text);
            }
        };
        put(out, kind, bytes)
    }

    /// The next frame; none when the process has ended.
    pub(super) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = [0; 5];
        match input.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let [kind, length @ ..] = head;
        let length = u32::from_le_bytes(length);
        if length > MOST {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        let mut bytes = vec![0; length as usize];
        match input.read_exact(&mut bytes) {
            // It died half-way.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        match kind {
            CHUNK => Ok(Some(Frame::Chunk(bytes))),
            ALIVE => Ok(Some(Frame::Alive)),
            END => Ok(Some(Frame::End(serde_json::from_slice(&bytes)?))),
            kind => Err(io::Error::other(format!("a frame of kind {kind}"))),
        }
    }
}

fn put(out: &mut impl Write, kind: u8, bytes: &[u8]) -> io::Result<()> {
    out.write_all(&[kind])?;
    out.write_all(&(bytes.len() as u32).to_le_bytes())?;
    out.write_all(bytes)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_a_death_half_way_is_the_end() {
        let whole = ReadEnd::Whole(SplitAccount {
            split: 2,
            chunks: 3,
            records: vec![(0, 7)],
            passed_over: 1,
        });
        let frames = [
            Frame::Chunk(b"chunk".to_vec()),
            Frame::Alive,
            Frame::End(whole),
        ];
        let mut bytes = Vec::new();
        frames
            .iter()
            .for_each(|frame| frame.write(&mut bytes).unwrap());
        for cut in 0..=bytes.len() {
            let mut input = &bytes[..cut];
            let mut found = Vec::new();
            while let Some(frame) = Frame::read(&mut input).unwrap() {
                found.push(frame);
            }
            assert_eq!(found, frames[..found.len()]);
            assert_eq!(found.len() == 3, cut == bytes.len());
        }
        assert!(Frame::read(&mut &[9, 0, 0, 0, 0][..]).is_err());
        assert!(Frame::read(&mut &[1, 255, 255, 255, 255][..]).is_err());
    }
}
