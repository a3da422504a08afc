//! The user's programs as they are typed: commands, lines for the shell, Python functions and
//! expressions.

use std::collections::BTreeMap;
use std::path::Path;

use gristmill_common::code::is_local_module;
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

/// The words of a program that may name its files, those of a line for a shell among them.
#[must_use]
pub fn words(program: &Program) -> Vec<&str> {
    match program {
        Program::Command(words) | Program::Worker(words) => {
            let mut all: Vec<&str> = words.iter().map(String::as_str).collect();
            let shell = all.first().is_some_and(|first| is_shell(first));
            let line = all.iter().position(|word| *word == "-c");
            if let (true, Some(line)) = (shell, line.and_then(|at| words.get(at + 1))) {
                all.extend(words_of_line(line));
            }
            all
        }
        Program::Python { module, .. } => vec![module],
        Program::Shell(line) => words_of_line(line).collect(),
        Program::Code(_) => Vec::new(),
    }
}

/// The module that a program is a function of, if it is one below the current folder.
#[must_use]
pub fn local_module(program: &Program) -> Option<&str> {
    match program {
        Program::Python { module, .. } if !module.ends_with(".py") => {
            is_local_module(module, Path::new("")).then_some(module)
        }
        _ => None,
    }
}

fn is_shell(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    matches!(name, "sh" | "ash" | "bash" | "dash" | "ksh" | "zsh")
}

/// What may be a file's name in a line for a shell (POSIX, Shell Command Language, 2.3): all
/// between blanks, operators and quotes.
fn words_of_line(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || ";|&<>()\"'`$={},:".contains(c))
        .filter(|word| !word.is_empty() && Path::new(word).is_relative())
}

/// Variables as they are typed: `NAME=VALUE`.
///
/// # Errors
/// A usage error.
pub fn environment(typed: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pairs = typed.iter().map(|pair| match pair.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(usage(format!("--env {pair}: NAME=VALUE"))),
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_a_shell_have_words() {
        let line = "./map.py -d=dict.txt <in | (sort; \"a b\")";
        let expected = ["./map.py", "-d", "dict.txt", "in", "sort", "a", "b"];
        assert_eq!(words(&Program::Shell(line.to_owned())), expected);
        let command = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned());
            Program::Command(words.collect())
        };
        let bash = command(&["/bin/bash", "-c", "./x|y"]);
        assert_eq!(words(&bash), ["/bin/bash", "-c", "./x|y", "./x", "y"]);
        assert_eq!(
            words(&command(&["grep", "-c", "a|b"])),
            ["grep", "-c", "a|b"]
        );
    }
}
