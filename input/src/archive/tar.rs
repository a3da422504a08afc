//! The header of a tar member: POSIX ustar, GNU, star, old V7.

/// The length of headers, and what members are padded to.
pub(crate) const BLOCK: usize = 512;

/// A block whose checksum is a header's.
pub(crate) struct Header(Box<[u8; BLOCK]>);

/// Whether a tar begins so: with a header, or with one that is damaged and yet none else's.
pub(crate) fn begins(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else {
        return false;
    };
    // With their zero or blanks, the magics occur in no text.
    let magic = &block[257..265];
    magic == b"ustar\x0000" || magic == b"ustar  \0" || (block[0] != 0 && checksum_holds(block))
}

/// Whether a block's checksum is a tar header's.
fn checksum_holds(block: &[u8; BLOCK]) -> bool {
    let field = 148..156;
    let Some(stated) = number(&block[field.clone()]) else {
        return false;
    };
    let signed = |byte: u8| i64::from(byte as i8);
    let outside = || (0..BLOCK).filter(|at| !field.contains(at));
    let blanks = 8 * i64::from(b' ');
    let sum: i64 = outside().map(|at| i64::from(block[at])).sum();
    // Some old writers summed signed bytes.
    let old: i64 = outside().map(|at| signed(block[at])).sum();
    let stated = i64::try_from(stated).unwrap_or(i64::MAX);
    stated > blanks && (stated == sum + blanks || stated == old + blanks)
}

/// A number as headers have it: octal digits between blanks, or big-endian bytes after a first one
/// of 0x80 (GNU). A blank field is 0; `None` is what cannot be read, or is no length.
pub(crate) fn number(field: &[u8]) -> Option<u64> {
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        // 0xFF begins a negative number.
        let mut value = i64::from(first & 0x7F);
        if *first & 0x40 != 0 {
            return None;
        }
        for byte in rest {
            value = value.checked_mul(256)?.checked_add(i64::from(*byte))?;
        }
        return u64::try_from(value).ok();
    }
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !blank(byte));
    let digits = &field[start.unwrap_or(field.len())..];
    let end = digits.iter().position(blank).unwrap_or(digits.len());
    let mut value = 0_i64;
    for digit in &digits[..end] {
        if !(b'0'..=b'7').contains(digit) {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(i64::from(digit - b'0'))?;
    }
    u64::try_from(value).ok()
}

impl Header {
    /// The header that a block is, if it is one.
    pub(crate) fn parse(block: &[u8; BLOCK]) -> Option<Self> {
        checksum_holds(block).then(|| Self(Box::new(*block)))
    }

    /// The type flag.
    pub(crate) fn kind(&self) -> u8 {
        self.0[156]
    }

    /// The length of the data that follows, in bytes; `None` if it cannot be read.
    pub(crate) fn size(&self) -> Option<u64> {
        number(&self.0[124..136])
    }

    /// The member's name, with the prefix that POSIX puts in a field of its own.
    pub(crate) fn name(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        // In GNU's format (`ustar` and blanks) the field holds times.
        let posix = &self.0[257..263] == b"ustar\0";
        match text(&self.0[345..500]) {
            prefix if posix && !prefix.is_empty() => [prefix, b"/", name].concat(),
            _ => name.to_vec(),
        }
    }

    /// What a link leads to.
    pub(crate) fn link(&self) -> Vec<u8> {
        text(&self.0[157..257]).to_vec()
    }

    /// The part of the map of a sparse member (GNU, type `S`) that the header holds; whether blocks
    /// with more of it follow; and the length that the member unfolds to.
    pub(crate) fn sparse(&self) -> (&[u8], bool, Option<u64>) {
        (
            &self.0[386..482],
            self.0[482] != 0,
            number(&self.0[483..495]),
        )
    }
}

/// A text field, up to its first NUL.
fn text(field: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    &field[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary_and_a_blank_one_is_zero() {
        assert_eq!(number(b"00000000017\0"), Some(15));
        assert_eq!(number(b"        17 \0"), Some(15));
        assert_eq!(number(b"17\0garbage!"), Some(15));
        assert_eq!(number(&[0; 12]), Some(0));
        assert_eq!(number(b"            "), Some(0));
        assert_eq!(number(b"777777777777"), Some((1 << 36) - 1));
        assert_eq!(number(b"0000000008\0"), None);
        assert_eq!(number(b"-0000000001\0"), None);
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x01\0\0\0\0"), Some(1 << 32));
        assert_eq!(number(&[0xFF; 12]), None);
        assert_eq!(number(b"\x80\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), None);
    }
}
