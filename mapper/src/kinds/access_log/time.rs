//! `17/May/2015:10:05:03 +0000`: the time of a request, and its hour and day in UTC.
//!
//! The calendar arithmetic follows Howard Hinnant's "chrono-compatible low-level date algorithms".

use std::io::Write;

/// Length of the text, without brackets.
pub(super) const LEN: usize = 26;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A checked time as a server wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    text: [u8; LEN],
}

impl Default for Time {
    fn default() -> Self {
        Self {
            text: *b"01/Jan/1970:00:00:00 +0000",
        }
    }
}

impl Time {
    /// Checks a time. `None` if it is none: another form, or no such day or hour.
    pub(super) fn parse(text: &[u8; LEN]) -> Option<Self> {
        let marks = [text[2], text[6], text[11], text[14], text[17], text[20]];
        let time = Self { text: *text };
        let sign = text[21] == b'+' || text[21] == b'-';
        if marks != *b"//::: " || !sign || !time.digits_are_digits() {
            return None;
        }
        let day = time.two(0);
        let in_range = time.two(12) < 24
            && time.two(15) < 60
            && time.two(18) <= 60
            && time.two(22) < 24
            && time.two(24) < 60
            && day >= 1
            && day <= days_in(time.year(), time.month()?);
        in_range.then_some(time)
    }

    /// Appends the hour in UTC, such as `2015-05-17T10`.
    pub(super) fn write_hour(&self, out: &mut Vec<u8>) {
        let (days, hour) = self.utc();
        write_date(out, days);
        // Writing to memory cannot fail.
        let _ = write!(out, "T{hour:02}");
    }

    /// Appends the day in UTC, such as `2015-05-17`.
    pub(super) fn write_day(&self, out: &mut Vec<u8>) {
        write_date(out, self.utc().0);
    }

    /// Days since 1970-01-01 and the hour, in UTC.
    fn utc(&self) -> (i64, i64) {
        let month = self.month().unwrap_or(1);
        let days = days_from_civil(self.year(), month, self.two(0));
        let minutes = (days * 24 + self.two(12)) * 60 + self.two(15);
        let zone = self.two(22) * 60 + self.two(24);
        let minutes = if self.text[21] == b'-' {
            minutes + zone
        } else {
            minutes - zone
        };
        (
            minutes.div_euclid(24 * 60),
            minutes.div_euclid(60).rem_euclid(24),
        )
    }

    fn digits_are_digits(&self) -> bool {
        const DIGITS: [usize; 16] = [0, 1, 7, 8, 9, 10, 12, 13, 15, 16, 18, 19, 22, 23, 24, 25];
        DIGITS.iter().all(|&at| self.text[at].is_ascii_digit())
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

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days - era * 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn write_date(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = civil_from_days(days);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(text: &str) -> Option<String> {
        let time = Time::parse(text.as_bytes().try_into().ok()?)?;
        let mut out = Vec::new();
        time.write_hour(&mut out);
        Some(String::from_utf8(out).unwrap())
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

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        let mut days = days_from_civil(1800, 1, 1);
        for year in 1800..2200 {
            for month in 1..=12 {
                for day in 1..=days_in(year, month) {
                    assert_eq!(days_from_civil(year, month, day), days);
                    assert_eq!(civil_from_days(days), (year, month, day));
                    days += 1;
                }
            }
        }
    }
}
