//! Times other than `%t`: `%{FORM}t` with a form of strftime(3), Apache's `sec`, `msec`, `usec` and
//! their fractions, or `iso8601`.
//!
//! A time may stand in several directives (`%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t`): each adds what
//! it has. Without a zone it counts as UTC.

use super::super::client::skip_blanks;
use super::super::servers::number;
use super::super::time::When;
use crate::engine::calendar::{MONTHS, days_from_civil, days_in};

/// The first second after the year 9999.
const LAST_SECOND: i64 = 253_402_300_800;

const FULL_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A compiled form.
#[derive(Clone, Debug)]
pub(super) struct TimeFormat {
    items: Vec<Item>,
    /// A fraction of a second may follow the seconds; not where the line format has one itself.
    fraction: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Byte(u8),
    /// A run of blanks.
    Blanks,
    /// Blanks or none.
    MaybeBlanks,
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    /// From 1 to 12.
    HalfHour,
    Noon,
    Minute,
    Second,
    Zone,
    /// A zone or none.
    MaybeZone,
    /// `T` or a blank.
    Between,
    /// Since 1970, this many to a second.
    Epoch(u64),
    /// Digits or letters of no use here.
    Digits,
    Letters,
}

/// How much of a time the lines of a format say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine::kinds) enum Tells {
    Nothing,
    Day,
    Hour,
    Minute,
}

/// The parts of a time, as far as they were read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: Option<i64>,
    afternoon: Option<bool>,
    minute: i64,
    /// Minutes east of Greenwich.
    zone: i64,
    epoch: Option<i64>,
}

impl TimeFormat {
    /// Compiles what stands in the braces.
    pub(super) fn new(form: &str) -> Result<Self, String> {
        let bare = form.strip_prefix("begin:").or(form.strip_prefix("end:"));
        let bare = bare.unwrap_or(form);
        let mut items = Vec::new();
        match bare {
            "sec" => items.push(Item::Epoch(1)),
            "msec" => items.push(Item::Epoch(1_000)),
            "usec" => items.push(Item::Epoch(1_000_000)),
            "msec_frac" | "usec_frac" => items.push(Item::Digits),
            "iso8601" => {
                strftime("%Y-%m-%d", &mut items)?;
                items.push(Item::Between);
                strftime("%H:%M:%S", &mut items)?;
                items.push(Item::MaybeZone);
            }
            _ => strftime(bare, &mut items)
                .map_err(|letter| format!("%{{{form}}}t: `%{letter}` is not read; write one of %Y %m %d %H %M %S %y %b %B %e %I %p %a %A %j %z %s %T %R %D %F, or sec, msec, usec, iso8601"))?,
        }
        Ok(Self {
            items,
            fraction: true,
        })
    }

    /// Takes no fraction of a second: it follows in the line format.
    pub(super) fn without_fraction(&mut self) {
        self.fraction = false;
    }

    /// How much of a time these say together.
    pub(super) fn tells(formats: &[&Self]) -> Tells {
        let has = |wanted: &[Item]| {
            let mut all = formats.iter().flat_map(|format| &format.items);
            all.any(|item| wanted.contains(item))
        };
        if formats.iter().any(|format| {
            format
                .items
                .iter()
                .any(|item| matches!(item, Item::Epoch(_)))
        }) {
            return Tells::Minute;
        }
        let day = has(&[Item::Year, Item::ShortYear])
            && has(&[Item::Month, Item::MonthName])
            && has(&[Item::Day]);
        let hour = has(&[Item::Hour]) || has(&[Item::HalfHour]) && has(&[Item::Noon]);
        match (day, hour, has(&[Item::Minute])) {
            (false, ..) => Tells::Nothing,
            (true, false, _) => Tells::Day,
            (true, true, false) => Tells::Hour,
            (true, true, true) => Tells::Minute,
        }
    }

    /// Reads a time off the beginning of a text. Returns what follows it.
    pub(super) fn read<'a>(&self, text: &'a [u8], moment: &mut Moment) -> Option<&'a [u8]> {
        let mut rest = text;
        for item in &self.items {
            rest = self.read_item(*item, rest, moment)?;
        }
        Some(rest)
    }

    fn read_item<'a>(&self, item: Item, text: &'a [u8], moment: &mut Moment) -> Option<&'a [u8]> {
        let (value, rest) = match item {
            Item::Byte(byte) => return text.strip_prefix(&[byte]),
            Item::Between => return text.strip_prefix(b"T").or(text.strip_prefix(b" ")),
            Item::Blanks => return text.starts_with(b" ").then(|| skip_blanks(text)),
            Item::MaybeBlanks => return Some(skip_blanks(text)),
            Item::MaybeZone => return Some(zone(text, moment).unwrap_or(text)),
            Item::Zone => return zone(text, moment),
            Item::MonthName => return month_name(text, moment),
            Item::Noon => {
                let (half, rest) = text.split_at_checked(2)?;
                moment.afternoon = Some(half.eq_ignore_ascii_case(b"pm"));
                return (half.eq_ignore_ascii_case(b"am") || moment.afternoon?).then_some(rest);
            }
            Item::Letters => return after(text, u8::is_ascii_alphabetic),
            Item::Digits => return after(text, u8::is_ascii_digit),
            Item::Epoch(scale) => {
                let rest = after(text, u8::is_ascii_digit)?;
                let count = number(&text[..text.len() - rest.len()])?;
                moment.epoch = Some(i64::try_from(count / scale).ok()?);
                return self.after_fraction(rest);
            }
            Item::Year => digits(text, 4)?,
            _ => digits(text, 2)?,
        };
        match item {
            Item::Year => moment.year = Some(value),
            // As strptime(3) has it.
            Item::ShortYear => moment.year = Some(value + if value < 69 { 2000 } else { 1900 }),
            Item::Month => moment.month = Some(value),
            Item::Day => moment.day = Some(value),
            Item::Hour if value < 24 => moment.hour = Some(value),
            Item::HalfHour if (1..=12).contains(&value) => moment.hour = Some(value % 12),
            Item::Minute if value < 60 => moment.minute = value,
            Item::Second if value <= 60 => return self.after_fraction(rest),
            _ => return None,
        }
        Some(rest)
    }

    fn after_fraction<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let fraction = text.strip_prefix(b".").or(text.strip_prefix(b","));
        let rest = fraction.and_then(|digits| after(digits, u8::is_ascii_digit));
        Some(rest.filter(|_| self.fraction).unwrap_or(text))
    }
}

impl Moment {
    /// The minute that the parts make. `None` if there is no such day, or it is out of bounds.
    pub(super) fn when<'a>(&self) -> Option<When<'a>> {
        if let Some(second) = self.epoch {
            return (second < LAST_SECOND).then_some(When::Minute(second.div_euclid(60)));
        }
        let (year, month, day) = (self.year?, self.month?, self.day?);
        // So that the year has four digits in every zone.
        let exists = (1..9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day);
        if !exists {
            return None;
        }
        let half = if self.afternoon == Some(true) { 12 } else { 0 };
        let hour = days_from_civil(year, month, day) * 24 + self.hour.unwrap_or(0) + half;
        Some(When::Minute(hour * 60 + self.minute - self.zone))
    }
}

/// Adds the items of a strftime form; the letter of a conversion that is not read is an error.
fn strftime(form: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let mut bytes = form.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b' ' {
            if items.last() != Some(&Item::Blanks) {
                items.push(Item::Blanks);
            }
            continue;
        }
        if byte != b'%' {
            items.push(Item::Byte(byte));
            continue;
        }
        let letter = bytes.next().unwrap_or(b'%');
        let composed = match letter {
            b'F' => "%Y-%m-%d",
            b'D' => "%m/%d/%y",
            b'T' => "%H:%M:%S",
            b'R' => "%H:%M",
            _ => "",
        };
        if !composed.is_empty() {
            strftime(composed, items)?;
            continue;
        }
        if matches!(letter, b'e' | b'k' | b'l') {
            items.push(Item::MaybeBlanks);
        }
        items.push(match letter {
            b'Y' => Item::Year,
            b'y' => Item::ShortYear,
            b'm' => Item::Month,
            b'b' | b'h' | b'B' => Item::MonthName,
            b'd' | b'e' => Item::Day,
            b'H' | b'k' => Item::Hour,
            b'I' | b'l' => Item::HalfHour,
            b'p' | b'P' => Item::Noon,
            b'M' => Item::Minute,
            b'S' => Item::Second,
            b'z' => Item::Zone,
            b's' => Item::Epoch(1),
            b'f' | b'j' => Item::Digits,
            b'a' | b'A' => Item::Letters,
            b'%' => Item::Byte(b'%'),
            other => return Err(char::from(other).to_string()),
        });
    }
    Ok(())
}

/// What follows the bytes of a class that a text begins with, of which there must be one.
fn after(text: &[u8], class: impl Fn(&u8) -> bool) -> Option<&[u8]> {
    let len = text.iter().take_while(|byte| class(byte)).count();
    (len > 0).then(|| &text[len..])
}

/// A number of `width` digits, or of one or two.
fn digits(text: &[u8], width: usize) -> Option<(i64, &[u8])> {
    let count = text
        .iter()
        .take(width)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = text.split_at(count);
    let value = i64::try_from(number(digits)?).ok()?;
    (count == width || width == 2).then_some((value, rest))
}

/// `+0100`, `+01:00`, `+01`, `Z`, `UTC` or `GMT`.
fn zone<'a>(text: &'a [u8], moment: &mut Moment) -> Option<&'a [u8]> {
    for name in [&b"UTC"[..], b"GMT", b"Z"] {
        if let Some(rest) = text.strip_prefix(name) {
            return Some(rest);
        }
    }
    let sign = match text.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(&text[1..], 2)?;
    let minutes = digits(rest.strip_prefix(b":").unwrap_or(rest), 2);
    let (minutes, rest) = minutes.unwrap_or((0, rest));
    moment.zone = sign * (hours * 60 + minutes);
    (hours < 24 && minutes < 60).then_some(rest)
}

/// A month's English name, whole or its first three letters.
fn month_name<'a>(text: &'a [u8], moment: &mut Moment) -> Option<&'a [u8]> {
    let letters = text
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let (name, rest) = text.split_at(letters);
    let names = MONTHS.iter().zip(FULL_MONTHS);
    let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
    let mut numbers = (1..).zip(names);
    let (number, _) = numbers.find(|(_, (short, full))| is(&short[..]) || is(full.as_bytes()))?;
    moment.month = Some(number);
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::super::super::time::Clock;
    use super::*;

    fn hour(form: &str, text: &str) -> Option<String> {
        let mut moment = Moment::default();
        let rest = TimeFormat::new(form)
            .unwrap()
            .read(text.as_bytes(), &mut moment)?;
        let when = moment.when().filter(|_| rest.is_empty())?;
        Some(String::from_utf8(Clock::default().hour(&when).to_vec()).unwrap())
    }

    #[test]
    fn times_are_read_in_many_forms() {
        for (form, text, expected) in [
            ("%Y-%m-%d", "2031-02-09", "2031-02-09T00"),
            ("%Y-%m-%d %H:%M:%S", "2031-02-09 11:22:20", "2031-02-09T11"),
            (
                "%Y-%m-%dT%H:%M:%S%z",
                "2031-02-09T11:22:20+0200",
                "2031-02-09T09",
            ),
            (
                "%Y-%m-%dT%H:%M:%S%z",
                "2031-02-09T11:22:20.125+02:00",
                "2031-02-09T09",
            ),
            ("%FT%T%z", "2031-02-09T11:22:20Z", "2031-02-09T11"),
            ("%D %R", "02/09/31 23:10", "2031-02-09T23"),
            (
                "%a, %d %B %Y %I:%M %p",
                "Sun, 09 February 2031 12:10 AM",
                "2031-02-09T00",
            ),
            ("%b %e %Y %k", "Feb  9 2031  7", "2031-02-09T07"),
            ("iso8601", "2031-02-09T23:22:20-01:30", "2031-02-10T00"),
            ("iso8601", "2031-02-09 11:22:20,5", "2031-02-09T11"),
            ("sec", "1930000000", "2031-02-27T23"),
            ("sec", "1930000000.779", "2031-02-27T23"),
            ("%s", "0", "1970-01-01T00"),
            ("msec", "1930000000779", "2031-02-27T23"),
            ("end:usec", "1930000000779123", "2031-02-27T23"),
        ] {
            assert_eq!(
                hour(form, text).as_deref(),
                Some(expected),
                "{form}: {text}"
            );
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (form, text) in [
            ("%Y-%m-%d", "2031-02-29"),
            ("%Y-%m-%d", "2031-13-01"),
            ("%Y-%m-%d", "31-02-09"),
            ("%F %T", "2031-02-09 24:00:00"),
            ("%F %T", "2031-02-09 10:60:00"),
            ("%F %I %p", "2031-02-09 13 PM"),
            ("%F %z", "2031-02-09 0100"),
            ("iso8601", "2031-02-09"),
            ("sec", "1930000000779"),
            ("sec", "-5"),
            ("sec", "99999999999999999999999"),
            ("%H", "10"),
        ] {
            assert_eq!(hour(form, text), None, "{form}: {text}");
        }
        assert!(TimeFormat::new("%Q").unwrap_err().contains("%Q"));
    }
}
