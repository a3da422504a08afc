//! `run exec --python`: which interpreter runs, and how often it is looked for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::gristmill::{Ended, gristmill, read};

#[test]
fn the_interpreter_behind_a_shim_is_looked_for_once_in_the_users_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let mut real = Command::new("python3");
    real.args(["-c", "import sys; print(sys.executable, end='')"]);
    let real = real.output().expect("python3").stdout;
    let real = String::from_utf8(real).expect("UTF-8");
    fs::create_dir(path("shims")).expect("a folder");
    let log = path("starts");
    let shim = format!("#!/bin/sh\npwd >> {}\nexec {real} \"$@\"\n", log.display());
    fs::write(path("shims/python3"), shim).expect("a shim");
    fs::set_permissions(path("shims/python3"), fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::write(path("in.txt"), "a\nkill\nb\n").expect("a file");
    fs::write(
        path("up.py"),
        "import os\ndef up(text):\n    if text == 'kill': os._exit(1)\n    return text.upper()\n",
    )
    .expect("a file");
    let mut command = gristmill();
    let others = std::env::var("PATH").expect("a PATH");
    command
        .env("PATH", format!("{}:{others}", path("shims").display()))
        .current_dir(folder.path())
        .args(["run", "exec", "--python", "up.py:up", "in.txt", "-o", "out"]);
    Ended::of(command.output().expect("a run")).code(3);
    assert_eq!(read(&path("out"), "part-00000.txt"), "A\nB\n");
    let here = folder.path().canonicalize().expect("a path");
    let starts = fs::read_to_string(&log).expect("the log of starts");
    assert_eq!(starts, format!("{}\n", here.display()));
}
