//! `run exec` with real programs, against the same programs run by hand.

mod allow;
mod commands;
mod counters;
mod failures;
#[cfg(target_arch = "x86_64")]
mod kernels;
mod limits;
mod python;
mod reduce;
mod rerun;
mod shipped;
mod trial;
mod worker;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::gristmill::{Ended, gristmill, read};

/// A folder to work in.
fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Runs `gristmill run exec` with these words in a folder.
fn exec(folder: &Path, words: &[&str]) -> Ended {
    let mut command = gristmill();
    command
        .current_dir(folder)
        .args(["run", "exec"])
        .args(words);
    Ended::of(command.output().expect("the binary starts"))
}

fn script(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, text).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
}

/// What a shell command line writes, in a folder.
fn shell(folder: &Path, line: &str) -> String {
    let output = Command::new("bash")
        .args(["-c", line])
        .current_dir(folder)
        .env("LC_ALL", "C")
        .stderr(Stdio::inherit())
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{line}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The entries of a quarantine: offset, reason, and the rest of the line.
fn quarantine(out: &Path) -> Vec<serde_json::Value> {
    let text = read(out, "quarantine.jsonl");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}
