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
    /// Where stderr cannot be written there is nobody left to tell: the exit code is of what was
    /// done.
    pub fn say(self, words: &str) {
        if self != Verbosity::Quiet {
            let _ = writeln!(std::io::stderr(), "{words}");
        }
    }
}
