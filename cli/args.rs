//! The command line of the binary: its subcommands and what every one of them understands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use gristmill_common::size::ByteSize;

use crate::commands::tagger::TaggerCommand;
use crate::job_args::KindCommand;

/// Run a text job over a pile of archives, and prove that nothing was lost or doubled.
#[derive(Parser, Debug)]
#[command(
    name = "gristmill",
    version,
    about,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Examples:
  gristmill run word-count corpus/ -o out          count the words of every file in a folder
  gristmill run access-log --by status logs/ -o -  hits and bytes by status, to the terminal
  gristmill verify out logs/                       check the output against its inputs

Exit codes:
  0 complete   1 failed   2 usage   3 complete, but more is in quarantine than allowed   130 interrupted"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more; where stderr is no terminal, print progress now and then
    #[arg(long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a job on this machine: archives in, merged files out
    #[command(subcommand)]
    Run(Box<KindCommand<RunArgs>>),
    /// Check an output folder: every file's hash, and that no record is missing
    Verify(VerifyArgs),
    /// Train and measure models for pos
    #[command(subcommand)]
    Tagger(TaggerCommand),
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    Man {
        /// The folder; it is made if it is missing
        dir: PathBuf,
    },
}

/// Options of `run`: none of them changes the output's bytes.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Folder for the results, or - to write the one part to stdout
    #[arg(short, long, value_name = "OUT", help_heading = "Output")]
    pub output: PathBuf,
    /// Replace an earlier job's output in OUT (nothing else is ever replaced)
    #[arg(long, help_heading = "Output")]
    pub force: bool,
    /// With -o -: where the quarantined records go
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub quarantine: Option<PathBuf>,
    /// With -o -: where the manifest goes
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub manifest: Option<PathBuf>,
    /// Threads for reading and threads for computing [default: one per core]
    #[arg(
        long,
        value_name = "N",
        env = "GRISTMILL_THREADS",
        help_heading = "Resources"
    )]
    pub threads: Option<usize>,
    /// Memory for buffers and reduce state; what does not fit goes to temporary files
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "512MiB",
        env = "GRISTMILL_MEMORY",
        help_heading = "Resources"
    )]
    pub memory: ByteSize,
    /// Text in one unit of work, from 4KiB to 2MiB
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "1MiB",
        help_heading = "Resources"
    )]
    pub chunk_size: ByteSize,
    /// Folder for temporary files [default: the system's]
    #[arg(
        long,
        value_name = "DIR",
        env = "GRISTMILL_TMP",
        help_heading = "Resources"
    )]
    pub tmp: Option<PathBuf>,
}

/// Options of `verify`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  gristmill verify out            hashes, and records in = mapped + quarantined per source
  gristmill verify out logs/      the same, with the records counted anew from the inputs

Exit codes: 0 it holds, 1 it does not")]
pub struct VerifyArgs {
    /// Folder with a job's results
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// The job's inputs, as they were given to it: their records are counted anew
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<std::ffi::OsString>,
    /// Threads for reading [default: one per core]
    #[arg(long, value_name = "N", env = "GRISTMILL_THREADS")]
    pub threads: Option<usize>,
}
