//! `17/May/2015:10:05:03 +0000`: the time of a request, and its hour and day in UTC.

use super::swar::Shape;
use crate::engine::calendar::{MONTHS, days_from_civil, days_in, minute_text};

const EPOCH: &[u8; LEN] = b"01/Jan/1970:00:00:00 +0000";

/// Length of the text, without brackets.
pub(super) const LEN: usize = 26;

/// A checked time as a server wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time<'a> {
    text: &'a [u8; LEN],
}

impl Default for Time<'_> {
    fn default() -> Self {
        Self { text: EPOCH }
    }
}

/// When a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When<'a> {
    /// As a server wrote it.
    Written(Time<'a>),
    /// Minutes since 1970-01-01, in UTC.
    Minute(i64),
}

impl Default for When<'_> {
    fn default() -> Self {
        When::Written(Time::default())
    }
}

/// The last time that was checked: lines that follow each other mostly share the hour.
#[derive(Debug)]
pub(super) struct Known {
    /// From the frame to the hour.
    before: [u8; 16],
    /// The zone and the frame.
    after: [u8; 8],
}

impl Default for Known {
    fn default() -> Self {
        Self::of(b" [01/Jan/1970:00:00:00 +0000] ")
    }
}

impl Known {
    fn of(framed: &[u8; LEN + 4]) -> Self {
        let (mut before, mut after) = ([0; 16], [0; 8]);
        before.copy_from_slice(&framed[..16]);
        after.copy_from_slice(&framed[22..]);
        Self { before, after }
    }

    /// As [`Time::parse`] for a time in brackets and spaces, which are checked too; faster when
    /// only minute and second are new.
    #[inline(always)]
    pub(super) fn check<'a>(&mut self, framed: &'a [u8; LEN + 4]) -> Option<Time<'a>> {
        const MINUTE: Shape = Shape::new(b":59:59**");
        let (before, rest) = framed.split_first_chunk::<16>()?;
        let (minute, after) = (rest.first_chunk::<8>()?, rest.last_chunk::<8>()?);
        if *before == self.before && *after == self.after && MINUTE.fits(minute) {
            let text = framed[2..].first_chunk()?;
            return Some(Time { text });
        }
        self.check_new(framed)
    }

    #[cold]
    fn check_new<'a>(&mut self, framed: &'a [u8; LEN + 4]) -> Option<Time<'a>> {
        let [b' ', b'[', text @ .., b']', b' '] = framed else {
            return None;
        };
        let time = Time::parse(text)?;
        *self = Self::of(framed);
        Some(time)
    }
}

/// Hours and days in UTC as text, of the last time that was asked for.
#[derive(Debug)]
pub(super) struct Clock {
    text: [u8; LEN],
    hour: [u8; 13],
    /// Another time that had no text, and its hour.
    number: i64,
    numbered: [u8; 13],
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            text: *EPOCH,
            hour: *b"1970-01-01T00",
            number: 0,
            numbered: *b"1970-01-01T00",
        }
    }
}

impl Clock {
    /// The hour in UTC, such as `2015-05-17T10`.
    pub(super) fn hour(&mut self, when: &When<'_>) -> &[u8] {
        let time = match when {
            When::Written(time) => time,
            When::Minute(minute) => {
                let number = minute.div_euclid(60);
                if self.number != number {
                    self.number = number;
                    self.numbered = hour_text(*minute);
                }
                return &self.numbered;
            }
        };
        // All of a written hour is one hour in UTC if the zone is whole hours away.
        let same = self.text[..14] == time.text[..14]
            && self.text[20..] == time.text[20..]
            && time.text[24..] == *b"00";
        if !same {
            self.text = *time.text;
            self.hour = time.utc_hour();
        }
        &self.hour
    }

    /// The day in UTC, such as `2015-05-17`.
    pub(super) fn day(&mut self, when: &When<'_>) -> &[u8] {
        &self.hour(when)[..10]
    }
}

impl<'a> Time<'a> {
    /// As it is written, without brackets.
    pub(super) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Checks a time. `None` if it is none: another form, or no such day or hour.
    pub(super) fn parse(text: &'a [u8; LEN]) -> Option<Self> {
        const DIGITS: [usize; 12] = [0, 1, 7, 8, 9, 10, 12, 13, 22, 23, 24, 25];
        let time = Self { text };
        let marks = [text[2], text[6], text[11], text[14], text[20]];
        let sign = text[21] == b'+' || text[21] == b'-';
        let digits = DIGITS.iter().all(|&at| text[at].is_ascii_digit());
        if marks != *b"//:: " || !sign || !digits || !time.minute_is_one() {
            return None;
        }
        let day = time.two(0);
        let in_range = time.two(12) < 24
            && time.two(22) < 24
            && time.two(24) < 60
            // So that the year has four digits in every zone.
            && (1..9999).contains(&time.year())
            && day >= 1
            && day <= days_in(time.year(), time.month()?);
        in_range.then_some(time)
    }

    /// Whether there is a minute and a second, leap seconds included.
    #[inline]
    fn minute_is_one(&self) -> bool {
        let [tens, ones, colon, more_tens, more_ones] =
            [15, 16, 17, 18, 19].map(|at| self.text[at]);
        let second = (b'0'..=b'5').contains(&more_tens) & more_ones.is_ascii_digit();
        (b'0'..=b'5').contains(&tens)
            & ones.is_ascii_digit()
            & (colon == b':')
            & (second | ([more_tens, more_ones] == *b"60"))
    }

    /// The hour in UTC, such as `2015-05-17T10`.
    fn utc_hour(&self) -> [u8; 13] {
        hour_text(self.utc())
    }

    /// Minutes since 1970-01-01, in UTC.
    fn utc(&self) -> i64 {
        let month = self.month().unwrap_or(1);
        let days = days_from_civil(self.year(), month, self.two(0));
        let minutes = (days * 24 + self.two(12)) * 60 + self.two(15);
        let zone = self.two(22) * 60 + self.two(24);
        if self.text[21] == b'-' {
            minutes + zone
        } else {
            minutes - zone
        }
    }

    fn two(&self, at: usize) -> i64 {
        i64::from(self.text[at] & 15) * 10 + i64::from(self.text[at + 1] & 15)
    }

    fn year(&self) -> i64 {
        self.two(7) * 100 + self.two(9)
    }

    fn month(&self) -> Option<i64> {
        let name = &self.text[3..6];
        MONTHS
            .iter()
            .position(|month| month[..] == *name)
            .map(|at| at as i64 + 1)
    }
}

/// The hour of a minute that counts from 1970-01-01, as text.
fn hour_text(minute: i64) -> [u8; 13] {
    let mut hour = [0; 13];
    hour.copy_from_slice(&minute_text(minute)[..13]);
    hour
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(text: &str) -> Option<String> {
        let text = text.as_bytes().try_into().ok()?;
        let time = Time::parse(text)?;
        assert_eq!(Known::default().check(&framed(text)), Some(time));
        Some(String::from_utf8(Clock::default().hour(&When::Written(time)).to_vec()).unwrap())
    }

    fn framed(text: &[u8; LEN]) -> [u8; LEN + 4] {
        [b" [", &text[..], b"] "].concat().try_into().unwrap()
    }

    #[test]
    fn what_frames_a_time_is_checked() {
        let good = framed(b"17/May/2015:10:05:03 +0000");
        let mut known = Known::default();
        for at in [0, 1, 28, 29] {
            let mut bad = good;
            bad[at] = b'x';
            assert_eq!(known.check(&bad), None);
            assert!(known.check(&good).is_some());
            assert_eq!(known.check(&bad), None);
        }
    }

    #[test]
    fn what_is_remembered_does_not_show() {
        let mut texts = Vec::new();
        for hour in ["17/May/2015:10", "17/May/2015:11", "18/May/2015:10"] {
            for minute in ["05:03", "59:60", "60:00", "0x:00", "00-00", "10:61"] {
                for zone in [" +0000", " +0100", " -0030", " +0545", "  0000"] {
                    texts.push(format!("{hour}:{minute}{zone}"));
                }
            }
        }
        let (mut known, mut clock) = (Known::default(), Clock::default());
        let mut seed = 5u32;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let text = texts[(seed >> 16) as usize % texts.len()].as_bytes();
            let text = text.try_into().unwrap();
            let framed = framed(text);
            let time = known.check(&framed);
            assert_eq!(time, Time::parse(text));
            if let Some(time) = time {
                assert_eq!(clock.hour(&When::Written(time)), time.utc_hour());
            }
        }
    }

    #[test]
    fn hours_are_in_utc() {
        for (text, expected) in [
            ("17/May/2015:10:05:03 +0000", "2015-05-17T10"),
            ("17/May/2015:23:59:60 -0030", "2015-05-18T00"),
            ("01/Jan/2016:00:30:00 +0100", "2015-12-31T23"),
            ("29/Feb/2016:23:00:00 -0200", "2016-03-01T01"),
            ("28/Feb/2015:23:00:00 -0100", "2015-03-01T00"),
            ("01/Mar/2000:00:00:00 +0545", "2000-02-29T18"),
        ] {
            assert_eq!(hour(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn times_that_are_none() {
        for text in [
            "17/may/2015:10:05:03 +0000",
            "32/May/2015:10:05:03 +0000",
            "01/Jan/0000:00:00:00 +0100",
            "31/Dec/9999:23:59:59 -0100",
            "00/May/2015:10:05:03 +0000",
            "29/Feb/2015:10:05:03 +0000",
            "17/May/2015:24:05:03 +0000",
            "17/May/2015:10:60:03 +0000",
            "17/May/2015:10:05:61 +0000",
            "17/May/2015:10:05:03  0000",
            "17-May-2015:10:05:03 +0000",
            "17/May/2015 10:05:03 +0000",
            "1x/May/2015:10:05:03 +0000",
            "17/May/2015:10:05:03 +00x0",
        ] {
            assert_eq!(hour(text), None, "{text}");
        }
    }
}
