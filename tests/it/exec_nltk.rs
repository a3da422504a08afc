//! `examples/nltk`, run as its README says: the tags of every sentence are those of `tagger.tag`,
//! by Gristmill, by execnet and by a pool of processes.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::gristmill::{Ended, gristmill};

/// A Python that has NLTK and execnet; `tests/all` makes one.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("GRISTMILL_NLTK_PYTHON").unwrap_or_else(|| "python3".into());
    let imports = Command::new(&python)
        .args(["-c", "import sys, nltk, execnet; print(sys.executable)"])
        .output();
    let found = imports.ok().filter(|imports| imports.status.success());
    if found.is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "NOT TESTED: {} has no NLTK and execnet (tests/all installs them)",
            python.display()
        );
    }
    let path = String::from_utf8(found?.stdout).expect("a path");
    Some(path.trim().into())
}

#[test]
fn the_example_of_a_tagger_gives_what_the_tagger_gives() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["train.py", "tagging.py", "compare.py"] {
        let from = project.join("examples/nltk").join(name);
        fs::copy(from, folder.path().join(name)).expect("a copy");
    }
    let mut pos = gristmill();
    pos.args(["run", "pos", "--format", "conllu", "-o", "-", "-q"]);
    pos.arg(project.join("samples/texts"));
    let treebank = Ended::of(pos.output().expect("a run")).code(0).stdout;
    fs::write(folder.path().join("treebank.conllu"), treebank).expect("a file");
    let run = |words: &[&str]| {
        let mut command = Command::new(&python);
        command.args(words).current_dir(folder.path());
        // The interpreter that gristmill finds is this one.
        let mut path = std::ffi::OsString::from(python.parent().expect("a folder"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Ended::of(command.env("PATH", path).output().expect("Python"))
    };
    run(&[
        "train.py",
        "treebank.conllu",
        "tagger.json",
        "sentences.txt",
    ])
    .code(0);
    let sentences = fs::read_to_string(folder.path().join("sentences.txt")).expect("a file");
    assert!(sentences.lines().count() > 10, "{sentences}");
    let binary = env!("CARGO_BIN_EXE_gristmill");
    let compared = run(&["compare.py", binary, "tagger.json", "sentences.txt"]).code(0);
    let lines = compared.stdout.lines().count();
    assert_eq!(lines, 4, "{compared:#?}");
}
