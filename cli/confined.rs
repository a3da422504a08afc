//! A process that becomes a confined program. It is no subcommand of the command line: neither
//! variables of the environment nor options may change what it does.

use std::io::Write;
use std::process::ExitCode;

/// Becomes the program that the command line names, if it begins with the word for that. What it
/// returns is the end of a process that only tried whether it can be confined.
///
/// A process that cannot be confined aborts: no exit status may pass for the program's.
#[must_use]
pub fn become_program() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    if words
        .next()
        .is_none_or(|word| word != gristmill_mapper::CONFINED)
    {
        return None;
    }
    let only_tries = words.len() < 2;
    let error = match gristmill_mapper::confined(words) {
        Ok(_) => return Some(ExitCode::SUCCESS),
        Err(error) => error,
    };
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "cannot confine a program: {error}");
    match only_tries {
        true => Some(ExitCode::FAILURE),
        false => std::process::abort(),
    }
}
