//! `gristmill report`: the page shows what the folder holds, and nothing from the input becomes
//! markup.

use std::fs;
use std::path::Path;

use crate::gristmill::{Ended, read, run};

/// Runs a kind over a text and returns the page of its output.
fn page(kind: &[&str], text: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.log");
    fs::write(&input, text).unwrap();
    let out = folder.path().join("out");
    let (input, out) = (input.to_str().unwrap(), out.to_str().unwrap());
    let limit = ["--allow-quarantine", "100%", "-o", out, input];
    run([&["run"], kind, &limit].concat()).code(0);
    run(["report", out]).code(0);
    read(folder.path(), "out.report.html")
}

#[test]
fn each_kind_has_the_page_that_fits_it() {
    let words = b"a a a b b c\n<script>alert(1)</script>\n";
    let words = page(&["word-count"], words);
    assert!(words.contains("6 rows, largest first"));
    assert!(words.contains("polyline"));
    assert!(!words.contains("<script>alert"));
    let lines = page(&["grep", "script"], b"x\n<script>alert(1)</script>\n");
    assert!(lines.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!lines.contains("<script>alert"));
    assert!(page(&["grep", "-c", "-H", "x"], b"x\n").contains("<rect"));
    assert!(page(&["grep", "-l", "x"], b"x\n").contains("in.log"));
    assert!(page(&["wc", "--format", "tsv"], b"x y\n").contains(">words<"));
    assert!(page(&["pos"], b"The dog runs.\n").contains(">VBZ<"));
    assert!(page(&["pos", "--format", "jsonl"], b"The dog runs.\n").contains(">VBZ<"));
    assert!(page(&["pos", "--format", "conllu"], b"The dog runs.\n").contains(">VBZ<"));
    assert!(page(&["extract"], b"some text\n").contains("some text"));
    let numbers: String = (0..100)
        .map(|number| format!("{{\"k\":\"<b>\",\"ms\":{number}}}\n"))
        .collect();
    let words = [
        "group-by",
        "--parse",
        "json",
        "--by",
        "k",
        "--quantiles",
        "ms:0.99,0.5",
    ];
    let spread = page(&words, numbers.as_bytes());
    assert_eq!(spread.matches("<circle").count(), 2);
    assert!(spread.contains("&lt;b&gt;, q0.5: 49") && !spread.contains("<b>,"));
    for compress in ["gz", "zst"] {
        let page = page(&["word-count", "--compress", compress], b"b a a\n");
        assert!(page.contains("2 rows"), "{compress}");
    }
    let line = |hour: u32| {
        format!("h - - [17/May/2015:{hour:02}:05:03 +0000] \"GET /<b> HTTP/1.1\" 200 1\n")
    };
    let log: String = (0..24).map(line).collect();
    let times = page(&["access-log", "--by", "time:hour"], log.as_bytes());
    assert!(times.contains("2015-05-17T00") && times.contains("polyline"));
    let paths = page(
        &["access-log", "--by", "path", "--top", "3"],
        log.as_bytes(),
    );
    assert!(paths.contains("/&lt;b&gt;") && !paths.contains("/<b>"));
}

#[test]
fn what_was_set_aside_is_shown_by_reason_and_escaped() {
    let text = b"</pre><script>alert(2)</script>\nnot a line\n";
    let page = page(&["access-log", "--by", "status"], text);
    assert!(page.contains("2 set aside"), "{page}");
    assert!(page.contains("offset 0"));
    assert!(page.contains("&lt;/pre&gt;&lt;script&gt;"));
    assert!(!page.contains("<script>alert"));
}

#[test]
fn a_page_is_small_and_says_what_it_leaves_out() {
    let text: String = (0..200_000).map(|n| format!("w{n}\n")).collect();
    let page = page(&["word-count"], text.as_bytes());
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    assert!(page.contains("200,000 rows"));
    assert!(page.contains("199,000 more are not shown here"));
}

#[test]
fn the_page_stands_beside_the_folder_and_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.txt");
    fs::write(&input, "a\n").unwrap();
    let out = folder.path().join("out");
    let (input, out) = (input.to_str().unwrap(), out.to_str().unwrap());
    let command = ["run", "word-count", input, "-o", out, "--report"];
    run(command).code(0);
    assert!(Path::new(&format!("{out}.report.html")).exists());
    run(["verify", out]).code(0);
    run(["report", out]).code(2).says("--force");
    run(["report", out, "--force"]).code(0);
    run(command).code(2).says("--force");
    run([&command[..], &["--force"]].concat()).code(0);
    let stdout = run(["report", out, "-o", "-"]).code(0).stdout;
    assert_eq!(stdout, read(folder.path(), "out.report.html"));
    run(["run", "word-count", input, "--report"])
        .code(2)
        .says("-o OUT");
    run(["report", folder.path().to_str().unwrap()])
        .code(1)
        .says("manifest.json");
}

#[test]
fn a_folder_that_does_not_hold_says_so_first_and_shows_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.txt");
    fs::write(&input, "a\n").unwrap();
    let out = folder.path().join("out");
    let (input, out) = (input.to_str().unwrap(), out.to_str().unwrap());
    run(["run", "word-count", input, "-o", out]).code(0);
    fs::write(format!("{out}/part-00000.tsv"), "forged\t1\n").unwrap();
    let ended: Ended = run(["report", out, "-o", "-"]).code(1);
    assert!(ended.stdout.contains("Not sound"));
    assert!(!ended.stdout.contains("forged"));
}

#[test]
fn group_by_has_its_columns_in_every_format() {
    let text = b"{\"a\":\"x, \\\"y\\\"\\nz\",\"n\":2.5}\n{\"a\":\"x, \\\"y\\\"\\nz\",\"n\":1}\n{\"b\":1}\n";
    for format in [
        &["--format", "tsv"][..],
        &["--format", "tsv", "--header"],
        &["--format", "csv", "--header"],
        &["--format", "csv"],
        &["--format", "jsonl"],
    ] {
        let kind = [
            &["group-by", "--parse", "json", "--by", "a", "--sum", "n"],
            format,
        ]
        .concat();
        let page = page(&kind, text);
        assert!(page.contains("2 rows"), "{format:?}");
        assert!(page.contains("x, &quot;y&quot;\nz"), "{format:?}: {page}");
        assert!(page.contains(">3.5<"), "{format:?}");
    }
}
