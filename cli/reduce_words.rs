//! `--reduce` and `--combine`: how `exec` merges the values of a key.

use clap::{Args, ValueEnum};
use gristmill_common::spec::{Each, Out, Reduce, Reducer};

use crate::exit::usage;
use crate::program_words::command;

/// Options of `exec` for a reduction.
#[derive(Args, Debug)]
pub struct ReduceWords {
    /// How the values of a key are merged: sum, min, max, count or distinct, or a command
    ///
    /// Numbers are whole, from 0 to 2^64 - 1. A command is a reducer of Hadoop Streaming: it runs
    /// once for each of the --partitions, gets key TAB value lines sorted by key, those of one key
    /// in input order, and writes the part file. If it fails, the job does. FILE.py:FUNCTION is
    /// called with each key and an iterator over its values.
    #[arg(long, value_name = "HOW|COMMAND", help_heading = "Program")]
    pub reduce: Option<String>,
    /// Reduces the sorted output of each call of the mapper before it travels; with a --reduce
    /// command
    #[arg(long, value_name = "COMMAND", help_heading = "Program")]
    pub combine: Option<String>,
}

impl ReduceWords {
    /// The reduction; `shell` says that commands are for `/bin/sh`.
    ///
    /// # Errors
    /// A usage error that names the option and the way out.
    pub fn reduction(&self, shell: bool) -> anyhow::Result<Option<Reduce>> {
        let built_in = |how: &String| Reduce::from_str(how, false).ok();
        match (&self.reduce, &self.combine) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(usage("--combine goes with --reduce COMMAND")),
            (Some(how), combine) => match (built_in(how), combine) {
                (Some(_), Some(_)) => Err(usage(format!(
                    "--reduce {how} merges in the mapper already: leave --combine out"
                ))),
                (Some(reduce), None) => Ok(Some(reduce)),
                (None, combine) => {
                    let combine = combine
                        .as_ref()
                        .map(|line| command(line, shell, "--combine"));
                    Ok(Some(Reduce::Program(Reducer {
                        program: command(how, shell, "--reduce")?,
                        combine: combine.transpose()?,
                    })))
                }
            },
        }
    }
}

/// Checks a reduction against the other words.
///
/// # Errors
/// A usage error that names the way out.
pub fn check(reduce: &Reduce, out: Out, each: Each, stays: bool) -> anyhow::Result<()> {
    if out != Out::Lines {
        return Err(usage(
            "--reduce takes keys and values: leave --out out, and choose --format",
        ));
    }
    match reduce {
        Reduce::Program(Reducer {
            combine: Some(_), ..
        }) if stays || each == Each::Record => Err(usage(
            "--combine would start a program for every record: it goes with --map, --each chunk and \
             --each document of commands",
        )),
        _ => Ok(()),
    }
}
