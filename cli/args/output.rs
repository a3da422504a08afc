//! Options of the commands that read the output of a job.

use std::path::PathBuf;

use clap::Args;

use crate::commands::rerun::Share;

/// Options of `report`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  gristmill report out                   writes out.report.html beside the folder
  gristmill report out -o - | less       the page to stdout
  gristmill report s3://bucket/results/today   writes today.report.html in this folder

The page is one file: it needs no network, and its tables are there without scripts.
Exit codes: 0 written, 1 it is no output, or does not hold what its manifest says")]
pub struct ReportArgs {
    /// Folder with a job's results, or its s3:// URL
    #[arg(value_name = "OUT")]
    pub output_folder: PathBuf,
    /// The page's file, outside of OUT, or - for stdout [default: OUT.report.html]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long)]
    pub force: bool,
}

/// Options of `verify`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  gristmill verify out            hashes, and records in = mapped + quarantined per source
  gristmill verify out logs/      the same, with the records counted anew from the inputs
  gristmill verify out logs/ --rerun 1%   and a sample of an exec job's chunks run again
  gristmill verify s3://bucket/out        an output in object storage

Exit codes: 0 it holds, 1 it does not")]
pub struct VerifyArgs {
    /// Folder with a job's results, or its s3:// URL
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// The job's inputs, as they were given to it: their records are counted anew
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<std::ffi::OsString>,
    /// Paths in an @LIST end with a NUL byte
    #[arg(short = '0', long)]
    pub null: bool,
    /// Threads for reading [default: one per core]
    #[arg(short = 'j', long, value_name = "N", env = "GRISTMILL_THREADS")]
    pub threads: Option<usize>,
    /// Run this share of an exec job's chunks twice, in the folder where it was run, and look for
    /// their results in the output
    #[arg(long, value_name = "P%", requires = "inputs")]
    pub rerun: Option<Share>,
}
