//! Times as logs write them, cut to the minute, hour, day or month they are in, in UTC.

mod number;

use std::ops::RangeInclusive;

use crate::engine::calendar::{MONTHS, civil_from_days, days_from_civil, days_in, minute_text};

/// What a time is cut to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
    Month,
}

impl Unit {
    /// The unit of this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "minute" => Unit::Minute,
            "hour" => Unit::Hour,
            "day" => Unit::Day,
            "month" => Unit::Month,
            _ => return None,
        })
    }

    /// As it is typed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Unit::Minute => "minute",
            Unit::Hour => "hour",
            Unit::Day => "day",
            Unit::Month => "month",
        }
    }

    /// The length of a time that is cut to it.
    fn len(self) -> usize {
        match self {
            Unit::Minute => 16,
            Unit::Hour => 13,
            Unit::Day => 10,
            Unit::Month => 7,
        }
    }
}

/// The longest text that a time is cut to.
pub(super) type Scratch = [u8; 16];

/// A time: minutes since 1970-01-01 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Minute {
    minute: i64,
    /// Whether the year was written.
    dated: bool,
}

/// The time that `text` is, cut to a unit, such as `2025-03-03T10`. `None` if it is no time.
pub(super) fn cut<'r>(text: &[u8], unit: Unit, scratch: &'r mut Scratch) -> Option<&'r [u8]> {
    let Minute { minute, dated } = read(text)?;
    *scratch = minute_text(minute);
    if dated {
        return Some(&scratch[..unit.len()]);
    }
    // As in the older ISO 8601: a dash stands for the year.
    scratch[3] = b'-';
    Some(&scratch[3..unit.len()])
}

fn read(text: &[u8]) -> Option<Minute> {
    let text = (text
        .strip_prefix(b"[")
        .and_then(|text| text.strip_suffix(b"]")))
    .unwrap_or(text);
    match text {
        [_, _, b'/', ..] => common_log(text),
        [_, _, _, _, b'-' | b'/', ..] => rfc3339(text),
        [b'A'..=b'Z', ..] => syslog(text),
        _ => number::read(text),
    }
}

/// The years that four digits write; there was no year 0.
const YEARS: RangeInclusive<i64> = 1..=9999;

/// The parts of a time on a clock.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    /// Minutes east of Greenwich.
    zone: i64,
}

impl Parts {
    fn minute(self) -> Option<Minute> {
        let exists = YEARS.contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in(self.year, self.month)).contains(&self.day);
        let days = exists.then(|| days_from_civil(self.year, self.month, self.day))?;
        let minute = (days * 24 + self.hour) * 60 + self.minute - self.zone;
        // At Greenwich it may be a year earlier or later.
        let is_last = self.year == *YEARS.start() || self.year == *YEARS.end();
        let year = || civil_from_days(minute.div_euclid(24 * 60)).0;
        (!is_last || YEARS.contains(&year())).then_some(Minute {
            minute,
            dated: true,
        })
    }

    /// Takes `10:05:03` or `10:05` with a fraction, and a zone, off a text that must end then.
    fn clock(&mut self, text: &[u8]) -> Option<()> {
        let rest;
        (self.hour, rest) = two(text)?;
        let (minute, mut rest) = two(rest.strip_prefix(b":")?)?;
        self.minute = minute;
        if let Some(seconds) = rest.strip_prefix(b":") {
            let second;
            (second, rest) = two(seconds)?;
            if second > 60 {
                return None;
            }
            if let [b'.' | b',', places @ ..] = rest {
                let len = places
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                rest = &places[len..];
            }
        }
        self.zone = zone(rest.strip_prefix(b" ").unwrap_or(rest))?;
        (self.hour < 24 && self.minute < 60).then_some(())
    }
}

/// `2025-03-03T10:05:03.123+01:00`, with a blank for the T, without a zone, or the day alone.
fn rfc3339(text: &[u8]) -> Option<Minute> {
    let (first, rest) = two(text)?;
    let (second, rest) = two(rest)?;
    let mut parts = Parts {
        year: first * 100 + second,
        ..Parts::default()
    };
    let (month, rest) = two(&rest[1..])?;
    let (day, rest) = two(rest.strip_prefix(&[text[4]])?)?;
    (parts.month, parts.day) = (month, day);
    match rest {
        [] => {}
        [b'T' | b't' | b' ' | b'_', clock @ ..] => parts.clock(clock)?,
        _ => return None,
    }
    parts.minute()
}

/// `17/May/2015:10:05:03 +0000`.
fn common_log(text: &[u8]) -> Option<Minute> {
    let (day, rest) = two(text)?;
    let (month, rest) = month(rest.strip_prefix(b"/")?)?;
    let (first, rest) = two(rest.strip_prefix(b"/")?)?;
    let (second, rest) = two(rest)?;
    let mut parts = Parts {
        year: first * 100 + second,
        month,
        day,
        ..Parts::default()
    };
    parts.clock(rest.strip_prefix(b":")?)?;
    parts.minute()
}

/// `Mar  3 10:05:03`: nobody knows the year.
fn syslog(text: &[u8]) -> Option<Minute> {
    let (month, rest) = month(text)?;
    let (day, rest) = match rest.strip_prefix(b" ")? {
        [b' ', day @ b'0'..=b'9', rest @ ..] => (i64::from(day - b'0'), rest),
        [day @ b'0'..=b'9', b' ', ..] => (i64::from(day - b'0'), &rest[2..]),
        two_digits => two(two_digits)?,
    };
    let mut parts = Parts {
        // A leap year, so that every day exists.
        year: 2000,
        month,
        day,
        ..Parts::default()
    };
    parts.clock(rest.strip_prefix(b" ")?)?;
    parts.minute().map(|minute| Minute {
        dated: false,
        ..minute
    })
}

/// A number of two digits.
fn two(text: &[u8]) -> Option<(i64, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((i64::from(tens - b'0') * 10 + i64::from(ones - b'0'), rest))
        }
        _ => None,
    }
}

fn month(text: &[u8]) -> Option<(i64, &[u8])> {
    let (name, rest) = text.split_first_chunk::<3>()?;
    let at = MONTHS.iter().position(|month| *month == name)?;
    Some((at as i64 + 1, rest))
}

/// `Z`, `UTC`, `+01:00`, `+0100`, `+01` or nothing, in minutes east of Greenwich.
fn zone(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        b"" | b"Z" | b"z" | b"UTC" | b"GMT" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = two(rest)?;
    let minutes = match rest.strip_prefix(b":").unwrap_or(rest) {
        b"" => 0,
        rest => two(rest).filter(|(_, rest)| rest.is_empty())?.0,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(text: &str) -> Option<String> {
        let mut scratch = Scratch::default();
        let cut = cut(text.as_bytes(), Unit::Minute, &mut scratch)?;
        Some(String::from_utf8(cut.to_vec()).unwrap())
    }

    #[test]
    fn times_are_read_in_the_forms_of_logs() {
        for (text, expected) in [
            ("2025-03-03T10:05:03Z", "2025-03-03T10:05"),
            ("2025-03-03T10:05:03.123456789+01:00", "2025-03-03T09:05"),
            ("2025-03-03 10:05:03,123", "2025-03-03T10:05"),
            ("2025-03-03T23:59:60-0030", "2025-03-04T00:29"),
            ("2025-03-03 10:05:03 +02", "2025-03-03T08:05"),
            ("2025/03/03 10:05", "2025-03-03T10:05"),
            ("2024-02-29", "2024-02-29T00:00"),
            ("17/May/2015:10:05:03 +0530", "2015-05-17T04:35"),
            ("[17/May/2015:10:05:03 +0000]", "2015-05-17T10:05"),
            ("Mar  3 10:05:03", "--03-03T10:05"),
            ("Feb 29 10:05:03", "--02-29T10:05"),
            ("20250303", "2025-03-03T00:00"),
            ("19691231", "1969-12-31T00:00"),
            // "For ever", as databases write it.
            ("9999-12-31", "9999-12-31T00:00"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59"),
            ("0001-01-01T00:30:00-01:00", "0001-01-01T01:30"),
            // No day of the calendar, so seconds.
            ("20250230", "1970-08-23T09:03"),
            ("0", "1970-01-01T00:00"),
            ("202503031005", "2025-03-03T10:05"),
            ("20250303100503", "2025-03-03T10:05"),
            ("20250303235960.25", "2025-03-03T23:59"),
            // No such hour, so seconds and thousandths.
            ("2025030324", "2034-03-03T20:25"),
            ("202503032505", "1976-06-01T18:50"),
            ("1741000000", "2025-03-03T11:06"),
            ("1741000000.25", "2025-03-03T11:06"),
            ("1741000000000", "2025-03-03T11:06"),
            ("1741000000000000", "2025-03-03T11:06"),
            ("1741000000000000000", "2025-03-03T11:06"),
        ] {
            assert_eq!(minute(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn times_that_are_none() {
        for text in [
            "",
            "-",
            "x",
            "-5",
            "2025-",
            "2025-13-01",
            // Five digits at Greenwich, and a year before the first.
            "9999-12-31T23:30:00-01:00",
            "0001-01-01T00:30:00+01:00",
            "0000-00-00",
            "2025-02-29",
            "2025-03-03T24:00:00Z",
            "2025-03-03T10:60:00Z",
            "2025-03-03T10:05:61Z",
            "2025-03-03T10:05:03X",
            "2025-03-03T10:05:03+1:00",
            "2025-03/03",
            "17/May/2015",
            "17/Xxx/2015:10:05:03 +0000",
            "Mar 32 10:05:03",
            "Mar 3",
            "Mar",
            // Seconds, or a day and its hour.
            "2025030310",
            "20250230100503",
            "20250303100503.x",
            "20250303100503Z",
            "99999999999999999999",
            "1e9",
            "1.x",
            "0000-01-01",
            "2025-03-03T10:05:03+01:00x",
        ] {
            assert_eq!(minute(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_cut() {
        let mut scratch = Scratch::default();
        for (unit, expected) in [
            (Unit::Hour, "2025-03-03T10"),
            (Unit::Day, "2025-03-03"),
            (Unit::Month, "2025-03"),
        ] {
            let cut = cut(b"2025-03-03T10:05:03Z", unit, &mut scratch).unwrap();
            assert_eq!(cut, expected.as_bytes());
        }
        assert_eq!(
            cut(b"Mar  3 10:05:03", Unit::Month, &mut scratch).unwrap(),
            b"--03"
        );
    }
}
