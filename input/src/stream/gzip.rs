//! Gzip (RFC 1952).
//!
//! Members, headers and checksums are handled here, on the caller's buffers, so that nothing is
//! copied between inflating and the chunk. It must not know what the bytes mean.

use zlib_rs::Inflate;

use super::deflate::{self, Step};
use super::{Damage, Input, Pull};

/// The first bytes of a gzip member with the only compression method there is.
const MAGIC: [u8; 3] = [0x1F, 0x8B, 0x08];

const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
const RESERVED: u8 = 0xE0;

/// Decodes concatenated gzip members to one stream.
pub(crate) struct Gzip<'a> {
    input: Input<'a>,
    inflate: Inflate,
    crc: crc32fast::Hasher,
    /// Decompressed bytes of this member and of all.
    member: u64,
    total: u64,
    members: u64,
    inside: bool,
}

impl<'a> Gzip<'a> {
    /// Decodes `input`, which begins with a member.
    pub(crate) fn new(input: Input<'a>) -> Self {
        Self {
            input,
            inflate: Inflate::new(false, deflate::WINDOW_BITS),
            crc: crc32fast::Hasher::new(),
            member: 0,
            total: 0,
            members: 0,
            inside: false,
        }
    }

    /// Says that the first member's text begins at this offset of the whole text.
    pub(crate) fn from(mut self, text: u64) -> Self {
        self.total = text;
        self
    }

    fn corrupt(&self, what: &str) -> Damage {
        Damage::corrupt(format!(
            "gzip: {what} at compressed byte {}, decompressed byte {}",
            self.input.offset(),
            self.total
        ))
    }

    /// Reads a member's header. False at the end of the stream.
    fn header(&mut self) -> Result<bool, Damage> {
        if self.members > 0 && !self.next_member()? {
            return Ok(false);
        }
        let head = self.input.want(10)?;
        if head.len() < 10 {
            return Err(self.corrupt("truncated header"));
        }
        // Of the header, until the member's data begins.
        self.crc.reset();
        self.crc.update(&head[..10]);
        let flags = head[3];
        if head[..3] != MAGIC || flags & RESERVED != 0 {
            return Err(self.corrupt("malformed header"));
        }
        self.input.consume(10);
        if flags & FEXTRA != 0 {
            let length = self.input.want(2)?;
            let Some(length) = length.first_chunk::<2>() else {
                return Err(self.corrupt("truncated header"));
            };
            let length = 2 + usize::from(u16::from_le_bytes(*length));
            let Some(extra) = self.input.want(length)?.get(..length) else {
                return Err(self.corrupt("truncated header"));
            };
            self.crc.update(extra);
            self.input.consume(length);
        }
        for flag in [FNAME, FCOMMENT] {
            if flags & flag != 0 {
                self.skip_text()?;
            }
        }
        if flags & FHCRC != 0 {
            self.header_checksum()?;
        }
        self.crc.reset();
        if self.members > 0 {
            self.inflate.reset(false);
        }
        self.member = 0;
        Ok(true)
    }

    /// Whether another member follows one; padding zeros are stepped over.
    fn next_member(&mut self) -> Result<bool, Damage> {
        loop {
            let rest = self.input.fill()?;
            if rest.is_empty() {
                return Ok(false);
            }
            let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
            if zeros > 0 {
                self.input.consume(zeros);
                continue;
            }
            let offset = self.input.offset();
            let rest = self.input.peek(MAGIC.len());
            if rest.starts_with(&MAGIC[..2.min(rest.len())]) {
                return Ok(true);
            }
            let reason = format!("gzip: garbage after the end, at compressed byte {offset}");
            return Err(Damage::corrupt(reason).after_end(rest));
        }
    }

    /// The lower half of the CRC-32 of all that stands before it in the header (RFC 1952, 2.3.1).
    fn header_checksum(&mut self) -> Result<(), Damage> {
        let Some(wanted) = self.input.want(2)?.first_chunk::<2>().copied() else {
            return Err(self.corrupt("truncated header"));
        };
        let (wanted, found) = (
            u16::from_le_bytes(wanted),
            self.crc.clone().finalize() as u16,
        );
        if wanted != found {
            let what = format!("checksum {found:04x} of a header instead of {wanted:04x}");
            return Err(self.corrupt(&what));
        }
        self.input.consume(2);
        Ok(())
    }

    /// Steps over a zero-terminated text of the header.
    fn skip_text(&mut self) -> Result<(), Damage> {
        loop {
            let rest = self.input.fill()?;
            if rest.is_empty() {
                return Err(self.corrupt("truncated header"));
            }
            let (step, done) = match memchr::memchr(0, rest) {
                Some(end) => (end + 1, true),
                None => (rest.len(), false),
            };
            self.crc.update(&rest[..step]);
            self.input.consume(step);
            if done {
                return Ok(());
            }
        }
    }

    fn trailer(&mut self) -> Result<(), Damage> {
        let tail = self.input.want(8)?;
        let Some(tail) = tail.first_chunk::<8>().copied() else {
            return Err(self.corrupt("truncated trailer"));
        };
        let [a, b, c, d, e, f, g, h] = tail;
        let wanted = u32::from_le_bytes([a, b, c, d]);
        let found = self.crc.clone().finalize();
        if wanted != found {
            return Err(self.corrupt(&format!(
                "checksum {found:08x} instead of {wanted:08x}, after the member that ends"
            )));
        }
        if u32::from_le_bytes([e, f, g, h]) != self.member as u32 {
            return Err(self.corrupt("wrong length of the member that ends"));
        }
        self.input.consume(8);
        self.members += 1;
        self.inside = false;
        Ok(())
    }
}

impl Pull for Gzip<'_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        loop {
            if !self.inside {
                if !self.header()? {
                    return Ok(0);
                }
                self.inside = true;
            }
            let start = out.len();
            let Step { given, ended } = deflate::step(&mut self.inflate, &mut self.input, out, max);
            self.crc.update(&out[start..]);
            self.member += given as u64;
            self.total += given as u64;
            if ended.map_err(|trouble| trouble.into_damage(|what| self.corrupt(what)))? {
                self.trailer()?;
            }
            if given > 0 {
                return Ok(given);
            }
        }
    }
}
