//! Writes the benchmark's data: which files there are, how large, and that they are made only once.
//! It must not know what a log line or a word looks like.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::logs::{Day, Site};
use crate::rng::Rng;
use crate::texts::{Text, VOCABULARY, Vocabulary};

/// Files in `logs/` and in `texts/`.
const FILES: usize = 24;
/// Raw bytes at scale 1.
const LOG_BYTES: f64 = 2.09e9;
const TEXT_BYTES: f64 = 1.03e9;
const ZIP_BYTES: f64 = 207e6;
const ZIP_MEMBERS: f64 = 20_000.0;
/// Raised whenever the same seed would give other bytes.
const SHAPE: u32 = 1;
const BLOCK: usize = 256 * 1024;

/// The folder's inputs, as the jobs name them.
pub(crate) struct Data {
    pub(crate) dir: PathBuf,
}

impl Data {
    pub(crate) fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    pub(crate) fn texts(&self) -> PathBuf {
        self.dir.join("texts")
    }

    pub(crate) fn zip(&self) -> PathBuf {
        self.dir.join("texts.zip")
    }

    fn stamp(&self) -> PathBuf {
        self.dir.join("STAMP")
    }

    /// The folder, if `generate` finished there; else an error that says what to do.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let data = Data {
            dir: dir.to_owned(),
        };
        ensure!(
            data.stamp().is_file(),
            "no data in {}: run `gristmill-bench generate --dir {0}` first",
            dir.display()
        );
        Ok(data)
    }

    /// What the stamp says: shape, seed and scale.
    pub(crate) fn description(&self) -> Result<String> {
        Ok(fs::read_to_string(self.stamp())?.trim().to_owned())
    }
}

/// One file to make.
#[derive(Clone, Copy)]
enum Task {
    Zip,
    Log(usize),
    Text(usize),
}

/// Makes the data in `dir`, with two threads, unless it is there already. Says whether it did.
pub(crate) fn generate(dir: &Path, seed: u64, scale: f64) -> Result<bool> {
    ensure!(
        scale > 0.0 && scale <= 100.0,
        "--scale must be above 0 and at most 100"
    );
    let data = Data {
        dir: dir.to_owned(),
    };
    let stamp = format!("shape {SHAPE} seed {seed} scale {scale}\n");
    if fs::read_to_string(data.stamp()).is_ok_and(|found| found == stamp) {
        return Ok(false);
    }
    // A folder that holds something else is somebody's: only an earlier stamp allows replacing.
    let ours = data.stamp().is_file() || data.dir.join("STAMP.tmp").is_file();
    ensure!(
        ours || !dir.exists() || fs::read_dir(dir)?.next().is_none(),
        "{} is not empty and not made by gristmill-bench",
        dir.display()
    );
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    fs::write(data.dir.join("STAMP.tmp"), &stamp)?;
    let _ = fs::remove_file(data.stamp());
    for folder in [data.logs(), data.texts()] {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
    }
    let site = Site::new(seed);
    let vocabulary = Vocabulary::new(seed, VOCABULARY);
    let tasks: Vec<Task> = std::iter::once(Task::Zip)
        .chain((0..FILES).flat_map(|n| [Task::Log(n), Task::Text(n)]))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(&task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            match task {
                Task::Log(n) => log(&data, &site, seed, scale, n)?,
                Task::Text(n) => text(&data, &vocabulary, seed, scale, n)?,
                Task::Zip => archive(&data, &vocabulary, seed, scale)?,
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let helper = scope.spawn(work);
        let mine = work();
        let theirs = helper
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        mine.and(theirs)
    })?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the benchmark's own stamp, no output of a job"
    )]
    fs::rename(data.dir.join("STAMP.tmp"), data.stamp())?;
    Ok(true)
}

fn gzip(path: &Path) -> io::Result<GzEncoder<BufWriter<File>>> {
    Ok(GzEncoder::new(
        BufWriter::new(File::create(path)?),
        Compression::default(),
    ))
}

fn log(data: &Data, site: &Site, seed: u64, scale: f64, n: usize) -> Result<()> {
    let path = data
        .logs()
        .join(format!("access-2025-03-{:02}.log.gz", n + 1));
    let goal = (LOG_BYTES * scale / FILES as f64) as u64;
    let mut day = Day::new(site, Rng::new(seed, &[2, n as u64]), n + 1, goal);
    let mut file = gzip(&path)?;
    let mut block = Vec::with_capacity(BLOCK + 4096);
    while day.line(&mut block) {
        if block.len() >= BLOCK {
            file.write_all(&block)?;
            block.clear();
        }
    }
    file.write_all(&block)?;
    file.finish()?.flush()?;
    Ok(())
}

fn text(data: &Data, words: &Vocabulary, seed: u64, scale: f64, n: usize) -> Result<()> {
    let path = data.texts().join(format!("book-{:02}.txt.gz", n + 1));
    let goal = (TEXT_BYTES * scale / FILES as f64) as usize;
    let mut text = Text::new(words, Rng::new(seed, &[3, n as u64]));
    let mut file = gzip(&path)?;
    let (mut block, mut written) = (Vec::with_capacity(BLOCK + 4096), 0);
    while written < goal {
        block.clear();
        text.fill(&mut block, BLOCK.min(goal - written));
        file.write_all(&block)?;
        written += block.len();
    }
    file.finish()?.flush()?;
    Ok(())
}

fn archive(data: &Data, words: &Vocabulary, seed: u64, scale: f64) -> Result<()> {
    let members = ((ZIP_MEMBERS * scale) as usize).max(10);
    let mean = (ZIP_BYTES / ZIP_MEMBERS) as usize;
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut zip = ZipWriter::new(BufWriter::new(File::create(data.zip())?));
    let mut body = Vec::new();
    for n in 0..members {
        let mut rng = Rng::new(seed, &[4, n as u64]);
        // A quarter to seven quarters of the mean; a paragraph's overshoot is taken off.
        let size = (mean / 4 + rng.below(mean * 3 / 2)).saturating_sub(180);
        body.clear();
        Text::new(words, rng).fill(&mut body, size.max(1));
        zip.start_file(format!("texts/{:03}/text-{n:05}.txt", n / 100), options)?;
        zip.write_all(&body)?;
    }
    zip.finish()?.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_bytes(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(all_bytes(&path));
            } else {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_seed_gives_the_same_bytes_and_another_seed_others() {
        let temp = tempfile::tempdir().unwrap();
        let make = |name: &str, seed| {
            let dir = temp.path().join(name);
            assert!(generate(&dir, seed, 0.0002).unwrap());
            let files = all_bytes(&dir);
            let short = |p: &Path| p.strip_prefix(&dir).unwrap().to_owned();
            files
                .into_iter()
                .map(|(p, b)| (short(&p), b))
                .collect::<Vec<_>>()
        };
        let (first, again, other) = (make("a", 1), make("b", 1), make("c", 2));
        assert_eq!(first.len(), 2 * FILES + 2);
        assert!(first == again);
        for (one, two) in first.iter().zip(&other) {
            assert_eq!(one.0, two.0);
            assert_ne!(one.1, two.1, "{}", one.0.display());
        }
        assert!(
            !generate(&temp.path().join("a"), 1, 0.0002).unwrap(),
            "made twice"
        );
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("logs")).unwrap();
        fs::write(temp.path().join("logs/mine.log"), "keep").unwrap();
        assert!(generate(temp.path(), 1, 0.0002).is_err());
        assert_eq!(
            fs::read(temp.path().join("logs/mine.log")).unwrap(),
            b"keep"
        );
    }
}
