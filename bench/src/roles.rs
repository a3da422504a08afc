//! The roles of a job over a broker, each a process of its own: what each costs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use wait4::Wait4;

use crate::jobs::Places;

/// A worker, stopped when dropped.
pub(crate) struct Worker(Child);

impl Worker {
    pub(crate) fn start(places: &Places, url: &str, words: &[&str]) -> Result<Self> {
        let child = Command::new(&places.gristmill)
            .args(words)
            .env("GRISTMILL_BROKER", url)
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", places.gristmill.display()))?;
        Ok(Self(child))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its resident peak so far, in MiB.
    pub(crate) fn peak(&self) -> Result<f64> {
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

/// CPU seconds of a process so far, user and system.
pub(crate) fn cpu_of(id: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name, in brackets, may hold anything.
    let rest = stat.rsplit_once(')').context("a process without a name")?.1;
    let field = |at: usize| -> Result<f64> {
        let field = rest.split_whitespace().nth(at).context("a short stat")?;
        Ok(field.parse()?)
    };
    // Ticks: the kernel shows hundredths of a second to every program.
    Ok((field(11)? + field(12)?) / 100.0)
}

/// A job that is done.
pub(crate) struct Done {
    pub(crate) name: String,
    pub(crate) wall_seconds: f64,
    /// Of the producer, which waited for its end.
    pub(crate) cpu_seconds: f64,
}

/// Produces a job and waits for its end.
pub(crate) fn job(places: &Places, url: &str, words: &[&str], inputs: &[PathBuf]) -> Result<Done> {
    // A name of its own: the same job again would be found finished.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let name = format!("bench-{:x}", now.as_nanos());
    let start = Instant::now();
    let mut producer = Command::new(&places.gristmill)
        .arg("produce")
        .args(words)
        .args(["--wait", "--quiet", "--allow-quarantine", "100%"])
        .args(["--max-quarantine", "8GiB", "--job", &name])
        .args(inputs)
        .env("GRISTMILL_BROKER", url)
        .stdout(Stdio::null())
        .spawn()?;
    let used = producer.wait4()?;
    let words = words.join(" ");
    ensure!(
        used.status.success(),
        "produce {words} ended with {}",
        used.status
    );
    Ok(Done {
        name,
        wall_seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
    })
}

/// The files of a folder, by name.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Lets workers settle: their first jobs should not pay for their start.
pub(crate) fn settle() {
    std::thread::sleep(Duration::from_secs(2));
}
