//! Python functions: what they get, what becomes of what they return.

use super::*;

#[test]
fn a_python_function_gets_each_line_and_its_results_are_written() {
    let folder = folder();
    fs::write(
        folder.path().join("tag.py"),
        r#"
import gristmill

def setup():
    global mark
    mark = "<"
    print("a stray line")

def tag(text):
    if text == "bad":
        raise ValueError("no good")
    return {
        "none": None,
        "dict": {"b": [1, 2], "a": "ä"},
        "list": ["one", b"two", None, {"k": 1}],
        "generator": (c for c in "ab"),
        "empty": "",
        "lines": "x\ny",
        "number": 42,
        "nan": {"n": float("nan")},
        "name": gristmill.document.rsplit("/", 1)[-1],
    }.get(text, mark + text.upper() + ">")
"#,
    )
    .expect("a file");
    fs::create_dir(folder.path().join("in")).expect("a folder");
    fs::write(
        folder.path().join("in/a.txt"),
        b"\xEF\xBB\xBFfirst\r\nnone\ndict\nlist\nbad\ngenerator\nempty\nlines\nnumber\nname\nnan\nnot \xFF utf-8",
    )
    .expect("a file");
    let ended = exec(
        folder.path(),
        &["--python", "tag.py:tag", "in", "-o", "out"],
    );
    ended.code(3).says("2 records (16.67 %) set aside");
    let out = folder.path().join("out");
    let expected: &[u8] =
        b"<FIRST>\n{\"a\":\"\xC3\xA4\",\"b\":[1,2]}\none\ntwo\n{\"k\":1}\na\nb\n\nx\ny\n42\n\
          a.txt\n<NOT \xFF UTF-8>\n";
    let part = fs::read(out.join("part-00000.txt")).expect("a part");
    assert_eq!(
        String::from_utf8_lossy(&part),
        String::from_utf8_lossy(expected)
    );
    let entries = quarantine(&out);
    assert_eq!(entries.len(), 2);
    // Which is no JSON.
    assert_eq!(entries[1]["text"], "nan");
    assert_eq!(entries[0]["offset"], 25);
    assert_eq!(entries[0]["reason"], "ValueError: no good");
    assert_eq!(entries[0]["text"], "bad");
    let trace = entries[0]["stderr"].as_str().expect("a traceback");
    assert!(trace.contains("tag.py\", line 11, in tag"), "{trace}");
    assert!(!trace.contains("gristmill_worker"), "{trace}");
}

#[test]
fn what_is_no_json_is_set_aside_with_what_json_says_of_it() {
    let folder = folder();
    fs::write(
        folder.path().join("f.py"),
        r#"
itself = {}
itself["n"] = [itself]
VALUES = {"nan": float("nan"), "set": {1}, "itself": itself, "number": 1.5, "tuple": ("ä", None)}

def f(text):
    return {"n": VALUES[text], "a": True}
"#,
    )
    .expect("a file");
    let names = "nan\nnumber\nset\nitself\ntuple\n";
    fs::write(folder.path().join("in.txt"), names).expect("a file");
    let words = ["--python", "f.py:f", "in.txt", "-o", "out"];
    exec(folder.path(), &words).code(3);
    let out = folder.path().join("out");
    let results = "{\"a\":true,\"n\":1.5}\n{\"a\":true,\"n\":[\"ä\",null]}\n";
    assert_eq!(read(&out, "part-00000.txt"), results);
    let entries = quarantine(&out);
    assert_eq!(entries.len(), 3);
    let expected = [
        "ValueError: Out of range float values are not JSON compliant",
        "TypeError: Object of type set is not JSON serializable",
        "ValueError: Circular reference detected",
    ];
    for (entry, expected) in entries.iter().zip(expected) {
        let reason = entry["reason"].as_str().expect("a reason");
        assert!(reason.starts_with(expected), "{entry}");
        let trace = entry["stderr"].as_str().expect("a traceback");
        assert!(!trace.contains("During handling"), "{trace}");
    }
}

const WORDS: &str = "
import gristmill

def pairs(text):
    if 'BAD' in text: return [('fine', 1), 'not a pair']
    if 'LIST' in text: return ['a', 'b']
    gristmill.count('lines')
    return ((word, len(word)) for word in text.split())

def total(word, lengths):
    gristmill.count('words')
    if word == 'c\\u00e4t': return None
    return word, sum(map(int, lengths))

def fails(word, lengths):
    raise KeyError(word)
";

#[test]
fn pairs_of_functions_are_reduced_as_those_of_mappers_are() {
    let folder = folder();
    fs::write(folder.path().join("words.py"), WORDS).expect("a file");
    let text = "a b\u{e4}d a\nBAD\nc\u{e4}t dog\nLIST\n\nlongest a dog\n";
    fs::write(folder.path().join("in.txt"), text).expect("a file");
    let reduced = |how: &str| {
        let words = [
            "--python",
            "words.py:pairs",
            "--reduce",
            how,
            "in.txt",
            "-o",
            "-",
            "--allow-quarantine",
            "2",
        ];
        exec(folder.path(), &words).code(0).stdout
    };
    assert_eq!(
        reduced("sum"),
        "a\t3\nb\u{e4}d\t3\nc\u{e4}t\t3\ndog\t6\nlongest\t7\n"
    );
    assert_eq!(
        reduced("count"),
        "a\t3\nb\u{e4}d\t1\nc\u{e4}t\t1\ndog\t2\nlongest\t1\n"
    );
    assert_eq!(
        reduced("distinct"),
        "a\t1\nb\u{e4}d\t1\nc\u{e4}t\t1\ndog\t1\nlongest\t1\n"
    );
    assert_eq!(
        reduced("words.py:total"),
        "a\t3\nb\u{e4}d\t3\ndog\t6\nlongest\t7\n"
    );
    assert_eq!(
        reduced("cat"),
        "a\t1\na\t1\na\t1\nb\u{e4}d\t3\nc\u{e4}t\t3\ndog\t3\ndog\t3\nlongest\t7\n"
    );
    let words = [
        "--map",
        "words.py:pairs",
        "--reduce",
        "words.py:total",
        "in.txt",
        "-o",
        "out",
    ];
    exec(folder.path(), &words).code(3);
    let out = folder.path().join("out");
    let entries = quarantine(&out);
    assert_eq!(entries.len(), 2);
    assert_eq!(
        entries[0]["reason"],
        "TypeError: with --reduce a result is (key, value), not 'not a pair'"
    );
    let manifest = read(&out, "manifest.json");
    assert!(
        manifest.contains("\"lines\": 4") && manifest.contains("\"words\": 5"),
        "{manifest}"
    );
}

#[test]
fn a_reduce_function_that_fails_or_is_not_there_is_told() {
    let folder = folder();
    fs::write(folder.path().join("words.py"), WORDS).expect("a file");
    fs::write(folder.path().join("in.txt"), "a b\u{e4}d a\n").expect("a file");
    let fails = |how: &str, code: i32, says: &str| {
        let words = [
            "--python",
            "words.py:pairs",
            "--reduce",
            how,
            "in.txt",
            "-o",
            "no",
        ];
        exec(folder.path(), &words).code(code).says(says);
    };
    fails(
        "words.py:fails",
        1,
        "in fails\n    raise KeyError(word)\nKeyError: 'a'",
    );
    fails("words.py:none", 2, "has no attribute 'none'");
    fails("words.py:__name__", 2, "__name__ is not a function but str");
    fails("none.py:none", 2, "none.py: no such file");
}

#[test]
fn a_function_that_raises_has_failed_whatever_ok_exit_says() {
    let folder = folder();
    fs::write(folder.path().join("words.py"), WORDS).expect("a file");
    fs::write(folder.path().join("in.txt"), "a\nb\n").expect("a file");
    let reduced = |words: &[&str]| {
        let all = [
            &["--ok-exit", "0,1", "--map", "cat", "in.txt", "-o", "out"],
            words,
        ];
        exec(folder.path(), &all.concat())
    };
    reduced(&["--reduce", "words.py:fails"])
        .code(1)
        .says("KeyError: 'a'");
    assert!(!folder.path().join("out/manifest.json").exists());
    reduced(&["--reduce", "cat", "--combine", "words.py:fails"]).code(3);
    let entries = quarantine(&folder.path().join("out"));
    assert_eq!(entries[0]["reason"], "the combiner: exit status 1");
}

#[test]
fn tuples_of_a_reducer_are_their_parts_with_tabs() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "b\t2\na\t1\na\t3\n").expect("a file");
    fs::write(
        folder.path().join("f.py"),
        "def each(key, values):\n    for value in values: yield key, value, 1\n\
         def listed(key, values):\n    return [(key, len(list(values))), None, {'k': key}, 'text']\n\
         def one(key, values):\n    return key, 1.5, None\n",
    )
    .expect("a file");
    let reduced = |function: &str| {
        let words = ["--map", "cat", "--reduce", function, "in.txt", "-o", "-"];
        exec(folder.path(), &words).code(0).stdout
    };
    assert_eq!(reduced("f.py:each"), "a\t1\t1\na\t3\t1\nb\t2\t1\n");
    assert_eq!(
        reduced("f.py:listed"),
        "a\t2\n{\"k\":\"a\"}\ntext\nb\t1\n{\"k\":\"b\"}\ntext\n"
    );
    assert_eq!(reduced("f.py:one"), "a\t1.5\tnull\nb\t1.5\tnull\n");
}

#[test]
fn numbers_that_do_not_fit_set_their_record_aside() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "1\n-2\n3\n1.5\n").expect("a file");
    let words = [
        "--code",
        "[('all', json.loads(line)), ('seen', 1)]",
        "--reduce",
        "sum",
        "in.txt",
        "-o",
        "out",
    ];
    exec(folder.path(), &words).code(3);
    let out = folder.path().join("out");
    assert_eq!(read(&out, "part-00000.tsv"), "all\t4\nseen\t2\n");
    let reason = "its value `-2` is no whole number from 0 to 2^64 - 1";
    assert_eq!(quarantine(&out)[0]["reason"], reason);
}

#[test]
fn an_expression_is_a_function_of_the_line() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "b 2\na 1\n\nb 3\n").expect("a file");
    let shown = |words: &[&str]| {
        let words = [words, &["in.txt", "-o", "-"]].concat();
        exec(folder.path(), &words).code(0).stdout
    };
    assert_eq!(shown(&["--code", "line.upper()"]), "B 2\nA 1\n\nB 3\n");
    assert_eq!(
        shown(&["--code", "re.findall(r'\\d', line) # digits"]),
        "2\n1\n3\n"
    );
    let first = [
        "--code",
        "(line.split()[0], 1) if line else None",
        "--reduce",
        "count",
    ];
    assert_eq!(shown(&first), "a\t1\nb\t2\n");
    let wrong = |code: &str, says: &str| {
        exec(folder.path(), &["--code", code, "in.txt", "-o", "out"])
            .code(2)
            .says(says);
    };
    wrong("line.(", "SyntaxError");
    exec(
        folder.path(),
        &["--code", "line", "--python", "a:b", "in.txt"],
    )
    .code(2)
    .says("not several");
}

/// A record at which the worker hangs costs one time-out, as long as the interpreter lets the
/// worker say where it is. A regular expression without end does not: then it costs two.
#[test]
fn a_record_that_hangs_costs_one_time_out() {
    let folder = folder();
    let lines: String = (0..3000)
        .map(|number| match number {
            1500 => "hang\n".into(),
            2200 => format!("{}b\n", "a".repeat(60)),
            number => format!("{number}\n"),
        })
        .collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    fs::write(
        folder.path().join("f.py"),
        "import os, re, time\n\
         print('started', file=open(os.environ['STARTS'], 'a'))\n\
         def f(text):\n    while text == 'hang': time.sleep(1)\n    re.match('(a+)+$', text)\n    return text\n",
    )
    .expect("a file");
    let starts = format!("STARTS={}", folder.path().join("starts").display());
    let began = std::time::Instant::now();
    let words = [
        "--python",
        "f.py:f",
        "--timeout",
        "4",
        "--threads",
        "1",
        "in.txt",
        "-o",
        "out",
        "--env",
        &starts,
    ];
    exec(folder.path(), &words).code(3);
    let took = began.elapsed().as_secs();
    let out = folder.path().join("out");
    let entries = quarantine(&out);
    let samples: Vec<_> = entries.iter().map(|entry| entry["text"].as_str()).collect();
    assert_eq!((samples.len(), samples[0]), (2, Some("hang")));
    assert!(samples[1].expect("text").starts_with("aaaa"));
    for entry in &entries {
        assert_eq!(entry["reason"], "killed after 4 s (--timeout)");
    }
    assert_eq!(read(&out, "part-00000.txt").lines().count(), 2998);
    // The first, one anew after each of the three time-outs.
    assert_eq!(
        read(folder.path(), "starts").lines().count(),
        4,
        "in {took} s"
    );
}

#[test]
fn a_small_job_is_cut_so_that_all_workers_have_something_to_do_until_the_end() {
    let folder = folder();
    let lines: String = (0..16_000).map(|number| format!("{number:07}\n")).collect();
    fs::write(folder.path().join("in.txt"), &lines).expect("a file");
    fs::write(
        folder.path().join("f.py"),
        "import os\n\ndef f(text):\n    return '%d %s' % (os.getpid(), text)\n",
    )
    .expect("a file");
    let run = |more: &[&str]| {
        let words = [
            &["--python", "f.py:f", "--threads", "1", "-o", "-", "in.txt"],
            // A process for each chunk.
            &["--recycle", "1"][..],
            more,
        ];
        let shown = exec(folder.path(), &words.concat()).code(0).stdout;
        let (mut pids, texts): (Vec<_>, Vec<_>) = (shown
            .lines()
            .map(|line| line.split_once(' ').expect("two words")))
        .unzip();
        assert_eq!(texts.join("\n") + "\n", lines);
        pids.dedup();
        pids.len()
    };
    // 125 KiB are one chunk of the usual size.
    assert_eq!(run(&["--chunk-size", "128KiB"]), 1);
    assert_eq!(run(&[]), 16);
}

#[test]
fn a_worker_that_grows_is_replaced() {
    let folder = folder();
    let lines: String = (0..4000).map(|number| format!("{number}\n")).collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    fs::write(
        folder.path().join("f.py"),
        "import os\nkept = []\n\ndef f(text):\n    kept.append(b'x' * (2 << 20) if int(text) % 100 == 0 else b'')\n    \
         return os.getpid()\n",
    )
    .expect("a file");
    let processes = |recycle: &[&str]| {
        let words = [
            &[
                "--python",
                "f.py:f",
                "--threads",
                "1",
                "--chunk-size",
                "4KiB",
                "-o",
                "-",
                "in.txt",
            ],
            recycle,
        ];
        let shown = exec(folder.path(), &words.concat()).code(0).stdout;
        let mut pids: Vec<&str> = shown.lines().collect();
        assert_eq!(pids.len(), 4000);
        pids.dedup();
        pids.len()
    };
    assert_eq!(processes(&[]), 1);
    assert!(processes(&["--recycle", "40MiB"]) > 1);
    assert!(processes(&["--recycle", "1000"]) > 2);
    exec(
        folder.path(),
        &["--python", "f.py:f", "--recycle", "0", "in.txt"],
    )
    .code(2)
    .says("neither a number of units nor a size");
}
