//! `scaling`: a job of splits on 1, 2, 4, … mappers, each held to a twentieth of a core: throughput
//! should grow as they do.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::cluster::raw_bytes;
use crate::generate::Data;
use crate::jobs::Places;
use crate::roles::{Worker, cpu_of, files_in, job, settle};

/// How many mappers, round by round.
const MAPPERS: [usize; 5] = [1, 2, 4, 8, 16];
/// Each mapper works for so long …
const SLOT: Duration = Duration::from_millis(20);
/// … out of so long.
const PERIOD: Duration = Duration::from_millis(400);
/// How far from proportion is still in proportion.
const TOLERANCE: f64 = 0.10;

/// Runs the rounds; true if throughput was in proportion.
pub(crate) fn scaling(data: &Data, places: &Places, url: &str, times: usize) -> Result<bool> {
    let scratch = tempfile::tempdir()?;
    let results = scratch.path().join("results");
    let results = results.to_str().context("a plain path")?;
    let folder = data.logs().canonicalize()?;
    let inputs = folder.to_str().context("a plain path")?;
    let files = files_in(&folder)?;
    let bytes = raw_bytes(&files)? as f64 * times as f64;
    let files: Vec<PathBuf> = std::iter::repeat_n(files, times).flatten().collect();
    let words = ["access-log", "--by", "status", "--send", "splits"];
    println!(
        "{} by splits of {:.1} GB of raw log, each mapper held to {:.0} % of a core",
        words[..3].join(" "),
        bytes / 1e9,
        100.0 * SLOT.as_secs_f64() / PERIOD.as_secs_f64()
    );
    let _reducer = Worker::start(places, url, &["reduce", "-o", results])?;
    let (mut one, mut fine) = (0.0, true);
    for count in MAPPERS {
        let start = || Worker::start(places, url, &["map", "--threads", "1", "--inputs", inputs]);
        let mappers = (0..count).map(|_| start()).collect::<Result<Vec<_>>>()?;
        settle();
        let ids: Vec<u32> = mappers.iter().map(Worker::id).collect();
        let cpu = |ids: &[u32]| ids.iter().map(|&id| cpu_of(id)).sum::<Result<f64>>();
        let before = cpu(&ids)?;
        let over = AtomicBool::new(false);
        let done = std::thread::scope(|scope| {
            scope.spawn(|| hold(&ids, &over));
            let done = job(places, url, &words, &files);
            over.store(true, Ordering::Release);
            done
        })?;
        let used = cpu(&ids)? - before;
        // What the mappers had of the machine, which is not always what they were to have.
        let share = used / done.wall_seconds;
        let rate = bytes / 1e6 / done.wall_seconds;
        if count == 1 {
            one = rate;
        }
        let grew = rate / one;
        let proportion = grew / count as f64;
        let holds = (proportion - 1.0).abs() <= TOLERANCE;
        fine &= holds;
        println!(
            "  {count:>2} mappers  {rate:>8.1} MB/s  {grew:>6.2} times  {proportion:>5.2} of proportion  \
             ({share:.2} cores)  {}",
            if holds { "holds" } else { "MISSED" }
        );
    }
    Ok(fine)
}

/// Lets each process work in its slot of every period, one after the other.
fn hold(ids: &[u32], over: &AtomicBool) {
    for id in ids {
        signal(*id, Signal::STOP);
    }
    while !over.load(Ordering::Acquire) {
        let period = Instant::now();
        for id in ids {
            signal(*id, Signal::CONT);
            std::thread::sleep(SLOT);
            signal(*id, Signal::STOP);
        }
        std::thread::sleep(PERIOD.saturating_sub(period.elapsed()));
    }
    for id in ids {
        signal(*id, Signal::CONT);
    }
}

/// Sends a signal by a system call: a program that does it takes milliseconds of the slot.
fn signal(id: u32, signal: Signal) {
    if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // A mapper that has ended shows in the job's result.
        let _ = kill_process(id, signal);
    }
}
