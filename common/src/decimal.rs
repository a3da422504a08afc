//! Exact decimal numbers: up to 18 digits before the point and 9 after it. Never floats.
//!
//! A number that does not fit is none: whoever counts numbers counts those that were none, too.
//! Only comparing takes numbers of any length.

use std::cmp::Ordering;

/// Places after the point.
pub const PLACES: u32 = 9;
/// What one is in units of the last place.
pub const UNIT: u64 = 1_000_000_000;
/// Every number is nearer to zero than this.
const LIMIT: u64 = 1_000_000_000_000_000_000;
/// Digits that a number may have.
const DIGITS: u32 = 27;

/// A decimal number: `whole + nanos / 10^9`, where `nanos` is below 10^9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal {
    /// The largest whole number that is not above it.
    pub whole: i64,
    /// What is above that, in units of the last place.
    pub nanos: u32,
}

impl Decimal {
    /// The number that `text` is: an optional sign, digits with an optional point, an optional
    /// exponent. `None` for anything else, for more places than [`PLACES`] (zeros at the end do not
    /// count) and for 10^18 and more.
    #[inline]
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (whole, nanos) = short(digits).or_else(|| long(digits))?;
        Some(if !negative {
            Self {
                whole: whole as i64,
                nanos,
            }
        } else if nanos == 0 {
            Self {
                whole: -(whole as i64),
                nanos,
            }
        } else {
            Self {
                whole: -(whole as i64) - 1,
                nanos: UNIT as u32 - nanos,
            }
        })
    }

    /// The number in units of the last place.
    #[inline]
    #[must_use]
    pub fn scaled(self) -> i128 {
        i128::from(self.whole) * i128::from(UNIT) + i128::from(self.nanos)
    }
}

/// How the number that a text is compares with another one: exactly, also where it has more digits
/// than a [`Decimal`]. `None` if it is no number.
#[inline]
#[must_use]
pub fn compare(text: &[u8], other: &Decimal) -> Option<Ordering> {
    match Decimal::parse(text) {
        Some(number) => Some(number.cmp(other)),
        None => compare_long(text, other),
    }
}

#[cold]
fn compare_long(text: &[u8], other: &Decimal) -> Option<Ordering> {
    if !is_written_as_number(text) {
        return None;
    }
    let negative = text.starts_with(b"-");
    let (size, more) = truncated(text);
    let other = other.scaled();
    Some(match (size, more) {
        (0, false) => 0.cmp(&other),
        _ if negative && other >= 0 => Ordering::Less,
        _ if !negative && other < 0 => Ordering::Greater,
        _ => {
            // What was left off makes it larger.
            let by_size = size.cmp(&other.unsigned_abs()).then(match more {
                true => Ordering::Greater,
                false => Ordering::Equal,
            });
            if negative { by_size.reverse() } else { by_size }
        }
    })
}

/// The size of a number in units of the last place, as far as it goes into that, and whether it has
/// digits behind that place. What is larger than all [`Decimal`]s comes out as larger than them.
fn truncated(text: &[u8]) -> (u128, bool) {
    let end = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = text.split_at(end.unwrap_or(text.len()));
    let exponent = exponent.get(1..).and_then(exponent_of).unwrap_or(0);
    let point = mantissa.iter().position(|&byte| byte == b'.');
    let whole = &mantissa[..point.unwrap_or(mantissa.len())];
    let whole = whole.iter().filter(|byte| byte.is_ascii_digit()).count();
    // So many digits stand before the place behind which nothing counts.
    let kept = whole as i64 + i64::from(exponent) + i64::from(PLACES);
    let mut size = 0u128;
    let mut at = 0;
    let digits = mantissa.iter().filter(|byte| byte.is_ascii_digit());
    for digit in digits.map(|byte| byte - b'0') {
        if at < kept {
            size = size.saturating_mul(10).saturating_add(u128::from(digit));
        } else if digit > 0 {
            return (size, true);
        }
        at += 1;
    }
    while at < kept && size > 0 && size < u128::MAX {
        size = size.saturating_mul(10);
        at += 1;
    }
    (size, false)
}

/// Whether a text is written as [`Decimal::parse`] reads numbers, be it one that does not fit.
#[must_use]
pub fn is_written_as_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+"));
    let digits = digits.unwrap_or(text);
    let end = digits.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = digits.split_at(end.unwrap_or(digits.len()));
    let points = mantissa.iter().filter(|&&byte| byte == b'.').count();
    let digits = mantissa.iter().filter(|byte| byte.is_ascii_digit()).count();
    let ends = match exponent {
        [] => true,
        [_, exponent @ ..] => exponent_of(exponent).is_some(),
    };
    digits > 0 && points <= 1 && points + digits == mantissa.len() && ends
}

/// Appends a number that is given in units of the last place, without zeros at the end.
pub fn push(out: &mut Vec<u8>, scaled: i128) {
    if scaled < 0 {
        out.push(b'-');
    }
    let unit = u128::from(UNIT);
    let (whole, nanos) = (scaled.unsigned_abs() / unit, scaled.unsigned_abs() % unit);
    out.extend_from_slice(whole.to_string().as_bytes());
    if nanos > 0 {
        let places = format!(".{nanos:09}");
        out.extend_from_slice(places.trim_end_matches('0').as_bytes());
    }
}

/// Nearly every number: up to 18 digits, and up to 9 after a point.
#[inline]
fn short(text: &[u8]) -> Option<(u64, u32)> {
    let (whole, len) = digits(text);
    if len == 0 || len > 18 {
        return None;
    }
    let places = match &text[len..] {
        [] => return Some((whole, 0)),
        [b'.', places @ ..] if places.len() <= PLACES as usize => places,
        _ => return None,
    };
    let (nanos, len) = digits(places);
    (len == places.len()).then(|| (whole, nanos as u32 * TENS[PLACES as usize - len]))
}

/// The number that the digits at the beginning of a text are, and how many they are; of more than
/// 19 it means nothing.
#[inline]
fn digits(text: &[u8]) -> (u64, usize) {
    let (mut number, mut len) = (0u64, 0);
    while let Some(digit) = text.get(len).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
    {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        len += 1;
    }
    (number, len)
}

/// Powers of ten.
const TENS: [u32; PLACES as usize + 1] = {
    let mut tens = [1; PLACES as usize + 1];
    let mut at = 1;
    while at < tens.len() {
        tens[at] = tens[at - 1] * 10;
        at += 1;
    }
    tens
};

/// Any number of digits, and exponents.
#[cold]
fn long(text: &[u8]) -> Option<(u64, u32)> {
    let (mut mantissa, mut used, mut zeros) = (0u128, 0u32, 0i64);
    let (mut places, mut seen, mut after_point) = (0i64, false, false);
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                places += i64::from(after_point);
                if *byte != b'0' {
                    let more = zeros + 1;
                    if i64::from(used) + more > i64::from(DIGITS) {
                        return None;
                    }
                    mantissa = mantissa * 10u128.pow(more as u32) + u128::from(byte - b'0');
                    used += more as u32;
                    zeros = 0;
                } else if mantissa > 0 {
                    zeros += 1;
                }
            }
            b'.' if !after_point => after_point = true,
            b'e' | b'E' => break,
            _ => return None,
        }
        rest = tail;
    }
    let exponent = match rest {
        [] => 0,
        [_, exponent @ ..] => exponent_of(exponent)?,
    };
    if !seen {
        return None;
    }
    if mantissa == 0 {
        return Some((0, 0));
    }
    let shift = zeros - places + i64::from(exponent) + i64::from(PLACES);
    if shift < 0 || i64::from(used) + shift > i64::from(DIGITS) {
        return None;
    }
    let scaled = mantissa * 10u128.pow(shift as u32);
    let (whole, nanos) = (scaled / u128::from(UNIT), scaled % u128::from(UNIT));
    (whole < u128::from(LIMIT)).then_some((whole as u64, nanos as u32))
}

/// An exponent; one that is out of all bounds is cut to one that is.
fn exponent_of(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0i32, |number, digit| {
        (number.saturating_mul(10)).saturating_add(i32::from(digit - b'0'))
    });
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(text: &str) -> Option<String> {
        let mut out = Vec::new();
        push(&mut out, Decimal::parse(text.as_bytes())?.scaled());
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn numbers_of_any_length_compare_exactly() {
        let half = Decimal::parse(b"0.5").unwrap();
        for (text, expected) in [
            ("0.5", Some(Ordering::Equal)),
            ("0.50000000000", Some(Ordering::Equal)),
            ("0.5000000000000001", Some(Ordering::Greater)),
            ("0.49999999999999", Some(Ordering::Less)),
            ("-0.5000000000000001", Some(Ordering::Less)),
            ("1753000000000000000", Some(Ordering::Greater)),
            ("-1753000000000000000", Some(Ordering::Less)),
            ("1e400", Some(Ordering::Greater)),
            ("-1e99999999999", Some(Ordering::Less)),
            ("1e-99999999999", Some(Ordering::Less)),
            ("0.00000000000000000001e20", Some(Ordering::Greater)),
            (
                "123456789012345678901234567890123456789012345e-45",
                Some(Ordering::Less),
            ),
            ("NaN", None),
            ("1.2.3", None),
            ("", None),
        ] {
            assert_eq!(compare(text.as_bytes(), &half), expected, "{text}");
        }
        let less = Decimal::parse(b"-0.000000001").unwrap();
        assert_eq!(compare(b"-0.0000000011", &less), Some(Ordering::Less));
        assert_eq!(compare(b"-0.0000000009", &less), Some(Ordering::Greater));
        assert_eq!(compare(b"0.0000000009", &less), Some(Ordering::Greater));
    }

    #[test]
    fn numbers_are_exact_or_none() {
        for (text, number) in [
            ("0", "0"),
            ("-0", "0"),
            ("007", "7"),
            ("+5", "5"),
            ("1.50", "1.5"),
            ("-1.5", "-1.5"),
            ("-0.000000001", "-0.000000001"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("1.2345E-05", "0.000012345"),
            ("1200000000000e-20", "0.000000012"),
            (
                "999999999999999999.999999999",
                "999999999999999999.999999999",
            ),
            (
                "-999999999999999999.999999999",
                "-999999999999999999.999999999",
            ),
            ("0.0000000010000000000000", "0.000000001"),
            ("0e999999999999", "0"),
            ("0000000000000000000000000000000000000001", "1"),
        ] {
            assert_eq!(printed(text).as_deref(), Some(number), "{text}");
            assert!(is_written_as_number(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "-",
            "+",
            ".",
            "e5",
            "1e",
            "1e+",
            "NaN",
            "inf",
            "1e400",
            "1e18",
            "1000000000000000000",
            "0.0000000001",
            "1.0.0",
            "1,5",
            " 1",
            "1 ",
            "0x10",
            "--1",
            "1e-400",
            "1_000",
            "٣",
        ] {
            assert_eq!(printed(text), None, "{text}");
            let too_large = ["1e400", "1e18", "1000000000000000000"].contains(&text);
            let too_fine = ["0.0000000001", "1e-400"].contains(&text);
            let is_number = is_written_as_number(text.as_bytes());
            assert_eq!(is_number, too_large || too_fine, "{text}");
        }
        assert_eq!(printed(&"9".repeat(10_000)), None);
        assert_eq!(printed(&"0".repeat(10_000)).as_deref(), Some("0"));
        assert_eq!(
            printed(&format!("1{}e-10000", "0".repeat(10_000))).as_deref(),
            Some("1")
        );
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(scaled in -(10i128.pow(27) - 1)..10i128.pow(27)) {
            let mut out = Vec::new();
            push(&mut out, scaled);
            prop_assert_eq!(Decimal::parse(&out).map(Decimal::scaled), Some(scaled));
        }

        #[test]
        fn order_is_that_of_the_numbers(a in -3000i128..3000, b in -3000i128..3000) {
            let of = |scaled| {
                let mut out = Vec::new();
                push(&mut out, scaled * 500_000_000);
                Decimal::parse(&out)
            };
            prop_assert_eq!(of(a).cmp(&of(b)), a.cmp(&b));
        }

        #[test]
        fn nothing_panics(text in "[-+0-9.eE]{0,40}") {
            let _ = Decimal::parse(text.as_bytes());
        }
    }
}
