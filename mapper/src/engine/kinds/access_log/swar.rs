//! Digits, blanks and names, many bytes at a time, without branches that depend on where they are.
//!
//! Method: SIMD within a register, as in Daniel Lemire's "Quickly parsing eight digits" (2018), and
//! the test for a zero byte of Sean Anderson's "Bit Twiddling Hacks". It must not know lines.

/// Checks each byte of a word: those of class [`ANY`] are not looked at, digits up to a bound are
/// told by their high half and by whether adding turns it over, others are compared.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    looked_at: u64,
    wanted: u64,
    added: u64,
}

/// Any byte will do.
const ANY: u8 = b'*';

impl Shape {
    /// A shape written as an example: `9` stands for any digit, `5` for one up to 5, `*` for any
    /// byte, and anything else for itself.
    pub(super) const fn new(example: &[u8; 8]) -> Self {
        let (mut looked_at, mut wanted, mut added) = ([0; 8], [0; 8], [0; 8]);
        let mut at = 0;
        while at < 8 {
            (looked_at[at], wanted[at], added[at]) = match example[at] {
                ANY => (0, 0, 0),
                digit @ (b'5' | b'9') => (0xF0, 0x30, b'?' - digit),
                other => (0xFF, other, 0),
            };
            at += 1;
        }
        Self {
            looked_at: u64::from_le_bytes(looked_at),
            wanted: u64::from_le_bytes(wanted),
            added: u64::from_le_bytes(added),
        }
    }

    /// Whether eight bytes are of this shape.
    #[inline(always)]
    pub(super) const fn fits(self, bytes: &[u8; 8]) -> bool {
        let word = u64::from_le_bytes(*bytes);
        // Where the first half holds, adding to a digit carries into no other byte that is looked
        // at: a byte that is not looked at gets nothing added.
        word & self.looked_at == self.wanted
            && word.wrapping_add(self.added) & self.looked_at == self.wanted
    }
}

/// Whether a text is a quote, a space, three digits and a space.
#[inline(always)]
pub(super) fn is_status(text: &[u8; 8]) -> bool {
    const STATUS: Shape = Shape::new(b"\" 999 **");
    STATUS.fits(text)
}

/// The number that the last `count` bytes of a text are, if they are one to eight digits and the
/// text is at least eight bytes long.
#[inline(always)]
pub(super) fn eight_digits(text: &[u8], count: usize) -> Option<u64> {
    const DIGITS: Shape = Shape::new(b"99999999");
    if !(1..=8).contains(&count) {
        return None;
    }
    let last = u64::from_le_bytes(*text.last_chunk()?);
    // What is before the digits becomes zeros, which count for nothing.
    let digits = u64::MAX << (64 - 8 * count);
    let word = last & digits | u64::from_le_bytes(*b"00000000") & !digits;
    if !DIGITS.fits(&word.to_le_bytes()) {
        return None;
    }
    let ones = word & u64::from_le_bytes([0x0F; 8]);
    let twos = ones.wrapping_mul(10).wrapping_add(ones >> 8);
    let low = u64::from_le_bytes([0xFF, 0, 0, 0, 0xFF, 0, 0, 0]);
    let upper = (twos & low).wrapping_mul(100 | 1_000_000 << 32);
    let lower = (twos >> 16 & low).wrapping_mul(1 | 10_000 << 32);
    Some(upper.wrapping_add(lower) >> 32)
}

/// Whether the first `count` bytes of a text are a host's name: at least one byte, and all of them
/// of its class. It looks at eight at a time, as far as the text has that many.
#[inline(always)]
pub(super) fn is_name(text: &[u8], count: usize) -> bool {
    let mut left = count;
    for bytes in text.as_chunks().0 {
        let first = name_bytes(u64::from_le_bytes(*bytes));
        if left <= 8 {
            return left > 0 && first >= left;
        }
        if first < 8 {
            return false;
        }
        left -= 8;
    }
    let rest = &text[count - left..count];
    !rest.is_empty() && rest.iter().all(|&byte| is_name_byte(byte))
}

/// Whether a byte may be in a host's name.
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// How many bytes of a word, from its first on, may be in a host's name. Written out, since
/// whether the compiler makes vector instructions of a loop changes with what is around it.
#[inline(always)]
const fn name_bytes(word: u64) -> usize {
    const HIGH: u64 = every(0x80);
    let low = word & !HIGH;
    let lower = low | every(0x20);
    let is_name = is_within(lower, b'a', b'z')
        | is_within(low, b'0', b'9')
        | is_within(low, b'-', b'.')
        | is_within(low, b'_', b'_');
    let others = !(is_name & !word) & HIGH;
    others.trailing_zeros() as usize / 8
}

/// The same byte eight times.
const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Sets the highest bit of each byte that is from `least` to `most`; all bytes are below 0x80, so
/// that no addition carries into the next.
#[inline(always)]
const fn is_within(bytes: u64, least: u8, most: u8) -> u64 {
    bytes.wrapping_add(every(0x80 - least)) & !bytes.wrapping_add(every(0x7F - most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_tell_every_byte() {
        let shape = Shape::new(b":59:59 *");
        for at in 0..8 {
            for byte in 0..=255 {
                let mut text = *b":00:00 x";
                text[at] = byte;
                let expected = match at {
                    0 | 3 => byte == b':',
                    1 | 4 => (b'0'..=b'5').contains(&byte),
                    2 | 5 => byte.is_ascii_digit(),
                    6 => byte == b' ',
                    _ => true,
                };
                assert_eq!(shape.fits(&text), expected, "{byte} at {at}");
            }
        }
        assert!(is_status(b"\" 200 51"));
        assert!(!is_status(b"\" 20 513"));
    }

    #[test]
    fn names_are_told_up_to_a_place() {
        for len in [15, 16, 40, 48] {
            for at in 0..len {
                for other in [
                    0, b' ', b',', b'/', b':', b'@', b'[', b'`', b'{', 0x7F, 0xA0, 0xFF,
                ] {
                    let mut text = vec![b'.'; len];
                    text[at] = other;
                    for count in 1..=len {
                        assert_eq!(is_name(&text, count), at >= count, "{at} of {count}");
                    }
                }
            }
            for byte in 0..=255 {
                assert_eq!(is_name(&vec![byte; len], len), is_name_byte(byte), "{byte}");
            }
            assert!(!is_name(&vec![b'a'; len], 0));
        }
    }

    #[test]
    fn numbers_of_up_to_eight_digits_are_read() {
        for number in (0..12_000).chain([99_999, 100_000, 9_876_543, 12_345_678, 99_999_999]) {
            for width in [0, 3, 8] {
                let digits = format!("{number:0width$}");
                let text = format!("200 51 x{digits}");
                assert_eq!(eight_digits(text.as_bytes(), digits.len()), Some(number));
            }
        }
        for (text, count) in [
            ("1234567", 7),
            ("12345678", 0),
            ("123456789", 9),
            ("1234567x", 3),
            ("123456/8", 3),
            ("123456:8", 3),
            ("xxxxxxx-", 1),
        ] {
            assert_eq!(eight_digits(text.as_bytes(), count), None, "{text}");
        }
    }
}
