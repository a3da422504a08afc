//! What a mapper allows to be run is what it looked at, and keys are never lost: all that shows
//! before there is a broker.

use std::fs;
use std::os::unix::fs::symlink;

use super::{folder, script};
use crate::gristmill::{Ended, gristmill};

#[test]
fn the_program_that_is_judged_is_the_one_that_would_run() {
    let folder = folder();
    let place = |name: &str| {
        let place = folder.path().join(name);
        fs::create_dir(&place).expect("a folder");
        place
    };
    let (first, second) = (place("first"), place("second"));
    // The first of that name cannot be started: what would run is the second, a shell.
    fs::write(first.join("ocr"), "no program").expect("a file");
    symlink("/bin/sh", second.join("ocr")).expect("a link");
    let mut command = gristmill();
    command
        .args([
            "map",
            "--exec-allow",
            "ocr",
            "--broker",
            "amqp://127.0.0.1:1",
        ])
        .env("PATH", format!("{}:{}", first.display(), second.display()));
    Ended::of(command.output().expect("a run"))
        .code(2)
        .says("runs whatever it is told to");
}

#[test]
fn a_key_that_cannot_be_written_leaves_what_is_there() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let key = |name: &str| {
        let mut command = gristmill();
        command.arg("exec-key").arg(path(name));
        Ended::of(command.output().expect("a run"))
    };
    // A link that leads nowhere is there, too, although nothing exists behind it.
    symlink("elsewhere/team.key", path("a.key")).expect("a link");
    key("a.key").code(2).says("a key is never overwritten");
    assert!(path("a.key").is_symlink() && !path("a.key.pub").exists());
    symlink("elsewhere/team.key", path("b.key.pub")).expect("a link");
    key("b.key").code(2).says("a key is never overwritten");
    assert!(path("b.key.pub").is_symlink() && !path("b.key").exists());
    script(folder.path(), "c.key", "mine");
    key("c.key").code(2).says("a key is never overwritten");
    assert_eq!(fs::read_to_string(path("c.key")).expect("a file"), "mine");
    key("d.key").code(0);
    key("d.key").code(2);
    assert!(path("d.key").exists() && path("d.key.pub").exists());
}
