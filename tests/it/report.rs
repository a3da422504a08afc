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
    // One group: its histogram, and no second picture to compare it with.
    assert_eq!(spread.matches("<rect class=\"bar edged\"").count(), 1);
    assert!(spread.contains(": 49 % of the numbers"), "{spread}");
    assert!(spread.contains("50 % are below q0.5 and not drawn. 1 % are above q0.99"));
    assert!(spread.contains("Histogram of ms in &lt;b&gt;") && !spread.contains("in <b>"));
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
fn quantiles_are_a_histogram_of_each_group_and_the_first_is_open() {
    let numbers: String = (0..300)
        .map(|n| format!("{{\"k\":\"k{}\",\"ms\":{},\"kb\":{n}}}\n", n % 3, n + 1))
        .collect();
    let words = "group-by --parse json --by k --quantiles ms:0.5,0.25 --quantiles kb:0.1,0.9 --min ms --max ms";
    let words: Vec<&str> = words.split(' ').collect();
    let page = page(&words, numbers.as_bytes());
    assert_eq!(
        page.matches("<details name=\"histogram-0\" open>").count(),
        1
    );
    assert_eq!(page.matches("<details name=\"histogram-0\"").count(), 3);
    assert_eq!(page.matches("<details name=\"histogram-1\"").count(), 3);
    // Between the extremes and two quantiles are three bins, in each of three groups; between two
    // quantiles is one.
    assert_eq!(page.matches("<rect class=\"bar edged\"").count(), 9 + 3);
    assert_eq!(page.matches("from 1 to ").count(), 1);
    assert_eq!(page.matches(": 50 % of the numbers").count(), 3);
    // Two pictures with a point for each quantile and extreme, to compare the groups.
    assert_eq!(page.matches("<circle").count(), 3 * 4 + 3 * 2);
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
    // How long it took is known at the end of a run, and in no output.
    assert!(read(folder.path(), "out.report.html").contains("It took "));
    run(["verify", out]).code(0);
    run(["report", out]).code(2).says("--force");
    run(["report", out, "--force"]).code(0);
    run(command).code(2).says("--force");
    run([&command[..], &["--force"]].concat()).code(0);
    run(["report", out, "--force"]).code(0);
    assert!(!read(folder.path(), "out.report.html").contains("It took "));
    let stdout = run(["report", out, "-o", "-"]).code(0).stdout;
    assert_eq!(stdout, read(folder.path(), "out.report.html"));
    run(["run", "word-count", input, "--report"])
        .code(2)
        .says("-o OUT");
    run(["report", folder.path().to_str().unwrap()])
        .code(1)
        .says("manifest.json");
}

/// A folder, and the output of a small job in it.
fn counted() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.txt");
    fs::write(&input, "a\n").unwrap();
    let out = folder.path().join("out").to_str().unwrap().to_owned();
    run(["run", "word-count", input.to_str().unwrap(), "-o", &out]).code(0);
    (folder, out)
}

#[test]
fn nothing_is_written_into_the_folder() {
    let (folder, out) = counted();
    let out = &out[..];
    std::os::unix::fs::symlink(format!("{out}/manifest.json"), folder.path().join("link")).unwrap();
    let link = folder.path().join("link");
    for file in [
        format!("{out}/report.html"),
        format!("{out}/../out/manifest.json"),
        link.to_str().unwrap().to_owned(),
    ] {
        let words = ["report", out, "-o", &file, "--force"];
        run(words).code(2).says("choose a place outside of it");
    }
    // A stranger in the folder is no part of the output, and does not change what is said of it.
    fs::write(format!("{out}/out.report.html"), "<script>").unwrap();
    assert!(
        run(["report", out, "-o", "-"])
            .code(0)
            .stdout
            .contains("Verified")
    );
}

#[test]
fn half_an_output_and_one_of_a_later_version_are_told() {
    let (_folder, out) = counted();
    let out = &out[..];
    for name in ["quarantine.jsonl", "part-00000.tsv", "sources.jsonl"] {
        fs::remove_file(format!("{out}/{name}")).unwrap();
        let page = run(["report", out, "-o", "-"]).code(1).stdout;
        assert!(page.contains("Not sound") && page.contains(&format!("{name}: missing")));
    }
    let manifest = fs::read_to_string(format!("{out}/manifest.json")).unwrap();
    let later = manifest.replace("\"format\": 1,", "\"format\": 2,");
    assert_ne!(manifest, later);
    for (text, says) in [
        (&later[..], "format 2"),
        (&manifest[..manifest.len() / 2], "not a manifest"),
        ("", "not a manifest"),
    ] {
        fs::write(format!("{out}/manifest.json"), text).unwrap();
        run(["report", out]).code(1).says(says);
    }
    assert!(!Path::new(&format!("{out}.report.html")).exists());
}

#[test]
fn a_folder_that_does_not_hold_says_so_first_and_shows_no_result() {
    let (_folder, out) = counted();
    let out = &out[..];
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

#[test]
fn null_absent_empty_and_texts_that_read_so_are_told_apart_and_controls_are_seen() {
    let text = br#"{"k":null}
{"j":1}
{"k":""}
{"k":"-"}
{"k":"\\N"}
{"k":"\\-"}
{"k":"null"}
{"k":"\u0001"}
{"k":"\u202eabc"}
"#;
    for format in ["tsv", "csv", "jsonl", "table"] {
        let kind = [
            "group-by", "--parse", "json", "--by", "k", "--format", format,
        ];
        let page = page(&kind, text);
        let table = page.split("<tbody>").nth(1).expect("the result");
        let table = table.split("</tbody>").next().expect("its end");
        let mut cells: Vec<&str> = (table.split("<tr><td class=\"\">").skip(1))
            .map(|row| row.split("</td>").next().expect("its first cell"))
            .collect();
        let wanted = [
            "-",
            "<em class=\"dim\">(empty)</em>",
            "<em class=\"dim\">(none)</em>",
            "<em class=\"dim\">(null)</em>",
            "\\-",
            "\\N",
            "null",
            "\u{27E8}U+0001\u{27E9}",
            "\u{27E8}U+202E\u{27E9}abc",
        ];
        cells.sort_unstable();
        assert_eq!(cells, wanted, "{format}");
        assert!(!page.contains(['\u{1}', '\u{202E}']), "{format}");
    }
}
