//! `reporter:` lines of Hadoop Streaming, and what functions and workers count.

use super::*;

/// The counters in an output's manifest.
fn counters(out: &Path) -> serde_json::Value {
    let manifest: serde_json::Value =
        serde_json::from_str(&read(out, "manifest.json")).expect("JSON");
    manifest["counters"].clone()
}

#[test]
fn what_mappers_combiners_and_reducers_count_is_summed_and_what_fails_is_not() {
    let folder = folder();
    let lines: String = (0..2000).map(|number| format!("{number:07}\n")).collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    let map = "awk '{ print $1 % 7 \"\\t1\"; printf \"reporter:counter:words,read,1\\n\" > \"/dev/stderr\" } \
               /0001500/ { exit 5 }'";
    let reduce = "echo reporter:counter:reduce,runs,1 >&2; cut -f1 | uniq -c";
    let combine = "echo reporter:counter:combine,runs,1 >&2; echo a word >&2; cat";
    let words = [
        "--shell",
        "--map",
        map,
        "--reduce",
        reduce,
        "--combine",
        combine,
        "--piece",
        "4KiB",
        "in.txt",
        "-o",
        "out",
        "--partitions",
        "3",
    ];
    let ended = exec(folder.path(), &words).code(3);
    // Four pieces of 512 lines, the third of which fails.
    ended.says("words: read").says("1,488  words");
    let out = folder.path().join("out");
    let expected = serde_json::json!({
        "combine": {"runs": 3}, "reduce": {"runs": 3}, "words": {"read": 1488},
    });
    assert_eq!(counters(&out), expected);
    let entries = quarantine(&out);
    assert_eq!(
        (entries.len(), &entries[0]["stderr"]),
        (1, &serde_json::Value::Null)
    );
    Ended::of(gristmill().arg("verify").arg(&out).output().expect("a run")).code(0);
}

#[test]
fn what_a_function_counts_is_counted_once_though_its_worker_is_killed() {
    let folder = folder();
    let lines: String = (0..3000).map(|number| format!("{number}\n")).collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    fs::write(
        folder.path().join("f.py"),
        "import gristmill, os\n\
         def f(text):\n    gristmill.count('seen')\n    gristmill.count('odd', int(text) % 2, group='kinds')\n    \
         if text in ('700', '2100'): os._exit(3)\n",
    )
    .expect("a file");
    for threads in ["1", "2"] {
        let words = [
            "--python",
            "f.py:f",
            "in.txt",
            "-o",
            threads,
            "--threads",
            threads,
            "--chunk-size",
            "4KiB",
        ];
        exec(folder.path(), &words).code(3);
        let out = folder.path().join(threads);
        assert_eq!(quarantine(&out).len(), 2);
        let expected = serde_json::json!({"user": {"seen": 2998}, "kinds": {"odd": 1500}});
        assert_eq!(counters(&out), expected);
    }
}

#[test]
fn a_job_that_counts_under_too_many_names_fails() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "x\n").expect("a file");
    let line = "seq 1001 | sed 's/.*/reporter:counter:g,&,1/' >&2";
    let words = [
        "--each", "document", "--shell", "-o", "out", "--", line, ":::", "in.txt",
    ];
    exec(folder.path(), &words)
        .code(1)
        .says("more than 1000 names");
}

#[test]
fn a_program_that_tells_its_status_is_not_timed_out() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "x\n").expect("a file");
    let telling = "for i in 1 2 3 4 5 6; do echo reporter:status:step $i >&2; sleep 0.5; done; cat";
    let words = |line, aside| {
        [
            "--each",
            "document",
            "--shell",
            "--timeout",
            "2",
            "-o",
            "-",
            "--quarantine",
            aside,
            "--",
            line,
            ":::",
            "in.txt",
        ]
    };
    assert_eq!(
        exec(folder.path(), &words(telling, "none")).code(0).stdout,
        "x\n"
    );
    let silent = "echo reporter:status:begun >&2; sleep 60; cat";
    exec(folder.path(), &words(silent, "aside")).code(3);
    let aside = read(folder.path(), "aside");
    assert!(
        aside.contains("killed after 2 s") && aside.contains("reporter:status:begun"),
        "{aside}"
    );
}

#[test]
fn what_a_function_counted_for_a_record_that_failed_is_not_counted() {
    let folder = folder();
    let lines: String = (0..5000).map(|number| format!("{number}\n")).collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    fs::write(
        folder.path().join("f.py"),
        "import gristmill\n\
         def setup():\n    gristmill.count('setup')\n\
         def f(text):\n    gristmill.count('seen')\n    if text == '7': raise KeyError(text)\n    \
         if text == '9': return ['a\\nb', None]\n    return '\\ud800' if text == '8' else text\n\
         def total(key, values):\n    gristmill.count('keys')\n    print(key, end='')\n    \
         return key\n",
    )
    .expect("a file");
    for out in ["lines", "json"] {
        let words = ["--python", "f.py:f", "in.txt", "--out", out, "-o", out];
        exec(folder.path(), &words).code(3);
        let out = folder.path().join(out);
        assert_eq!(quarantine(&out).len(), 2);
        assert_eq!(
            counters(&out),
            serde_json::json!({"user": {"seen": 4998}}),
            "{out:?}"
        );
    }
    let words = [
        "--map",
        "cat",
        "--reduce",
        "f.py:total",
        "in.txt",
        "-o",
        "reduced",
    ];
    exec(folder.path(), &words).code(0);
    let expected = serde_json::json!({"user": {"keys": 5000}});
    assert_eq!(counters(&folder.path().join("reduced")), expected);
}

#[test]
fn a_counter_whose_names_fit_no_line_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "1\n2\n3\n4\n").expect("a file");
    fs::write(
        folder.path().join("f.py"),
        "import gristmill\n\
         def f(text):\n    if text == '1': gristmill.count('n', group='a,b')\n    \
         if text == '2': gristmill.count('n', group='a\\nb')\n    \
         if text == '3': gristmill.count('n\\nm')\n    \
         if text == '4': gristmill.count('n,m')\n",
    )
    .expect("a file");
    exec(
        folder.path(),
        &["--python", "f.py:f", "in.txt", "-o", "out"],
    )
    .code(3);
    let out = folder.path().join("out");
    assert_eq!(quarantine(&out).len(), 3);
    assert_eq!(counters(&out), serde_json::json!({"user": {"n,m": 1}}));
}

#[test]
fn a_workers_reporter_lines_stay_in_its_stderr() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "x\n").expect("a file");
    fs::write(
        folder.path().join("f.py"),
        "import sys\ndef f(text):\n    print('reporter:counter:g,n,1', file=sys.stderr)\n    return text\n",
    )
    .expect("a file");
    let words = ["--python", "f.py:f", "--try", "1", "in.txt"];
    exec(folder.path(), &words)
        .code(0)
        .says("reporter:counter:g,n,1\n");
}
