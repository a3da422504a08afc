//! The finished rows of `group-by`: which are printed, and how.

use std::process::Command;

use crate::gristmill::run;

#[test]
fn finished_rows_are_chosen_by_any_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.jsonl");
    let mut text = String::new();
    for (key, values) in [("a", "1,2,3"), ("b", "10"), ("c", "5,-1"), ("d", "null")] {
        for value in values.split(',') {
            text += &format!("{{\"k\":\"{key}\",\"v\":{value}}}\n");
        }
    }
    std::fs::write(&file, text).expect("a file");
    let name = file.to_string_lossy();
    let rows = |more: &[&str]| {
        let words = [
            "run", "group-by", "-q", "--by", "k", "--avg", "v", &name, "-o", "-",
        ];
        run([&words[..], more].concat()).code(0).stdout
    };
    let top = rows(&["--top", "3", "--top-by", "avg_v"]);
    assert_eq!(top, "b\t1\t10\t0\na\t3\t2\t0\nc\t2\t2\t0\n");
    let having = rows(&["--having", "hits >= 2 and not k = c"]);
    assert_eq!(having, "a\t3\t2\t0\n");
    assert_eq!(rows(&["--having", "avg_v = null"]), "d\t1\t\\N\t0\n");
    for (words, why) in [
        (
            ["--having", "nits > 1"],
            "is not a column (columns are k, hits, avg_v, no_number_v)",
        ),
        (["--top-by", "v"], "--top"),
    ] {
        let line = [
            "run", "group-by", "--by", "k", "--avg", "v", &name, "-o", "-",
        ];
        run([&line[..], &words].concat()).code(2).says(why);
    }
}

const TABLE: &str = "\
| level  | hits | sum_took | no_number_took |
| ------ | ---: | -------: | -------------: |
| -      |    1 |       \\N |              0 |
| info\\n |    2 |     3.25 |              0 |
| warn   |    1 |       12 |              0 |
";

#[test]
fn a_table_for_people_is_lined_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.jsonl");
    let text = r#"{"level":"info\n","took":3}
{"level":"info\n","took":0.25}
{"level":"warn","took":12}
{}
"#;
    std::fs::write(&file, text).expect("a file");
    let name = file.to_string_lossy();
    let words = [
        "run", "group-by", "-q", "--by", "level", "--sum", "took", &name,
    ];
    let table = |more: &[&str]| {
        let line = [&words[..], &["--format", "table"], more].concat();
        run(line).code(0).stdout
    };
    assert_eq!(table(&[]), TABLE);
    let first = table(&["--top", "1"]);
    assert!(
        first.ends_with("| info\\n |    2 |     3.25 |              0 |\n"),
        "{first}"
    );
    // The page of an output folder reads it back.
    let out = folder.path().join("out");
    let output = out.to_string_lossy();
    let line = [
        &words[..],
        &["--format", "table", "--report", "-o", &output],
    ]
    .concat();
    run(line).code(0);
    assert!(out.join("part-00000.md").exists());
    let page = std::fs::read_to_string(folder.path().join("out.report.html")).expect("a page");
    assert!(page.contains("3.25") && page.contains("warn") && !page.contains("---:"));
    // Where people look, and where they do not.
    let spawn = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let output = Command::new("python3")
        .args(["-c", spawn, env!("CARGO_BIN_EXE_gristmill")])
        .args(words)
        .output()
        .expect("python3 starts");
    let shown = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    assert!(
        shown.starts_with("| level  | hits | sum_took | no_number_took |\n| ---"),
        "{shown}"
    );
    assert_eq!(
        run(words).code(0).stdout,
        "-\t1\t\\N\t0\ninfo\\n\t2\t3.25\t0\nwarn\t1\t12\t0\n"
    );
}

#[test]
fn first_and_last_values_are_those_of_the_input_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut names = Vec::new();
    for number in 0..3 {
        let file = folder.path().join(format!("{number}.jsonl"));
        let mut text = String::new();
        for line in 0..2000 {
            let value = match line % 2 {
                0 => "null".to_owned(),
                _ => format!("\"{number}-{line}\""),
            };
            let group = [r"a", r"b,\t"][line / 2 % 2];
            text += &format!("{{\"k\":\"{group}\",\"v\":{value}}}\n");
        }
        std::fs::write(&file, text + "{\"k\":\"c\"}\n").expect("a file");
        names.push(file.to_string_lossy().into_owned());
    }
    // Not in order of their names.
    let inputs = [&names[2][..], &names[0], &names[1]];
    let words = [
        "run", "group-by", "-q", "--parse", "json", "--by", "k", "--first", "v", "--last",
        "v,v:day",
    ];
    let rows = |more: &[&str]| {
        let line = [&words[..], &inputs, more, &["-o", "-"]].concat();
        run(line).code(0).stdout
    };
    for chunk in ["4KiB", "1MiB"] {
        let tsv = rows(&["--chunk-size", chunk]);
        assert_eq!(
            tsv,
            "a\t3000\t2-1\t1-1997\t\\N\nb,\\t\t3000\t2-3\t1-1999\t\\N\nc\t3\t\\N\t\\N\t\\N\n"
        );
    }
    assert_eq!(
        rows(&["--format", "csv", "--header", "--having", "last_v = 1-1999"]),
        "k,hits,first_v,last_v,last_v:day\n\"b,\t\",3000,2-3,1-1999,\\N\n"
    );
    let json = rows(&["--format", "jsonl", "--top", "1", "--sum", "v"]);
    assert_eq!(
        json,
        "{\"k\":\"a\",\"hits\":3000,\"sum_v\":null,\"no_number_v\":1500,\"first_v\":\"2-1\",\"last_v\":\"1-1997\",\"last_v:day\":null}\n"
    );
    let table = rows(&["--format", "table", "--having", "first_v = null"]);
    let last = table.lines().last().expect("a row");
    assert_eq!(last, "| c   |    3 | \\N      | \\N     | \\N         |");
    let line = [
        &words[..],
        &inputs,
        &["--top", "1", "--top-by", "first_v", "-o", "-"],
    ]
    .concat();
    run(line).code(2).says("--top-by first_v: no such column");
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").expect("a file");
    let line = [
        "run",
        "group-by",
        "-q",
        "--first",
        "v",
        "--distinct",
        "w",
        &empty.to_string_lossy(),
    ];
    assert_eq!(run(line).code(0).stdout, "0\t0\t\\N\n");
}
