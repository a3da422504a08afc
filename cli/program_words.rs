//! The user's programs as they are typed: commands, lines for the shell, Python functions and
//! expressions.

use gristmill_common::spec::Program;

use crate::exit::usage;

/// The function that `--python` names.
///
/// # Errors
/// When it names none.
pub fn function(named: &str) -> anyhow::Result<Program> {
    let parts = named.rsplit_once(':');
    let Some((module, function)) = parts.filter(|(a, b)| !a.is_empty() && !b.is_empty()) else {
        return Err(usage(format!(
            "--python {named}: FILE.py:FUNCTION or MODULE:FUNCTION"
        )));
    };
    Ok(Program::Python {
        module: module.into(),
        function: function.into(),
    })
}

/// A command as one option has it, divided at white space; or a line for the shell, or
/// FILE.py:FUNCTION.
///
/// # Errors
/// When there is none in it.
pub fn command(line: &str, shell: bool, option: &str) -> anyhow::Result<Program> {
    if line.trim().is_empty() {
        return Err(usage(format!("{option}: the command is empty")));
    }
    if shell {
        return Ok(Program::Shell(line.to_owned()));
    }
    if let Some((module, name)) = line.rsplit_once(':')
        && module.ends_with(".py")
        && !name.is_empty()
        && !line.contains(char::is_whitespace)
    {
        return function(line);
    }
    let words = line.split_whitespace().map(str::to_owned);
    Ok(Program::Command(words.collect()))
}

/// Whether a program stays and is given records, rather than started for each unit.
#[must_use]
pub fn stays(program: &Program) -> bool {
    match program {
        Program::Python { .. } | Program::Code(_) | Program::Worker(_) => true,
        Program::Command(_) | Program::Shell(_) => false,
    }
}

/// Whether a command asks for a file with its input.
#[must_use]
pub fn takes_file(program: &Program) -> bool {
    match program {
        Program::Command(words) => words.iter().any(|word| word.contains("{}")),
        Program::Shell(line) => line.contains("{}"),
        Program::Python { .. } | Program::Code(_) | Program::Worker(_) => false,
    }
}

/// The words of a program that may name its files.
#[must_use]
pub fn words(program: &Program) -> &[String] {
    match program {
        Program::Command(words) | Program::Worker(words) => words,
        Program::Python { module, .. } => std::slice::from_ref(module),
        Program::Shell(_) | Program::Code(_) => &[],
    }
}
