//! A job's name, and a run of a job: parts of queue names and names of folders, so the alphabet is
//! small. It must not know what the job does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A job's name: `[a-z0-9][a-z0-9._-]{0,63}`. Checked wherever it comes from, a decoded message
/// included, because it becomes the name of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobName(String);

/// The longest job name, in bytes.
pub const MAX_JOB_NAME: usize = 64;

/// Why a text is not a job name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "not a job name: 1 to {MAX_JOB_NAME} characters of a-z, 0-9, `.`, `_` and `-`, the first one a \
     letter or a digit"
)]
pub struct NotAJobName;

impl JobName {
    /// The name under which the log says what concerns no job.
    #[must_use]
    pub fn of_no_job() -> Self {
        Self("0".to_owned())
    }

    /// The nearest job name to a text: what is not allowed becomes `-`.
    #[must_use]
    pub fn clean(text: &str) -> Self {
        let plain = |byte: u8| match byte.to_ascii_lowercase() {
            byte @ (b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-') => char::from(byte),
            _ => '-',
        };
        let mut name: String = text.bytes().map(plain).take(MAX_JOB_NAME).collect();
        if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            name.insert(0, 'j');
            name.truncate(MAX_JOB_NAME);
        }
        Self(name)
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for JobName {
    type Error = NotAJobName;

    fn try_from(name: String) -> Result<Self, NotAJobName> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = name.as_bytes();
        let first = bytes.first().copied().is_some_and(plain);
        let rest = bytes
            .iter()
            .all(|&byte| plain(byte) || b"._-".contains(&byte));
        if first && rest && bytes.len() <= MAX_JOB_NAME {
            Ok(Self(name))
        } else {
            Err(NotAJobName)
        }
    }
}

impl FromStr for JobName {
    type Err = NotAJobName;

    fn from_str(name: &str) -> Result<Self, NotAJobName> {
        Self::try_from(name.to_owned())
    }
}

impl From<JobName> for String {
    fn from(name: JobName) -> Self {
        name.0
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One run of a job. Begun anew, a job of the same name is another run, with queues and a ledger of
/// its own, so that nobody who lags behind can touch what is not of the run that he knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobRun {
    /// The job.
    pub job: JobName,
    /// Which run of it.
    pub run: u64,
}

impl JobRun {
    /// The run under which the log says what concerns no job.
    #[must_use]
    pub fn of_no_job() -> Self {
        Self::new(&JobName::of_no_job(), 0)
    }

    /// A run of a job.
    #[must_use]
    pub fn new(job: &JobName, run: u64) -> Self {
        Self {
            job: job.clone(),
            run,
        }
    }
}

impl fmt::Display for JobRun {
    /// `JOB.RUN`, the run in 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:016x}", self.job, self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_names_pass() {
        for good in [
            "a",
            "7",
            "word-count-0123456789ab",
            "a.b_c-d",
            &"x".repeat(64),
        ] {
            assert!(good.parse::<JobName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".a",
            "-a",
            "_a",
            "A",
            "a/b",
            "a b",
            "ä",
            "a\n",
            "a\0",
            &"x".repeat(65),
        ] {
            assert_eq!(bad.parse::<JobName>(), Err(NotAJobName), "{bad:?}");
            let clean = JobName::clean(bad);
            assert_eq!(clean.as_str().parse(), Ok(clean), "{bad:?}");
        }
    }
}
