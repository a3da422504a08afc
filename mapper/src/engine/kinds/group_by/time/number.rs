//! Times that are numbers.

use super::{Minute, Parts, two};

/// A number: a calendar time without anything between its parts, or one since 1970.
///
/// A day (`20250303`) and a minute (`202503031005`) would be times of 1970, 1971 and 1976 in
/// seconds and thousandths, which hardly any log is of. 14 digits are after 2286 in any unit. An
/// hour (`2025030310`) may be a time of the 2030s in seconds as well, so it is none.
pub(super) fn read(text: &[u8]) -> Option<Minute> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_second = len == 14 && matches!(text.get(len), None | Some(b'.'));
    match (compact(&text[..len]), len, text.len() == len) {
        (Some(_), 10, true) => None,
        (Some(minute), 8 | 12, true) => Some(minute),
        (Some(minute), ..) if is_second && is_fraction(&text[len..]) => Some(minute),
        _ if is_second && matches!(&text[..2], b"19" | b"20" | b"21") => None,
        _ => epoch(text),
    }
}

/// `20250303`, `2025030310`, `202503031005` or `20250303100503` of the years 1900 to 2199.
fn compact(text: &[u8]) -> Option<Minute> {
    let (century, rest) = two(text).filter(|(century, _)| (19..=21).contains(century))?;
    let (year, rest) = two(rest)?;
    let (month, rest) = two(rest)?;
    let (day, rest) = two(rest)?;
    let mut clock = [0; 3];
    let mut rest = rest;
    for part in &mut clock {
        if !rest.is_empty() {
            (*part, rest) = two(rest)?;
        }
    }
    let [hour, minute, second] = clock;
    let parts = Parts {
        year: century * 100 + year,
        month,
        day,
        hour,
        minute,
        zone: 0,
    };
    let exists = rest.is_empty() && hour < 24 && minute < 60 && second <= 60;
    exists.then(|| parts.minute()).flatten()
}

/// Nothing, or a point and digits.
fn is_fraction(text: &[u8]) -> bool {
    text.strip_prefix(b".")
        .unwrap_or(text)
        .iter()
        .all(u8::is_ascii_digit)
}

/// Seconds since 1970, or thousandths, millionths or billionths: what would be after the year 5138
/// in the larger unit is in the smaller one.
fn epoch(text: &[u8]) -> Option<Minute> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = text.split_at(len);
    let places = match rest {
        [] => rest,
        [b'.', places @ ..] => places,
        _ => return None,
    };
    if whole.is_empty() || whole.len() > 19 || !places.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut count = whole
        .iter()
        .fold(0u64, |count, digit| count * 10 + u64::from(digit - b'0'));
    for _ in 0..3 {
        if count >= 100_000_000_000 {
            count /= 1000;
        }
    }
    (count < 100_000_000_000).then_some(Minute {
        minute: (count / 60) as i64,
        dated: true,
    })
}
