//! The real binary, run as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

/// A command line of the built binary.
pub(crate) fn gristmill() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gristmill"));
    command
        .env_remove("GRISTMILL_THREADS")
        .env_remove("GRISTMILL_ALLOW_QUARANTINE")
        .env_remove("GRISTMILL_MEMORY");
    command
}

/// Runs it with these words and returns what came out.
pub(crate) fn run<I: AsRef<std::ffi::OsStr>>(words: impl IntoIterator<Item = I>) -> Ended {
    Ended::of(gristmill().args(words).output().expect("the binary starts"))
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Asserts the exit code, showing everything if it is another.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Asserts that stderr says something.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "{words:?} is not in {self:#?}");
        self
    }
}

/// A file of an output folder, as text.
#[track_caller]
pub(crate) fn read(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8(bytes).expect("output is UTF-8")
}
