//! How much a command says on stderr: `--quiet`, `--verbose`.

use std::io::Write;

/// How much a command says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// A live line on a terminal, a summary at the end.
    Normal,
    /// Also plain lines where there is no terminal.
    Verbose,
}

impl Verbosity {
    /// Says a line to whoever typed the command, unless it is to be quiet.
    ///
    /// # Errors
    /// When stderr cannot be written.
    pub fn say(self, words: &str) -> std::io::Result<()> {
        match self {
            Verbosity::Quiet => Ok(()),
            Verbosity::Normal | Verbosity::Verbose => writeln!(std::io::stderr(), "{words}"),
        }
    }
}
