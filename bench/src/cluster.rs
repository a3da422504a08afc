//! Jobs over a broker: one mapper with a thread per core, one reducer, one producer, all on this
//! machine beside the broker; and word count over Celery beside them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::MultiGzDecoder;

use crate::generate::Data;
use crate::jobs::Places;

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

/// A worker, stopped when dropped.
struct Worker(Child);

impl Worker {
    fn start(places: &Places, url: &str, words: &[&str]) -> Result<Self> {
        let child = Command::new(&places.gristmill)
            .args(words)
            .env("GRISTMILL_BROKER", url)
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", places.gristmill.display()))?;
        Ok(Self(child))
    }

    /// Its resident peak so far, in MiB.
    fn peak(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix("kB"));
        let kib: f64 = kib.context("no VmHWM")?.trim().parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Bytes of a folder's gzipped files when they are unpacked.
fn raw_bytes(files: &[PathBuf]) -> Result<u64> {
    let mut bytes = 0;
    for file in files {
        let file = BufReader::new(fs::File::open(file)?);
        bytes += std::io::copy(&mut MultiGzDecoder::new(file), &mut std::io::sink())?;
    }
    Ok(bytes)
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Runs a job to its end; seconds of wall time.
fn job(places: &Places, url: &str, words: &[&str], inputs: &[PathBuf]) -> Result<f64> {
    // A name of its own: the same job again would be found finished.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let name = format!("bench-{:x}", now.as_nanos());
    let start = Instant::now();
    let done = Command::new(&places.gristmill)
        .arg("produce")
        .args(words)
        .args(["--wait", "--quiet", "--allow-quarantine", "100%"])
        .args(["--max-quarantine", "8GiB", "--job", &name])
        .args(inputs)
        .env("GRISTMILL_BROKER", url)
        .stdout(Stdio::null())
        .status()?;
    ensure!(
        done.success(),
        "produce {} ended with {done}",
        words.join(" ")
    );
    Ok(start.elapsed().as_secs_f64())
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

/// Word count over Celery: seconds and bytes.
fn celery(places: &Places, url: &str, files: &[PathBuf]) -> Result<(f64, u64)> {
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
    let mut words = line.split(' ');
    match (words.next(), words.next()) {
        (Some(seconds), Some(bytes)) => Ok((seconds.parse()?, bytes.parse()?)),
        _ => bail!("celery_words.py said {line:?}"),
    }
}

fn verdict(value: f64, reach: f64) -> &'static str {
    if value >= reach { "holds" } else { "MISSED" }
}

/// Runs all jobs and prints rates.
pub(crate) fn cluster(data: &Data, places: &Places, url: &str) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let results = scratch.path().join("results");
    let results = results.to_str().context("a plain path")?;
    let mapper = Worker::start(places, url, &["map"])?;
    let reducer = Worker::start(places, url, &["reduce", "-o", results])?;
    let texts = files_in(&data.texts())?;
    let logs = files_in(&data.logs())?;
    println!(
        "one mapper (a thread per core), one reducer, one producer and the broker on this machine"
    );

    let seconds = job(places, url, &["access-log", "--by", "status"], &logs)?;
    let rate = raw_bytes(&logs)? as f64 / 1e6 / seconds;
    println!(
        "access-log --by status  {rate:>8.0} MB/s of raw log   >= {STATUS:.0} {}",
        verdict(rate, STATUS)
    );
    let words = ["word-count", "--words", "ascii"];
    let seconds = job(places, url, &words, &texts)?;
    let rate = raw_bytes(&texts)? as f64 / 1e6 / seconds;
    println!(
        "word-count              {rate:>8.0} MB/s of raw text  >= {WORDS:.0} {}",
        verdict(rate, WORDS)
    );
    let lines = small_chunks(scratch.path())?;
    let small = ["grep", "-c", "17", "--chunk-size", "4KiB"];
    let seconds = job(places, url, &small, &[lines])?;
    let rate = SMALL as f64 / seconds;
    println!(
        "20,000 one-line chunks  {rate:>8.0} chunks/s          >= {CHUNKS:.0} {}",
        verdict(rate, CHUNKS)
    );
    println!(
        "resident peak           {:>8.0} MiB mapper, {:.0} MiB reducer   <= 128",
        mapper.peak()?,
        reducer.peak()?
    );
    let few = &texts[..texts.len().min(FEW)];
    let seconds = job(places, url, &words, few)?;
    let ours = raw_bytes(few)? as f64 / 1e6 / seconds;
    drop((mapper, reducer));
    let (seconds, bytes) = celery(places, url, few)?;
    let theirs = bytes as f64 / 1e6 / seconds;
    println!(
        "word-count of {FEW} texts    {ours:>6.0} MB/s, Celery with 2 workers {theirs:.1} MB/s: {:.1} times   >= {CELERY} {}",
        ours / theirs,
        verdict(ours / theirs, CELERY)
    );
    Ok(())
}
