//! The words of `exec`: what is run over what, and how much of that the spec gets to know.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;
use gristmill_common::code::{CodeFile, is_inside, plain};
use gristmill_common::size::ByteSize;
use gristmill_common::spec::{Each, Exec, Out, Program, Reduce, Reducer};

use crate::code_files;
use crate::exit::usage;
use crate::limit_words::LimitWords;
use crate::program_words::{self, command, environment, function, stays, takes_file};
use crate::recycle::Recycle;
use crate::reduce_words::{self, ReduceWords};

/// Ends the command, as in GNU parallel; inputs follow.
const END: &str = ":::";
/// The sizes that a piece may have.
const PIECE: std::ops::RangeInclusive<u64> = 4 << 10..=2 << 20;

/// The sizes that the largest document may have.
const DOCUMENT: std::ops::RangeInclusive<u64> = 1..=16 << 30;

/// The largest document unless somebody says otherwise, in bytes.
const LARGEST: u64 = 1 << 30;

/// Options of `exec`.
#[derive(Args, Debug)]
pub struct ExecArgs {
    /// What one call gets [default: record for Python and workers, chunk for --map]
    #[arg(long, value_enum, help_heading = "Program")]
    pub each: Option<Each>,
    /// A Python function: FILE.py:FUNCTION or MODULE:FUNCTION (a module that is installed, or a
    /// package below the current folder)
    ///
    /// It gets a record as str (as bytes if its first parameter is annotated so) and returns str,
    /// bytes, a dict (written as JSON), a list of these (one result each; a generator does too) or
    /// None (no result). A function `setup()` beside it is called once for each process first.
    #[arg(long, value_name = "FILE:FUNCTION", help_heading = "Program")]
    pub python: Option<String>,
    /// A Python expression over `line`, as --python would call a function: `line.split()[0]`
    ///
    /// The modules json, math and re are there.
    #[arg(long, value_name = "EXPRESSION", help_heading = "Program")]
    pub code: Option<String>,
    /// The command is a worker that stays and speaks the protocol of docs/exec.md
    #[arg(long, help_heading = "Program")]
    pub worker: bool,
    /// A mapper of Hadoop Streaming: lines in, key TAB value out, one process a piece; or
    /// FILE.py:FUNCTION, called for each record, which returns (key, value) or a list of such
    #[arg(long, value_name = "COMMAND", help_heading = "Program")]
    pub map: Option<String>,
    /// How key TAB value lines are reduced.
    #[command(flatten)]
    pub reducing: ReduceWords,
    /// The command is one line for /bin/sh, and so are those of --map, --reduce and --combine
    #[arg(long, help_heading = "Program")]
    pub shell: bool,
    /// How results are written
    #[arg(long, value_enum, default_value = "lines", help_heading = "Program")]
    pub out: Out,
    /// Exit statuses that count as success
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        default_value = "0",
        help_heading = "Program"
    )]
    pub ok_exit: Vec<u8>,
    /// A variable of the program's environment, which is empty but for a few (docs/exec.md)
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Program")]
    pub env: Vec<String>,
    /// A file that the program opens, by its path below the current folder; it gets a copy that is
    /// not writable
    #[arg(long, value_name = "FILE", help_heading = "Program")]
    pub ship: Vec<String>,
    /// What one program may use.
    #[command(flatten)]
    pub limits: LimitWords,
    /// A worker is replaced after this many units, or when it has more memory than this: 10000,
    /// 500MiB
    #[arg(long, value_name = "N|SIZE", help_heading = "Program")]
    pub recycle: Option<Recycle>,
    /// The size of pieces of --each chunk and --map, from 4KiB to 2MiB; it shows in the results
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "1MiB",
        help_heading = "Program"
    )]
    pub piece: ByteSize,
    /// The program keeps no state from line to line: of a piece at which it fails, only the bad
    /// lines are set aside, found by halves; with --each chunk and --map
    #[arg(long, help_heading = "Program")]
    pub record_wise: bool,
    /// The largest document of --each document, up to 16GiB; a larger one is quarantined. Python
    /// functions and workers get at most 64MiB [default: 1GiB; over a broker 12MiB, which is the
    /// most]
    #[arg(long, value_name = "SIZE", help_heading = "Input")]
    pub max_document: Option<ByteSize>,
    /// Where mappers confine programs, this one may use the network
    #[arg(long, help_heading = "Program")]
    pub net: bool,
    /// Archives whose names match are not opened, but documents themselves
    #[arg(long, value_name = "GLOB", help_heading = "Input")]
    pub whole: Vec<String>,
    /// Go on although the first 100 units all fail in the same way
    #[arg(long, help_heading = "Program")]
    pub keep_going: bool,
    /// Only the first N units: results and stderr to the terminal, nothing is written
    #[arg(long = "try", value_name = "N", help_heading = "Program")]
    pub try_units: Option<u64>,
}

/// What of the words is for this machine alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local {
    /// `--keep-going`.
    pub keep_going: bool,
    /// `--try`.
    pub try_units: Option<u64>,
    /// `--max-document`, if it was said.
    pub max_document: Option<ByteSize>,
}

/// The words taken apart.
#[derive(Debug)]
pub struct Typed {
    /// For the spec.
    pub exec: Exec,
    /// The inputs, wherever they stood.
    pub inputs: Vec<OsString>,
    /// The longest document, where a unit is one.
    pub max_document: Option<u64>,
    /// For this machine.
    pub local: Local,
}

impl ExecArgs {
    /// Takes the words apart: `words` are those behind `--`, `inputs` those before it.
    ///
    /// # Errors
    /// A usage error that names the option and the way out.
    pub fn typed(self, words: Vec<OsString>, mut inputs: Vec<OsString>) -> anyhow::Result<Typed> {
        let mut words = words.iter();
        let command: Vec<OsString> = (words.by_ref())
            .take_while(|word| *word != END)
            .cloned()
            .collect();
        inputs.extend(words.cloned());
        if inputs.is_empty() {
            return Err(usage(
                "exec: no inputs: they stand behind the command and `:::`, as in `-- tesseract \
                 stdin stdout ::: scans.zip`",
            ));
        }
        let command = command.into_iter().map(OsString::into_string);
        let command: Vec<String> = command
            .collect::<Result<_, _>>()
            .map_err(|word| usage(format!("exec: {}: not UTF-8", word.display())))?;
        let program = self.program(command)?;
        let each = self.each(&program)?;
        let reduce = self.reducing.reduction(self.shell)?;
        self.check(&program, each, reduce.as_ref())?;
        let files = self.files(&program, reduce.as_ref())?;
        Ok(Typed {
            exec: Exec {
                each,
                program,
                out: self.out,
                ok_exit: self.ok_exit,
                env: environment(&self.env)?,
                timeout: self.limits.timeout,
                memory: self.limits.child_memory.0,
                recycle: self.recycle.and_then(Recycle::units),
                recycle_memory: self.recycle.and_then(Recycle::memory),
                piece: self.piece.0,
                whole: self.whole,
                reduce,
                files,
                net: self.net,
                record_wise: self.record_wise,
                cpu_time: self.limits.cpu_time,
                address_space: self.limits.address_space.map(|most| most.0),
            },
            inputs,
            max_document: (each == Each::Document)
                .then(|| self.max_document.map_or(LARGEST, |most| most.0)),
            local: Local {
                keep_going: self.keep_going,
                try_units: self.try_units,
                max_document: self.max_document,
            },
        })
    }

    fn program(&self, words: Vec<String>) -> anyhow::Result<Program> {
        let said = [
            self.python.is_some(),
            self.code.is_some(),
            self.map.is_some(),
            !words.is_empty(),
        ];
        match said.iter().filter(|said| **said).count() {
            0 => {
                return Err(usage(
                    "exec: what is to be run? A command behind `--`, which ends with `:::`; a Python \
                     function with --python FILE:FUNCTION, an expression with --code; or a mapper with --map",
                ));
            }
            1 => {}
            _ => {
                return Err(usage(
                    "exec: one of --python, --code, --map and a command behind `--`, not several",
                ));
            }
        }
        if let Some(named) = &self.python {
            return function(named);
        }
        if let Some(code) = &self.code {
            return Ok(Program::Code(code.clone()));
        }
        let words = match &self.map {
            Some(map) => match command(map, self.shell, "--map")? {
                Program::Command(words) => words,
                other => return Ok(other),
            },
            None => words,
        };
        Ok(match (self.worker, self.shell) {
            (true, true) => return Err(usage("--worker and --shell exclude each other")),
            (true, false) => Program::Worker(words),
            (false, true) => Program::Shell(words.join(" ")),
            (false, false) => Program::Command(words),
        })
    }

    fn each(&self, program: &Program) -> anyhow::Result<Each> {
        match (self.each, stays(program)) {
            (Some(Each::Chunk), true) => Err(usage(
                "--each chunk is for filters that are started for each piece; Python functions and \
                 workers get --each record or document",
            )),
            (Some(each), _) => Ok(each),
            (None, true) => Ok(Each::Record),
            (None, false) if self.map.is_some() => Ok(Each::Chunk),
            (None, false) => Err(usage(
                "exec: what does one call of the command get? --each document (one process for each \
                 file), --each chunk (a filter: lines in, lines out), or --each record (one process \
                 for each line)",
            )),
        }
    }

    fn check(&self, program: &Program, each: Each, reduce: Option<&Reduce>) -> anyhow::Result<()> {
        let stays = stays(program);
        if self.map.is_some() && reduce.is_none() {
            return Err(usage(
                "--map needs --reduce: sum, min, max, count, distinct or a command; without a reducer it \
                 is `--each chunk -- COMMAND`",
            ));
        }
        if let Some(reduce) = reduce {
            reduce_words::check(reduce, self.out, each, stays)?;
        }
        if self.out == Out::File && each != Each::Document {
            return Err(usage(
                "--out file writes a file for each document: it goes with --each document",
            ));
        }
        if self.recycle.is_some() && !stays {
            return Err(usage(
                "--recycle is for Python functions and workers: a command is started for \
                 every unit",
            ));
        }
        if self.record_wise && each != Each::Chunk {
            return Err(usage(
                "--record-wise is for --each chunk and --map: elsewhere a record or document fails alone",
            ));
        }
        if !PIECE.contains(&self.piece.0) {
            return Err(usage(format!("--piece {}: from 4KiB to 2MiB", self.piece)));
        }
        self.limits.check()?;
        if let Some(most) = self.max_document.filter(|most| !DOCUMENT.contains(&most.0)) {
            return Err(usage(format!("--max-document {most}: from 1B to 16GiB")));
        }
        if self.map.is_some() && takes_file(program) {
            return Err(usage(
                "--map reads standard input; `{}` is a document's file, for `--each document -- COMMAND` \
                 (which may have --reduce)",
            ));
        }
        if self.try_units == Some(0) {
            return Err(usage("--try 0: at least 1"));
        }
        Ok(())
    }

    /// The files that the programs consist of: those that their words name, and those of `--ship`.
    fn files(&self, program: &Program, reduce: Option<&Reduce>) -> anyhow::Result<Vec<CodeFile>> {
        let mut programs = vec![program];
        if let Some(Reduce::Program(Reducer { program, combine })) = reduce {
            programs.push(program);
            programs.extend(combine);
        }
        let modules = programs
            .iter()
            .copied()
            .filter_map(program_words::local_module);
        let modules: Vec<&str> = modules.collect();
        let words = programs.into_iter().flat_map(program_words::words);
        for name in &self.ship {
            if !is_inside(&plain(Path::new(name))) {
                return Err(usage(format!(
                    "--ship {name}: a path below the current folder, without `..`"
                )));
            }
        }
        let named = words.filter(|word| Path::new(word).is_file());
        code_files::find(named.chain(self.ship.iter().map(String::as_str)), &modules)
    }
}
