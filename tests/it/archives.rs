//! What a run says of archives and names: in every output, in the summary, in its exit code.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::corpus::gzip;
use crate::gristmill::{Ended, gristmill, read};

#[track_caller]
fn run(words: &[&str], input: &Path, out: &Path) -> Ended {
    let mut command = gristmill();
    command.arg("run").args(words).arg(input).arg("-o").arg(out);
    command.output().map(Ended::of).unwrap()
}

#[track_caller]
fn verify(out: &Path, input: &Path) {
    let mut command = gristmill();
    command.arg("verify").arg(out).arg(input);
    command.output().map(Ended::of).unwrap().code(0);
}

#[test]
fn documents_whose_names_differ_differ_in_every_output() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    fs::create_dir(&input).unwrap();
    let names: [&[u8]; 4] = [b"n\xFE", b"n\xFF", b"n\\xFF", "n\u{FFFD}".as_bytes()];
    for name in names {
        let path = input.join(std::ffi::OsStr::from_bytes(name));
        fs::write(path, "Dogs run.\n").unwrap();
    }
    let jsonl = |text: &str, field: &str| -> BTreeSet<String> {
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        text.lines()
            .map(|text| line(text)[field].to_string())
            .collect()
    };
    for (number, (words, part, field)) in [
        (&["wc"][..], "part-00000.jsonl", "name"),
        (&["extract"], "part-00000.jsonl", "name"),
        (
            &["grep", "-c", "-H", "--format", "jsonl", "Dogs"],
            "part-00000.jsonl",
            "name",
        ),
        (
            &["pos", "--format", "jsonl"],
            "part-00000.jsonl",
            "document",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let out = folder.path().join(number.to_string());
        run(words, &input, &out).code(0);
        let found = jsonl(&read(&out, part), field);
        assert_eq!(found.len(), 4, "{words:?}: {found:?}");
        let sources = jsonl(&read(&out, "sources.jsonl"), "source");
        assert_eq!(sources.len(), 4, "{words:?}: {sources:?}");
        verify(&out, &input);
    }
    let out = folder.path().join("conllu");
    run(&["pos", "--format", "conllu"], &input, &out).code(0);
    let text = read(&out, "part-00000.conllu");
    let ids: BTreeSet<&str> = text
        .lines()
        .filter(|line| line.starts_with("# sent_id"))
        .collect();
    assert_eq!(ids.len(), 4, "{ids:?}");
    // Set aside, each by its own name.
    for name in names {
        let path = input.join(std::ffi::OsStr::from_bytes(name));
        fs::write(path, b"7z\xBC\xAF\x27\x1C\0\x04").unwrap();
    }
    let out = folder.path().join("aside");
    run(&["wc"], &input, &out).code(3);
    assert_eq!(jsonl(&read(&out, "quarantine.jsonl"), "document").len(), 4);
    verify(&out, &input);
}

#[test]
fn what_is_passed_over_behind_an_end_mark_is_in_the_summary_and_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let mut header = [0_u8; 512];
    header[..5].copy_from_slice(b"a.txt");
    header[124..135].copy_from_slice(b"00000000005");
    header[156] = b'0';
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(b"text\n");
    bytes.resize(2048, 0);
    bytes.extend_from_slice(b"stale");
    bytes.resize(10_240, 0);
    for (name, bytes) in [("in.tar", bytes.clone()), ("in.tar.gz", gzip(&bytes))] {
        let input = folder.path().join(name);
        fs::write(&input, bytes).unwrap();
        let out = folder.path().join(format!("{name}.out"));
        run(&["wc"], &input, &out)
            .code(0)
            .says("5 bytes that are no part of an archive were passed over");
        let manifest: serde_json::Value =
            serde_json::from_str(&read(&out, "manifest.json")).unwrap();
        assert_eq!(manifest["totals"]["passed_over"], 5);
        verify(&out, &input);
    }
}

#[test]
fn a_job_over_its_bound_on_text_fails_and_names_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("bomb.gz");
    fs::write(&input, gzip(&vec![b'\n'; 3 << 20])).unwrap();
    let out = folder.path().join("out");
    run(&["wc", "--max-expanded", "2MiB"], &input, &out)
        .code(1)
        .says("--max-expanded");
    assert!(!out.join("manifest.json").exists());
    run(&["wc", "--max-expanded", "3MiB"], &input, &out).code(0);
    verify(&out, &input);
}

#[test]
fn a_job_in_which_nothing_was_chosen_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    fs::create_dir(&input).unwrap();
    fs::write(input.join("a.log"), "a\n").unwrap();
    for (number, (glob, chosen)) in [("*.txt", false), ("*.log", true)].into_iter().enumerate() {
        let out = folder.path().join(number.to_string());
        let ended = run(&["wc", "--include", glob], &input, &out);
        assert_eq!(!ended.stderr.contains("warning: nothing was read"), chosen);
        ended.code(0);
    }
}
