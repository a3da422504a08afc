//! How much may be in quarantine before the exit code says so: `--allow-quarantine N|P%`.

use std::str::FromStr;

/// A number of records, or a share of all records in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QuarantineLimit {
    /// At most this many records.
    Records(u64),
    /// At most this many percent of the records in.
    Percent(f64),
}

/// Why a text is no limit of a quarantine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is neither a number of records nor a percentage such as 2.5%")]
pub struct NotAQuarantineLimit(String);

impl FromStr for QuarantineLimit {
    type Err = NotAQuarantineLimit;

    fn from_str(text: &str) -> Result<Self, NotAQuarantineLimit> {
        let wrong = || NotAQuarantineLimit(text.to_owned());
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
                (0.0..=100.0)
                    .contains(&percent)
                    .then_some(QuarantineLimit::Percent(percent))
                    .ok_or_else(wrong)
            }
            None => text
                .parse()
                .map(QuarantineLimit::Records)
                .map_err(|_| wrong()),
        }
    }
}

impl QuarantineLimit {
    /// Whether this many quarantined records, of this many records in, are allowed.
    #[must_use]
    pub fn permits(self, quarantined: u64, records: u64) -> bool {
        match self {
            QuarantineLimit::Records(most) => quarantined <= most,
            QuarantineLimit::Percent(most) => quarantined as f64 * 100.0 <= most * records as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_shares() {
        assert_eq!("0".parse(), Ok(QuarantineLimit::Records(0)));
        assert_eq!("2.5%".parse(), Ok(QuarantineLimit::Percent(2.5)));
        for text in ["", "-1", "101%", "%", "x", "nan%"] {
            assert!(text.parse::<QuarantineLimit>().is_err(), "{text}");
        }
        assert!(QuarantineLimit::Records(3).permits(3, 10));
        assert!(!QuarantineLimit::Records(3).permits(4, 10));
        assert!(QuarantineLimit::Percent(2.5).permits(25, 1000));
        assert!(!QuarantineLimit::Percent(2.5).permits(26, 1000));
        assert!(QuarantineLimit::Percent(0.0).permits(0, 0));
    }
}
