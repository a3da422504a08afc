//! `group-by` and `--unwrap` on input that nobody means well.

use std::fmt::Write as _;

use crate::gristmill::{Ended, read, run};
use crate::memory::peak;

/// Runs `group-by` over a text; what is set aside is allowed.
fn grouped(text: &[u8], words: &[&str]) -> (Ended, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (input, out) = (folder.path().join("input"), folder.path().join("out"));
    std::fs::write(&input, text).expect("a file");
    let mut all = vec!["run", "group-by"];
    all.extend(words);
    let (input, out) = (input.to_string_lossy(), out.to_string_lossy());
    all.extend([&*input, "-o", &*out, "--allow-quarantine", "100%"]);
    let ended = run(all).code(0);
    let quarantine =
        read(std::path::Path::new(&*out), "quarantine.jsonl").replace(&*input, "input");
    let rows = read(std::path::Path::new(&*out), "part-00000.tsv");
    (
        Ended {
            stdout: rows,
            ..ended
        },
        quarantine,
    )
}

#[test]
fn json_that_is_deep_doubled_long_or_damaged_harms_no_other_line() {
    let deep = format!("{{\"k\":{}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    let digits = "7".repeat(10_000);
    let lines = [
        // A byte order mark and CRLF.
        "\u{feff}{\"k\":\"a\",\"n\":1}\r\n".to_owned(),
        deep,
        format!("{{\"k\":\"a\",\"n\":{digits}}}\n"),
        format!("{{\"k\":\"a\",\"n\":0.{digits}}}\n"),
        "{\"k\":\"b\",\"k\":\"a\",\"n\":5,\"n\":2}\n".to_owned(),
        "{\"k\":\"\\ud800\",\"n\":1}\n".to_owned(),
        // Other formats.
        "level=info n=7\n".to_owned(),
        "a,7\n".to_owned(),
        "{\"k\":\"a\",\"n\":1e400}\n".to_owned(),
        "{\"k\":\"a\",\"n\":3}".to_owned(),
    ];
    let words = ["--parse", "json", "--by", "k", "--sum", "n"];
    let (ended, quarantine) = grouped(lines.concat().as_bytes(), &words);
    let row = ended.stdout.lines().find(|line| line.starts_with("a\t"));
    // 1 + 2 + 3, of seven lines; three numbers are none.
    assert_eq!(row, Some("a\t6\t6\t3"), "{ended:#?}");
    for bad in ["level=info", "a,7"] {
        assert!(quarantine.contains(bad), "{quarantine}");
    }
    assert!(!quarantine.contains("\\\"k\\\":\\\"a\\\""), "{quarantine}");
}

#[test]
fn a_million_field_names_take_no_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("input");
    for (parse, before, behind) in [
        ("json", "{\"f", "\":1,\"k\":\"a\"}"),
        ("logfmt", "f", "=1 k=a"),
    ] {
        let words = ["run", "group-by", "--parse", parse, "--by", "k"];
        let peaks = [10, 1_000_000].map(|names| {
            let lines =
                (0..1_000_000).map(|number| format!("{before}{:07}{behind}\n", number % names));
            std::fs::write(&file, lines.collect::<String>()).expect("a file");
            let input = file.to_string_lossy();
            let ended = run([&words[..], &[&*input, "-o", "-"]].concat()).code(0);
            assert_eq!(ended.stdout, "a\t1000000\n");
            peak(&words, &file)
        });
        // In KiB; a million names alone would take 8 MiB.
        assert!(peaks[1] < peaks[0] + 4096, "{parse}: {peaks:?}");
    }
}

#[test]
fn lines_that_a_runtime_cut_are_put_together_or_set_aside() {
    let time = "2026-11-28T10:00:00.123456789Z";
    let mut text = String::new();
    for number in 0..2000 {
        let level = ["info", "warn"][number % 2];
        let pad = "x".repeat(number % 90);
        let _ = match number % 4 {
            0 => writeln!(text, "{time} stdout F level={level} pad={pad}"),
            1 => writeln!(
                text,
                "{time} stderr P level={level}\n{time} stderr P  pad={pad}\n{time} stderr F  tail=1"
            ),
            // Cut inside a value.
            2 => writeln!(
                text,
                "{time} stdout P level=in\n{time} stdout F fo pad={pad}"
            ),
            // Of the other stream between.
            _ => writeln!(
                text,
                "{time} stdout P level=ba\n{time} stderr F level=bad\n{time} stdout F d pad={pad}"
            ),
        };
    }
    // The rest of it is in no file.
    let _ = writeln!(text, "{time} stdout P level=bad");
    let words = ["--parse", "logfmt", "--unwrap", "cri", "--by", "level"];
    let mut seen = Vec::new();
    for size in ["4KiB", "5KiB", "1MiB"] {
        for threads in ["1", "3"] {
            let more = ["--chunk-size", size, "--threads", threads];
            let (ended, quarantine) = grouped(text.as_bytes(), &[&words[..], &more].concat());
            assert_eq!(ended.stdout, "info\t1000\nwarn\t500\n", "{size} {threads}");
            assert_eq!(quarantine.lines().count(), 501);
            seen.push(quarantine);
        }
    }
    assert!(seen.iter().all(|quarantine| *quarantine == seen[0]));
    assert!(seen[0].contains("lines of the other stream stand between its parts"));
    assert!(seen[0].contains("its rest is not in this document"));
    refuses_other_records("cri");
}

#[test]
fn lines_that_docker_cut_are_put_together_or_set_aside() {
    let mut text = String::new();
    let mut line = |log: &str, stream: &str| {
        let _ = writeln!(
            text,
            r#"{{"log":"{log}","stream":"{stream}","time":"2026-11-28T10:00:00.1Z"}}"#
        );
    };
    for number in 0..200 {
        let stream = ["stdout", "stderr"][number % 2];
        let head = format!("level={} pad=", ["info", "warn"][number % 2]);
        // Docker cuts at 16 KiB of text, wherever that is.
        let pad = |count: usize| "x".repeat(count);
        match number % 5 {
            0 | 1 => line(&format!(r"{head}{}\n", pad(number)), stream),
            // Two parts; what the second has looks like a line of its own.
            2 | 3 => {
                line(&format!("{head}{}", pad((16 << 10) - head.len())), stream);
                line(r" level=bad\n", stream);
            }
            // The other stream's line between.
            _ => {
                line(&format!("{head}{}", pad((16 << 10) - head.len())), "stdout");
                line(r"level=bad\n", "stderr");
                line(r" tail=1\n", "stdout");
            }
        }
    }
    let words = ["--parse", "logfmt", "--unwrap", "docker", "--by", "level"];
    let mut seen = Vec::new();
    for size in ["16KiB", "40KiB", "1MiB"] {
        let more = ["--chunk-size", size, "--max-record", "64KiB"];
        let (ended, quarantine) = grouped(text.as_bytes(), &[&words[..], &more].concat());
        // Of a doubled key the last counts.
        assert_eq!(ended.stdout, "bad\t80\ninfo\t40\nwarn\t40\n", "{size}");
        assert_eq!(quarantine.lines().count(), 40, "{size}");
        seen.push(quarantine);
    }
    assert!(seen.iter().all(|quarantine| *quarantine == seen[0]));
    assert!(seen[0].contains("lines of the other stream stand between its parts"));
    refuses_other_records("docker");
}

fn refuses_other_records(wrapper: &str) {
    let refused = ["run", "group-by", "--parse", "logfmt", "--unwrap", wrapper];
    let refused = [
        &refused[..],
        &["--records", "lines", "--by", "level", "Cargo.toml"],
    ]
    .concat();
    run(refused)
        .code(2)
        .says(&format!("--unwrap {wrapper} has records of its own"));
}
