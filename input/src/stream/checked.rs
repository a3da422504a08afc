//! Checking a member against the length and checksum that its archive states.

use super::{Damage, Pull};

/// A member's bytes, whose CRC-32 and length must come out as stated.
pub(crate) struct Checked<P> {
    inner: P,
    crc: crc32fast::Hasher,
    length: u64,
    stated_crc: u32,
    stated_length: u64,
}

impl<P: Pull> Checked<P> {
    pub(crate) fn new(inner: P, stated_crc: u32, stated_length: u64) -> Self {
        Self {
            inner,
            crc: crc32fast::Hasher::new(),
            length: 0,
            stated_crc,
            stated_length,
        }
    }

    /// Checks a member of which only its end can tell that it is whole; and that is missing.
    pub(crate) fn cut_off(inner: P) -> Self {
        Self::new(inner, 0, u64::MAX)
    }

    fn damage(&self, than: &str) -> Damage {
        if self.stated_length == u64::MAX {
            let reason = format!("zip: the member is cut off at byte {}", self.length);
            return Damage::corrupt(reason);
        }
        Damage::corrupt(format!(
            "zip: the member has {than} than the {} bytes stated, at byte {}",
            self.stated_length, self.length
        ))
    }
}

impl<P: Pull> Pull for Checked<P> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        let start = out.len();
        let result = self.inner.pull(out, max);
        let room = self.stated_length - self.length;
        let more = (out.len() - start) as u64 > room;
        if more {
            // Exactly what was stated is given, however much came at once.
            out.truncate(start + room as usize);
        }
        self.crc.update(&out[start..]);
        self.length += (out.len() - start) as u64;
        if more {
            return Err(self.damage("more"));
        }
        let got = result?;
        if got == 0 && self.length < self.stated_length {
            return Err(self.damage("less"));
        }
        if got == 0 {
            let found = self.crc.clone().finalize();
            if found != self.stated_crc {
                return Err(Damage::corrupt(format!(
                    "zip: checksum {found:08x} instead of {:08x} of the member's {} bytes",
                    self.stated_crc, self.length
                )));
            }
        }
        Ok(got)
    }
}
