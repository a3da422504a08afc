//! A part file that is a tar: each frame of the outcomes, a document's name and a result, becomes a
//! member. Nothing of time, owner or machine is in it.

use std::io;

use crate::engine::error::FileError;
use crate::engine::member_names::MemberNames;
use crate::engine::out_file::OutFile;

/// The unit of a tar, in bytes.
const BLOCK: usize = 512;
/// The longest name that a header holds; a longer one stands before it as a member of its own.
const NAME: usize = 100;
/// The name of such a member, as GNU tar has it.
const LONG_LINK: &[u8] = b"././@LongLink";

/// Makes members of frames: a length (u32, big-endian) and a name, a length and a result.
#[derive(Debug, Default)]
pub(crate) struct TarPart {
    names: MemberNames,
    /// As much of the next frame as has come, before its result.
    head: Vec<u8>,
    /// What of the open result has not come yet, in bytes.
    left: usize,
    /// Zeros behind it.
    padding: usize,
}

impl TarPart {
    /// Writes members, as far as the frames have come.
    pub(crate) fn write(&mut self, mut bytes: &[u8], out: &mut OutFile) -> Result<(), FileError> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let (some, rest) = bytes.split_at(self.left.min(bytes.len()));
                out.write(some)?;
                self.left -= some.len();
                bytes = rest;
                self.close(out)?;
                continue;
            }
            let (some, rest) = bytes.split_at(self.missing().min(bytes.len()));
            self.head.extend_from_slice(some);
            bytes = rest;
            if self.missing() == 0 {
                self.begin(out)?;
            }
        }
        Ok(())
    }

    /// Ends the tar.
    pub(crate) fn finish(self, out: &mut OutFile) -> Result<(), FileError> {
        out.write(&[0; 2 * BLOCK])
    }

    /// Whether the last byte was the last of a frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.left == 0 && self.head.is_empty()
    }

    /// How many bytes of the head must come next.
    fn missing(&self) -> usize {
        let whole = match self.name() {
            None => 4,
            Some(len) => 4 + len + 4,
        };
        whole.saturating_sub(self.head.len())
    }

    /// The length of the name, once it is known.
    fn name(&self) -> Option<usize> {
        let (len, _) = self.head.split_first_chunk::<4>()?;
        Some(u32::from_be_bytes(*len) as usize)
    }

    fn begin(&mut self, out: &mut OutFile) -> Result<(), FileError> {
        let Some((front, len)) = self.head.split_last_chunk::<4>() else {
            return Ok(());
        };
        self.left = u32::from_be_bytes(*len) as usize;
        let name = self.names.give(&front[4..]);
        self.head.clear();
        if name.len() > NAME {
            let ended = [&name[..], b"\0"].concat();
            out.write(
                header(LONG_LINK, ended.len(), tar::EntryType::GNULongName, out)?.as_bytes(),
            )?;
            out.write(&ended)?;
            out.write(&vec![0; padding(ended.len())])?;
        }
        let short = &name[..name.len().min(NAME)];
        out.write(header(short, self.left, tar::EntryType::Regular, out)?.as_bytes())?;
        self.padding = padding(self.left);
        self.close(out)
    }

    fn close(&mut self, out: &mut OutFile) -> Result<(), FileError> {
        if self.left > 0 {
            return Ok(());
        }
        out.write(&[0; BLOCK][..std::mem::take(&mut self.padding)])
    }
}

fn padding(len: usize) -> usize {
    len.next_multiple_of(BLOCK) - len
}

fn header(
    name: &[u8],
    len: usize,
    kind: tar::EntryType,
    out: &OutFile,
) -> Result<tar::Header, FileError> {
    let mut header = tar::Header::new_gnu();
    let Some(gnu) = header.as_gnu_mut() else {
        let error = io::Error::other("no header for a member");
        return Err(FileError::new("write", out.shown())(error));
    };
    gnu.name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(len as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}
