//! `memory`: Gristmill's resident peak on the data once and named ten times over, and with a small
//! budget. It must not know what the jobs are.

use std::fs;

use anyhow::{Result, ensure};

use crate::jobs::{Job, Places};
use crate::measure;
use crate::run::{COMPLETE, warm};

const TIMES: usize = 10;
/// No job may hold more.
const MOST: f64 = 256.0;
const MIB: f64 = 1024.0 * 1024.0;

/// Prints the peaks; true if each is within the bound and ten inputs need no more than one does.
pub(crate) fn memory(jobs: &[Job], places: &Places) -> Result<bool> {
    let at = &places.gristmill;
    ensure!(
        at.is_file(),
        "no gristmill at {}: build it, or give --gristmill",
        at.display()
    );
    println!("resident peak in MiB; the bound is {MOST:.0}, and 1.10 for the ratio");
    println!(
        "  {:<24}{:>8}{:>11}{:>8}  verdict",
        "job", "once", "ten times", "ratio"
    );
    let mut fine = true;
    for job in jobs {
        warm(&job.input)?;
        let once = peak(job, places, 1, &["--max-quarantine", "8GiB"])?;
        let often = peak(job, places, TIMES, &["--max-quarantine", "8GiB"])?;
        let ratio = often / once;
        let holds = once <= MOST && often <= MOST && ratio <= 1.1;
        fine &= holds;
        let verdict = if holds { "holds" } else { "MISSED" };
        println!(
            "  {:<24}{once:>8.0}{often:>11.0}{ratio:>8.2}  {verdict}",
            job.name
        );
        if job.name == "words" {
            let small = peak(job, places, 1, &["--memory", "64MiB"])?;
            println!(
                "  {:<24}{small:>8.0}{:>11}{:>8}  finished",
                "words, --memory 64MiB", "", ""
            );
        }
    }
    Ok(fine)
}

fn peak(job: &Job, places: &Places, times: usize, more: &[&str]) -> Result<f64> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("folder");
    let line = job.gristmill(&places.gristmill, times, more, &folder);
    let cost = measure::run(&line, &scratch.path().join("out"), &COMPLETE)?;
    fs::remove_dir_all(&folder)?;
    Ok(cost.peak_bytes as f64 / MIB)
}
