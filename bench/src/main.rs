//! `gristmill-bench`: makes seeded data, and runs Gristmill's jobs on it beside other tools. It
//! must not know Gristmill's insides: it starts the built binary and reads what it wrote.

// The tables it prints are its product.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod cluster;
mod costs;
mod generate;
mod jobs;
mod logs;
mod measure;
mod memory;
mod rng;
mod roles;
mod run;
mod same;
mod scaling;
mod texts;
mod zipf;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use generate::Data;
use jobs::Places;

#[derive(Parser)]
#[command(
    version,
    about = "Seeded benchmark data, and Gristmill's jobs beside other tools"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the data: access logs, texts and a zip of texts.
    Generate {
        /// Where to put it.
        #[arg(long, default_value = "target/bench-data")]
        dir: PathBuf,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// 1 is 3.3 GB raw, about 0.65 GB on disk.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
    },
    /// Run the jobs beside the installed tools and print ratios and peak memory.
    Run {
        #[command(flatten)]
        what: What,
        /// Runs of each tool, in turn.
        #[arg(long, default_value_t = 3)]
        runs: usize,
        /// Only tools with one of these words in their names.
        #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
        tools: Vec<String>,
    },
    /// Run jobs over a broker, and word count over Celery beside them.
    Broker {
        #[command(flatten)]
        what: What,
        /// The broker's URL.
        #[arg(long, env = "GRISTMILL_BROKER", hide_env_values = true)]
        broker: String,
        /// Rounds, in turn.
        #[arg(long, default_value_t = 3)]
        runs: usize,
    },
    /// CPU seconds by role for jobs over a broker, sent as chunks, files and splits, beside `run`.
    Costs {
        #[command(flatten)]
        what: What,
        /// The broker's URL.
        #[arg(long, env = "GRISTMILL_BROKER", hide_env_values = true)]
        broker: String,
        /// The id of the broker's process (beam.smp).
        #[arg(long)]
        broker_pid: u32,
        /// Rounds, in turn.
        #[arg(long, default_value_t = 3)]
        runs: usize,
        /// How often the data is named.
        #[arg(long, default_value_t = 1)]
        times: usize,
    },
    /// Throughput of a job of splits on 1 to 16 mappers that have a twentieth of a core each.
    Scaling {
        #[command(flatten)]
        what: What,
        /// The broker's URL.
        #[arg(long, env = "GRISTMILL_BROKER", hide_env_values = true)]
        broker: String,
        /// How often the data is named.
        #[arg(long, default_value_t = 4)]
        times: usize,
    },
    /// Measure peak memory on the data once and named ten times over.
    Memory {
        #[command(flatten)]
        what: What,
    },
}

#[derive(Args)]
struct What {
    /// The folder that `generate` made.
    #[arg(long, default_value = "target/bench-data")]
    dir: PathBuf,
    /// Only these jobs.
    #[arg(long, value_delimiter = ',', value_name = "NAME,…", value_parser = jobs::NAMES)]
    jobs: Vec<String>,
    /// The built binary.
    #[arg(long, default_value = "target/release/gristmill")]
    gristmill: PathBuf,
    /// The Python that has the libraries to compare with.
    #[arg(long, default_value = "python3")]
    python: String,
    /// The folder of the other tools' scripts.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/peers"))]
    peers: PathBuf,
}

impl What {
    fn open(self) -> Result<(Data, Vec<jobs::Job>, Places)> {
        let data = Data::open(&self.dir)?;
        let places = Places {
            gristmill: self.gristmill,
            python: self.python,
            peers: self.peers,
        };
        let jobs = jobs::jobs(&data, &places, &self.jobs);
        Ok((data, jobs, places))
    }
}

/// 0 done, 1 a result differs, a tool failed, or a memory bound is missed (a missed ratio is only
/// printed: it depends on the machine), 2 usage.
fn main() -> Result<ExitCode> {
    let fine = match Cli::parse().command {
        Command::Generate { dir, seed, scale } => {
            let made = generate::generate(&dir, seed, scale)?;
            println!(
                "{} {}",
                dir.display(),
                if made { "made" } else { "is there already" }
            );
            true
        }
        Command::Run { what, runs, tools } => {
            let (data, jobs, places) = what.open()?;
            run::run(&data, &jobs, &places, runs, &tools)?
        }
        Command::Broker { what, broker, runs } => {
            let (data, _, places) = what.open()?;
            cluster::cluster(&data, &places, &broker, runs)?;
            true
        }
        Command::Costs {
            what,
            broker,
            broker_pid,
            runs,
            times,
        } => {
            let (data, _, places) = what.open()?;
            costs::costs(&data, &places, &broker, broker_pid, (runs, times))?;
            true
        }
        Command::Scaling {
            what,
            broker,
            times,
        } => {
            let (data, _, places) = what.open()?;
            scaling::scaling(&data, &places, &broker, times)?
        }
        Command::Memory { what } => {
            let (_, jobs, places) = what.open()?;
            memory::memory(&jobs, &places)?
        }
    };
    Ok(if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
