//! A stretch of a stream that an archive's member fills: its data, then what it is filled up with.

use super::walker::Walker;
use crate::archive::tar::BLOCK;
use crate::error::Halt;
use crate::stream::{Damage, Input, Pull};

/// A member's bytes in a stream.
pub(super) struct Stretch<'c, 'i> {
    input: &'c mut Input<'i>,
    /// The archive's format, for messages.
    format: &'static str,
    left: u64,
    size: u64,
    /// Set when the archive ends inside the stretch.
    cut_off: Option<Damage>,
}

impl<'c, 'i> Stretch<'c, 'i> {
    /// The next `size` bytes of `input`, of which `taken` have been read.
    pub(super) fn new(
        input: &'c mut Input<'i>,
        format: &'static str,
        size: u64,
        taken: u64,
    ) -> Self {
        Self {
            input,
            format,
            left: size.saturating_sub(taken),
            size,
            cut_off: None,
        }
    }

    /// Reads what is left of the first `most` bytes.
    ///
    /// # Errors
    /// When the stream ends before, or is damaged.
    pub(super) fn take(&mut self, most: u64) -> Result<Vec<u8>, Damage> {
        let mut bytes = Vec::new();
        let count = self.left.min(most) as usize;
        while bytes.len() < count {
            let max = count - bytes.len();
            self.pull(&mut bytes, max)?;
        }
        Ok(bytes)
    }

    /// Cuts what is left as the member named `name` of `archive`, whose header is at `offset`.
    pub(super) fn member(
        &mut self,
        walker: &mut Walker<'_, '_>,
        archive: &[u8],
        own_name: &[u8],
        offset: u64,
        depth: u32,
    ) -> Result<(), Halt> {
        if !walker.takes(own_name) {
            return Ok(());
        }
        match walker.member_name(archive, own_name, offset)? {
            Some(name) => walker.member(&name, self, depth),
            None => Ok(()),
        }
    }

    /// Steps over what is left, and over what fills it up to a multiple of `align`.
    ///
    /// # Errors
    /// When the stream ends before, or is damaged.
    pub(super) fn end(self, align: u64) -> Result<(), Damage> {
        if let Some(damage) = self.cut_off {
            return Err(damage);
        }
        let padding = self.size.div_ceil(align).saturating_mul(align) - self.size;
        let got = self.input.skip(self.left.saturating_add(padding))?;
        let missing = self.left.saturating_sub(got);
        if missing > 0 {
            return Err(Damage::corrupt(format!(
                "{}: truncated, {missing} bytes of the last member are missing",
                self.format
            )));
        }
        // Some writers leave out a byte or two at the end of all; a block of a tar is always whole.
        if align == BLOCK as u64 && got < self.left.saturating_add(padding) {
            return Err(Damage::corrupt(format!(
                "{}: truncated behind the last member",
                self.format
            )));
        }
        Ok(())
    }
}

impl Pull for Stretch<'_, '_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        let max = usize::try_from(self.left).map_or(max, |left| left.min(max));
        if max == 0 {
            return Ok(0);
        }
        let got = self.input.pull(out, max)?;
        self.left -= got as u64;
        if got == 0 {
            let damage = Damage::corrupt(format!(
                "{}: truncated, {} of the member's {} bytes are missing",
                self.format, self.left, self.size
            ));
            self.cut_off = Some(damage.clone());
            return Err(damage);
        }
        Ok(got)
    }
}

/// Steps over zeros, which fill the last block of an archive up.
///
/// # Errors
/// When the stream is damaged.
pub(super) fn skip_zeros(input: &mut Input<'_>) -> Result<(), Damage> {
    loop {
        let bytes = input.fill()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        if zeros == 0 {
            return Ok(());
        }
        input.consume(zeros);
    }
}
