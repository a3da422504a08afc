//! Jobs over a broker: one mapper with a thread per core, one reducer, one producer, all on this
//! machine beside the broker; and word count over Celery beside them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::MultiGzDecoder;

use crate::generate::Data;
use crate::jobs::Places;
use crate::roles::{Worker, files_in, job};

/// Texts that Celery counts too: the first few, or it takes for ever.
const FEW: usize = 3;
/// Chunks of the job that is made of small ones.
const SMALL: usize = 20_000;

/// What to reach, from the project's aims, as MB/s of raw text.
const WORDS: f64 = 50.0;
const STATUS: f64 = 220.0;
/// How many times Celery.
const CELERY: f64 = 4.5;
/// Chunks a second.
const CHUNKS: f64 = 1500.0;

/// Bytes of a folder's gzipped files when they are unpacked.
pub(crate) fn raw_bytes(files: &[PathBuf]) -> Result<u64> {
    let mut bytes = 0;
    for file in files {
        let file = BufReader::new(fs::File::open(file)?);
        bytes += std::io::copy(&mut MultiGzDecoder::new(file), &mut std::io::sink())?;
    }
    Ok(bytes)
}

/// Twenty thousand lines of a little more than 4 KiB: each becomes a chunk of its own.
fn small_chunks(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("lines.txt");
    let mut file = std::io::BufWriter::new(fs::File::create(&path)?);
    let words = "one line that fills a small chunk ".repeat(4200 / 34);
    for number in 0..SMALL {
        writeln!(file, "{number} {words}")?;
    }
    file.flush()?;
    Ok(path)
}

/// What word count over Celery came to.
struct Peer {
    seconds: f64,
    /// Words, and their sum.
    counted: (u64, u64),
}

/// Word count over Celery.
fn celery(places: &Places, url: &str, files: &[PathBuf]) -> Result<Peer> {
    let output = Command::new(&places.python)
        .arg(places.peers.join("celery_words.py"))
        .args(files)
        .env("BROKER", url)
        .stderr(Stdio::null())
        .output()?;
    ensure!(
        output.status.success(),
        "celery_words.py ended with {}; is Celery installed for {}?",
        output.status,
        places.python
    );
    let line = output.stdout.lines().next().context("no answer")??;
    let words: Vec<&str> = line.split(' ').collect();
    let [seconds, words, sum] = words[..] else {
        bail!("celery_words.py said {line:?}");
    };
    Ok(Peer {
        seconds: seconds.parse()?,
        counted: (words.parse()?, sum.parse()?),
    })
}

fn verdict(value: f64, reach: f64) -> &'static str {
    if value >= reach { "holds" } else { "MISSED" }
}

/// Words and their sum in a job's merged output.
fn counted(results: &str, name: &str) -> Result<(u64, u64)> {
    let part = Path::new(results).join(name).join("part-00000.tsv");
    let text = fs::read_to_string(&part).with_context(|| format!("{}", part.display()))?;
    let counts = text.lines().filter_map(|line| line.rsplit('\t').next());
    let counts = counts.map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    Ok((counts.len() as u64, counts.iter().sum()))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints a row: the median of its rounds, and the least and the largest.
fn row(what: &str, rounds: &[f64], unit: &str, reach: f64) {
    let middle = median(rounds.to_vec());
    let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rounds.iter().copied().fold(0.0, f64::max);
    println!(
        "{what:<30} {middle:>7.1} {unit:<20} ({least:.1} to {most:.1})  >= {reach} {}",
        verdict(middle, reach)
    );
}

/// Runs all jobs, one after the other and that as often as `runs` says, and prints rates.
pub(crate) fn cluster(data: &Data, places: &Places, url: &str, runs: usize) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let results = scratch.path().join("results");
    let results = results.to_str().context("a plain path")?;
    let mapper = Worker::start(places, url, &["map"])?;
    let reducer = Worker::start(places, url, &["reduce", "-o", results])?;
    let texts = files_in(&data.texts())?;
    let logs = files_in(&data.logs())?;
    let few = &texts[..texts.len().min(FEW)];
    let lines = [small_chunks(scratch.path())?];
    let status = ["access-log", "--by", "status"];
    let words = ["word-count", "--words", "ascii"];
    let small = ["grep", "-c", "17", "--chunk-size", "4KiB"];
    let (log_bytes, text_bytes) = (raw_bytes(&logs)? as f64, raw_bytes(&texts)? as f64);
    let few_bytes = raw_bytes(few)? as f64;
    println!(
        "one mapper (a thread per core), one reducer, one producer and the broker on this machine,\n\
         the median of {runs} rounds (and their range)"
    );
    let mut rates: [Vec<f64>; 6] = Default::default();
    for _ in 0..runs {
        let status = job(places, url, &status, &logs)?.wall_seconds;
        let all = job(places, url, &words, &texts)?.wall_seconds;
        let small = job(places, url, &small, &lines)?.wall_seconds;
        let ours = job(places, url, &words, few)?;
        let theirs = celery(places, url, few)?;
        let counted = counted(results, &ours.name)?;
        ensure!(
            counted == theirs.counted,
            "{counted:?} words and their sum, Celery {:?}",
            theirs.counted
        );
        let round = [
            log_bytes / 1e6 / status,
            text_bytes / 1e6 / all,
            SMALL as f64 / small,
            few_bytes / 1e6 / ours.wall_seconds,
            few_bytes / 1e6 / theirs.seconds,
            theirs.seconds / ours.wall_seconds,
        ];
        for (rates, rate) in rates.iter_mut().zip(round) {
            rates.push(rate);
        }
    }
    let [status, all, small, ours, theirs, times] = rates;
    row("access-log --by status", &status, "MB/s of raw log", STATUS);
    row("word-count", &all, "MB/s of raw text", WORDS);
    row("20,000 one-line chunks", &small, "chunks/s", CHUNKS);
    println!(
        "word-count of {FEW} texts: {:.1} MB/s, Celery with 2 workers {:.1} MB/s, the same counts",
        median(ours),
        median(theirs)
    );
    row("as fast as Celery", &times, "times", CELERY);
    println!(
        "resident peak: {:.0} MiB mapper, {:.0} MiB reducer  <= 128",
        mapper.peak()?,
        reducer.peak()?
    );
    Ok(())
}
