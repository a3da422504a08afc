//! `run`: each job by Gristmill and by the other tools in turn, and the table of what it cost. It
//! must not know what the jobs are.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::generate::Data;
use crate::jobs::{Compared, Job, Peer, Places, Reach};
use crate::measure::{self, Cost, Line};
use crate::same::Digest;

/// Complete, or complete with more in quarantine than the default allows: the generated logs hold
/// damaged lines on purpose.
pub(crate) const COMPLETE: [i32; 2] = [0, 3];
const MIB: f64 = 1024.0 * 1024.0;

/// One row of a job's table.
struct Row<'a> {
    tool: &'a str,
    /// None for Gristmill's own row.
    peer: Option<&'a Peer>,
    costs: Vec<Cost>,
    result: Option<Digest>,
    /// Why there is no cost.
    absent: Option<String>,
}

/// Runs the jobs; true if every compared result was the same.
pub(crate) fn run(
    data: &Data,
    jobs: &[Job],
    places: &Places,
    runs: usize,
    tools: &[String],
) -> Result<bool> {
    ensure!(runs > 0, "--runs must be at least 1");
    let known = |tool: &String| jobs.iter().flat_map(|j| &j.peers).any(|p| matches(p, tool));
    if let Some(tool) = tools.iter().find(|tool| !known(tool)) {
        anyhow::bail!("no tool of these jobs has {tool:?} in its name");
    }
    println!("data: {} ({})", data.dir.display(), data.description()?);
    println!("{runs} runs of each in turn, warm cache; medians of wall and CPU seconds;");
    println!("peak: resident memory of the largest single process");
    let mut same = true;
    for job in jobs {
        warm(&job.input)?;
        same &= one(job, places, runs, tools)?;
    }
    println!("\nno script yet for PySpark and GoAccess");
    Ok(same)
}

fn matches(peer: &Peer, tool: &str) -> bool {
    peer.tool.to_lowercase().contains(&tool.to_lowercase())
}

fn one(job: &Job, places: &Places, runs: usize, tools: &[String]) -> Result<bool> {
    let scratch = tempfile::tempdir()?;
    let out = scratch.path().join("out");
    println!(
        "\n{}: gristmill run {} {}",
        job.name,
        job.options.join(" "),
        job.input.display()
    );
    let gone = (!places.gristmill.is_file())
        .then(|| format!("not built ({})", places.gristmill.display()));
    let row = |tool, peer, absent| Row {
        tool,
        peer,
        costs: Vec::new(),
        result: None,
        absent,
    };
    let mut rows = vec![row("gristmill", None, gone.clone())];
    for peer in &job.peers {
        if tools.is_empty() || tools.iter().any(|tool| matches(peer, tool)) {
            let absent = if peer.is_gristmill {
                gone.clone()
            } else {
                peer.missing(&places.python)
                    .map(|what| format!("not installed ({what})"))
            };
            rows.push(row(peer.tool, Some(peer), absent));
        }
    }
    for turn in 0..runs {
        for row in rows.iter_mut().filter(|row| row.absent.is_none()) {
            let folder = scratch.path().join("folder");
            let line = match row.peer {
                None => job.gristmill(&places.gristmill, 1, &[], &folder),
                Some(peer) if peer.is_gristmill => {
                    let more = ["-o".to_owned(), folder.display().to_string()];
                    Line(peer.line.0.iter().cloned().chain(more).collect())
                }
                Some(peer) => peer.line.clone(),
            };
            let good: &[i32] = if line.0[0] == places.gristmill.display().to_string() {
                &COMPLETE
            } else {
                &[0]
            };
            match measure::run(&line, &out, good) {
                Ok(cost) => row.costs.push(cost),
                Err(error) => row.absent = Some(format!("failed: {error:#}")),
            }
            if turn == 0 && row.absent.is_none() {
                let files = if folder.is_dir() {
                    parts(&folder)?
                } else {
                    vec![out.clone()]
                };
                if row.peer.is_none_or(|peer| peer.compared != Compared::No) {
                    row.result = Some(Digest::of(&files, job.shape)?);
                }
            }
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
        }
    }
    Ok(print(&rows))
}

/// Prints the table; true if no tool's result differs and no tool failed.
fn print(rows: &[Row<'_>]) -> bool {
    println!(
        "  {:<26}{:>8}{:>8}{:>10}{:>11}  {:<16}result",
        "tool", "wall s", "CPU s", "peak MiB", "gristmill/", "reach"
    );
    let own = (rows[0].absent.is_none()).then(|| measure::median(&rows[0].costs));
    let reference = rows.iter().find_map(|row| row.result);
    let mut fine = true;
    for row in rows {
        if let Some(why) = &row.absent {
            println!("  {:<26}{why}", row.tool);
            fine &= !why.starts_with("failed");
            continue;
        }
        let cost = measure::median(&row.costs);
        let ratio = own
            .filter(|_| row.peer.is_some())
            .map(|o| o.wall_seconds / cost.wall_seconds);
        let reach = match (row.peer.and_then(|peer| peer.reach), ratio) {
            (Some(reach), Some(ratio)) => {
                let (sign, bound) = match reach {
                    Reach::AtMost(most) => ("<=", most),
                    Reach::AtLeast(least) => (">=", least),
                };
                format!(
                    "{sign} {bound:.2} {}",
                    if reach.holds(ratio) {
                        "holds"
                    } else {
                        "MISSED"
                    }
                )
            }
            _ => String::new(),
        };
        let ordered = row
            .peer
            .is_none_or(|peer| peer.compared == Compared::InOrder);
        let result = match (row.result, reference) {
            (Some(mine), Some(first)) if mine.same(&first, ordered) => {
                format!("same result ({} lines)", mine.lines)
            }
            (Some(mine), _) => {
                fine = false;
                format!("DIFFERS ({} lines)", mine.lines)
            }
            _ => "another job, not compared".to_owned(),
        };
        println!(
            "  {:<26}{:>8.2}{:>8.2}{:>10.0}{:>11}  {reach:<16}{result}",
            row.tool,
            cost.wall_seconds,
            cost.cpu_seconds,
            cost.peak_bytes as f64 / MIB,
            ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        );
    }
    fine
}

/// The part files of an output folder, in order.
fn parts(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("part-") {
            found.push(entry.path());
        }
    }
    ensure!(!found.is_empty(), "no part file in {}", folder.display());
    found.sort();
    Ok(found)
}

/// Reads the input once, so that the first tool does not pay for the disk.
pub(crate) fn warm(input: &Path) -> Result<()> {
    let mut files = vec![input.to_owned()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                files.push(entry?.path());
            }
        } else {
            let mut file = File::open(&path).with_context(|| path.display().to_string())?;
            io::copy(&mut file, &mut io::sink())?;
        }
    }
    Ok(())
}
