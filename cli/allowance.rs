//! How much may be in quarantine before the exit code says so: `--allow-quarantine N|P%`.

use std::str::FromStr;

/// A number of records, or a share of all records in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowance {
    /// At most so many records.
    Records(u64),
    /// At most so many percent of the records in.
    Percent(f64),
}

/// Why a text is not an allowance.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is neither a number of records nor a percentage such as 2.5%")]
pub struct NotAnAllowance(String);

impl FromStr for Allowance {
    type Err = NotAnAllowance;

    fn from_str(text: &str) -> Result<Self, NotAnAllowance> {
        let wrong = || NotAnAllowance(text.to_owned());
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
                (0.0..=100.0)
                    .contains(&percent)
                    .then_some(Allowance::Percent(percent))
                    .ok_or_else(wrong)
            }
            None => text.parse().map(Allowance::Records).map_err(|_| wrong()),
        }
    }
}

impl Allowance {
    /// Whether so many quarantined records of so many records in are allowed.
    #[must_use]
    pub fn permits(self, quarantined: u64, records: u64) -> bool {
        match self {
            Allowance::Records(most) => quarantined <= most,
            Allowance::Percent(most) => quarantined as f64 * 100.0 <= most * records as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_shares() {
        assert_eq!("0".parse(), Ok(Allowance::Records(0)));
        assert_eq!("2.5%".parse(), Ok(Allowance::Percent(2.5)));
        for text in ["", "-1", "101%", "%", "x", "nan%"] {
            assert!(text.parse::<Allowance>().is_err(), "{text}");
        }
        assert!(Allowance::Records(3).permits(3, 10));
        assert!(!Allowance::Records(3).permits(4, 10));
        assert!(Allowance::Percent(2.5).permits(25, 1000));
        assert!(!Allowance::Percent(2.5).permits(26, 1000));
        assert!(Allowance::Percent(0.0).permits(0, 0));
    }
}
