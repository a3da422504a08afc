//! The command line of the binary: its subcommands and what every one of them understands.

mod broker;
mod cluster;
mod job;
mod output;
mod worker;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Parser, Subcommand};

use crate::commands::exec_key::ExecKeyArgs;
use crate::commands::fields::FieldsArgs;
use crate::commands::tagger::TaggerCommand;
use crate::kind_command::KindCommand;

pub use broker::{BrokerArgs, NodeOrder, PatienceArgs};
pub use cluster::{CancelArgs, DashboardArgs, DoctorArgs, ReplayArgs, StatusArgs};
pub use job::{CuttingArgs, ProduceArgs, RunArgs, SendWord};
pub use output::{ReportArgs, VerifyArgs};
pub use worker::{HealthArgs, ListenArgs, MapArgs, ReduceArgs};

/// The version and the git revision that was built.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("GRISTMILL_BUILT_FROM"),
    ")"
);

/// Run a text job over a pile of archives, and prove that nothing was lost or doubled.
#[derive(Parser, Debug)]
#[command(
    name = "gristmill",
    version = VERSION,
    about,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Examples:
  gristmill run word-count corpus/ -o out          count the words of every file in a folder
  gristmill run access-log --by status logs/       hits and bytes by status, to the terminal
  gristmill run wc s3://bucket/texts/              over object storage
  gristmill fields app.jsonl                       what a log holds, for run group-by
  gristmill verify out logs/                       check the output against its inputs

Exit codes:
  0 complete   1 failed   2 usage   3 complete, but more is in quarantine than allowed   130 interrupted"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say nothing but errors
    #[arg(
        short,
        long,
        global = true,
        env = "GRISTMILL_QUIET",
        value_parser = FalseyValueParser::new()
    )]
    pub quiet: bool,
    /// How the workers' log is written to stderr
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        env = "GRISTMILL_LOG_FORMAT"
    )]
    pub log_format: LogFormat,
    /// Say more; where stderr is no terminal, print progress now and then
    #[arg(
        long,
        global = true,
        conflicts_with = "quiet",
        env = "GRISTMILL_VERBOSE",
        value_parser = FalseyValueParser::new()
    )]
    pub verbose: bool,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a job on this machine: archives in, merged files out
    #[command(subcommand)]
    Run(Box<KindCommand<RunArgs>>),
    /// Feed a job to a broker: archives in, chunks on its queues
    ///
    /// Prints the job's name. Run again, it resumes: what the broker has is not sent twice.
    #[command(subcommand)]
    Produce(Box<KindCommand<ProduceArgs>>),
    /// Work on the jobs of a broker, one compute thread per core, until told to stop
    Map(MapArgs),
    /// Merge the results of a broker's jobs into files, until told to stop
    Reduce(ReduceArgs),
    /// Show the jobs of a broker: how far they are, how fast, and what they wait for
    ///
    /// While a job is active it listens to the workers' reports for 2.5 seconds.
    Status(StatusArgs),
    /// Show the jobs of a broker on a web page, live
    ///
    /// The page changes nothing. It is for this machine alone unless --token-file says otherwise.
    Dashboard(DashboardArgs),
    /// Cancel a job: its queues and results are dropped
    Cancel(CancelArgs),
    /// Try the chunks again that could not be run at all, and complete the output
    Replay(ReplayArgs),
    /// Make a pair of keys, with which mappers know whose programs to run
    ExecKey(ExecKeyArgs),
    /// Ask a worker's --listen address whether it is ready: exit code 0, or 1
    Health(HealthArgs),
    /// Check whether a broker is fit, with the way out of what it finds
    Doctor(DoctorArgs),
    /// Map one chunk; for `map` itself
    #[command(hide = true, name = gristmill_mapper::SUBCOMMAND)]
    IsolatedChunk,
    /// Read one split; for `map` itself
    #[command(hide = true, name = gristmill_mapper::READER)]
    IsolatedSplit,
    /// Run programs; for `run exec` itself
    #[command(hide = true, name = gristmill_mapper::KEEPER)]
    ExecKeeper,
    /// Check an output folder: every file's hash, and that no record is missing
    Verify(VerifyArgs),
    /// Write an output folder as one HTML page: account, result, what was set aside, hashes
    Report(ReportArgs),
    /// Show what a log holds: its fields, how many records have each, types and examples
    Fields(FieldsArgs),
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
