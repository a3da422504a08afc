//! `costs`: CPU seconds by role for jobs over a broker, sent in each way, beside `run`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cluster::raw_bytes;
use crate::generate::Data;
use crate::jobs::Places;
use crate::measure::{self, Line};
use crate::roles::{Worker, cpu_of, files_in, job, settle};

/// The jobs, whether each is over the logs, and the share of `run`'s efficiency that splits are to
/// reach, where the project has an aim.
const JOBS: [(&[&str], bool, Option<f64>); 5] = [
    (&["access-log", "--by", "status"], true, Some(0.85)),
    (&["access-log", "--by", "path"], true, None),
    (&["word-count", "--words", "ascii"], false, Some(0.70)),
    (&["grep", "-c", "robots"], true, Some(0.85)),
    (&["grep", "robots"], true, None),
];

/// What one job cost, in CPU seconds.
#[derive(Clone, Copy, Default)]
struct Roles {
    producer: f64,
    broker: f64,
    mapper: f64,
    reducer: f64,
}

impl Roles {
    fn all(self) -> f64 {
        self.producer + self.broker + self.mapper + self.reducer
    }
}

/// Runs all jobs `times` over the data, the median of `runs` rounds, and prints their costs.
/// `broker` is the id of the broker's process.
pub(crate) fn costs(
    data: &Data,
    places: &Places,
    url: &str,
    broker: u32,
    (runs, times): (usize, usize),
) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let results = scratch.path().join("results");
    let results = results.to_str().context("a plain path")?;
    let folder = data.logs().parent().context("a folder")?.canonicalize()?;
    let inputs = folder.to_str().context("a plain path")?;
    let mapper = Worker::start(places, url, &["map", "--inputs", inputs])?;
    let reducer = Worker::start(places, url, &["reduce", "-o", results])?;
    settle();
    println!(
        "CPU seconds per raw GB, the median of {runs} rounds; \"of run\" is the CPU of `gristmill run` in\n\
         the same round divided by that of all four roles; \"feeds\" is how many mapper cores one core of\n\
         the busiest other role keeps at work"
    );
    println!(
        "  {:<28}{:<8}{:>9}{:>8}{:>8}{:>9}{:>7}{:>8}{:>7}  verdict",
        "job", "sent", "producer", "broker", "mapper", "reducer", "run", "of run", "feeds"
    );
    for (words, on_logs, reach) in JOBS {
        let folder = if on_logs { data.logs() } else { data.texts() };
        let files: Vec<PathBuf> = (files_in(&folder)?.iter())
            .map(|file| Ok(file.canonicalize()?))
            .collect::<Result<_>>()?;
        let gigabytes = raw_bytes(&files)? as f64 * times as f64 / 1e9;
        let files = std::iter::repeat_n(files, times)
            .flatten()
            .collect::<Vec<_>>();
        for sent in ["chunks", "files", "splits"] {
            let mut rounds = Vec::new();
            for round in 0..runs {
                let out = scratch.path().join(format!("run-{round}"));
                let whole = local(places, words, &files, &out)?;
                let ids = [broker, mapper.id(), reducer.id()];
                let before = ids.map(cpu_of);
                let words = [words, &["--send", sent]].concat();
                let done = job(places, url, &words, &files)?;
                let mut used = Vec::new();
                for (id, before) in ids.into_iter().zip(before) {
                    used.push(cpu_of(id)? - before?);
                }
                let roles = Roles {
                    producer: done.cpu_seconds,
                    broker: used[0],
                    mapper: used[1],
                    reducer: used[2],
                };
                rounds.push((roles, whole));
            }
            rounds.sort_by(|a, b| (a.1 / a.0.all()).total_cmp(&(b.1 / b.0.all())));
            let (roles, whole) = rounds[rounds.len() / 2];
            let share = whole / roles.all();
            let busiest = roles.producer.max(roles.broker).max(roles.reducer);
            let verdict = match reach.filter(|_| sent == "splits") {
                Some(reach) if share >= reach => format!(">= {reach} holds"),
                Some(reach) => format!(">= {reach} MISSED"),
                None => String::new(),
            };
            println!(
                "  {:<28}{sent:<8}{:>9.3}{:>8.3}{:>8.3}{:>9.3}{:>7.3}{share:>8.2}{:>7.1}  {verdict}",
                words.join(" "),
                roles.producer / gigabytes,
                roles.broker / gigabytes,
                roles.mapper / gigabytes,
                roles.reducer / gigabytes,
                whole / gigabytes,
                roles.mapper / busiest,
            );
        }
    }
    Ok(())
}

/// CPU seconds of the same job in one process.
fn local(places: &Places, words: &[&str], files: &[PathBuf], out: &std::path::Path) -> Result<f64> {
    let mut line = vec![places.gristmill.display().to_string(), "run".into()];
    line.extend(words.iter().map(ToString::to_string));
    line.extend(["--quiet", "--force", "-o"].map(String::from));
    line.push(out.display().to_string());
    line.extend(["--allow-quarantine", "100%", "--max-quarantine", "8GiB"].map(String::from));
    line.extend(files.iter().map(|file| file.display().to_string()));
    let log = out.with_extension("log");
    Ok(measure::run(&Line::new(line), &log, &[0])?.cpu_seconds)
}
