//! `gristmill-bench`: makes seeded data, and runs Gristmill's jobs on it beside other tools. It must
//! not know Gristmill's insides: it starts the built binary and reads what it wrote.

// The tables it prints are its product.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod generate;
mod logs;
mod rng;
mod texts;
mod zipf;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
        /// 1 is 3.3 GB raw, about 0.7 GB on disk.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
    },
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Generate { dir, seed, scale } => {
            let made = generate::generate(&dir, seed, scale)?;
            println!(
                "{} {}",
                dir.display(),
                if made { "made" } else { "is there already" }
            );
            Ok(())
        }
    }
}
