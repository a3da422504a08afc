//! Mappers and reducers of Hadoop Streaming, against plain sort pipelines.

use super::*;
use crate::corpus;

#[test]
fn a_mapper_of_hadoop_streaming_counts_words_as_sort_and_uniq_do() {
    let folder = folder();
    few_texts(&folder.path().join("texts"));
    script(
        folder.path(),
        "map.py",
        "#!/usr/bin/env python3\nimport sys\nfor line in sys.stdin.buffer:\n    for word in \
         line.split():\n        sys.stdout.buffer.write(word + b'\\t1\\n')\n",
    );
    let out = folder.path().join("out");
    let words = [
        "--map", "./map.py", "--reduce", "sum", "texts", "-o", "out", "--piece", "64KiB",
    ];
    exec(folder.path(), &words).code(0);
    let expected = shell(
        folder.path(),
        "for f in $(find texts -type f | sort); do zcat -f $f; echo; done | \
         perl -ne 'print \"$_\\n\" for split(/[ \\t\\n\\r\\f\\x0b]+/)' | grep -a . | sort | uniq -c | \
         awk '{print $2 \"\\t\" $1}' | sha256sum",
    );
    let part = fs::read(out.join("part-00000.tsv")).expect("a part");
    fs::write(folder.path().join("got"), &part).expect("a file");
    assert_eq!(shell(folder.path(), "sha256sum < got"), expected);
}

#[test]
fn values_are_merged_as_asked_and_a_value_that_is_no_number_is_set_aside() {
    let folder = folder();
    fs::write(
        folder.path().join("in.txt"),
        "a\t3\nb\t18446744073709551615\na\t5\nb\t1\na\t3\n",
    )
    .expect("a file");
    for (how, expected) in [
        ("sum", "a\t11\nb\t18446744073709551616\n"),
        ("min", "a\t3\nb\t1\n"),
        ("max", "a\t5\nb\t18446744073709551615\n"),
        ("count", "a\t3\nb\t2\n"),
        ("distinct", "a\t2\nb\t2\n"),
    ] {
        let ended = exec(
            folder.path(),
            &["--map", "cat", "--reduce", how, "in.txt", "-o", "-"],
        );
        assert_eq!(ended.code(0).stdout, expected, "{how}");
    }
    fs::write(folder.path().join("bad.txt"), "a\t3\nb\t-1\nc\t2\n").expect("a file");
    let words = [
        "--map", "cat", "--reduce", "sum", "in.txt", "bad.txt", "-o", "out",
    ];
    exec(folder.path(), &words).code(3);
    let out = folder.path().join("out");
    assert_eq!(
        read(&out, "part-00000.tsv"),
        "a\t11\nb\t18446744073709551616\n"
    );
    let entries = quarantine(&out);
    assert_eq!(entries.len(), 1);
    let reason = entries[0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("line 2 of its output"), "{reason}");
    assert_eq!(
        (&entries[0]["records"], &entries[0]["bytes"]),
        (&3.into(), &13.into())
    );
    let sources = read(&out, "sources.jsonl");
    assert!(
        sources.contains("\"in\":3,\"mapped\":0,\"quarantined\":3"),
        "{sources}"
    );
    Ended::of(gristmill().arg("verify").arg(&out).output().expect("a run")).code(0);

    // Where the program keeps no state, the line is found that the pair came from.
    let words = [&words[..], &["--record-wise", "--force"]].concat();
    exec(folder.path(), &words).code(3);
    assert_eq!(
        read(&out, "part-00000.tsv"),
        "a\t14\nb\t18446744073709551616\nc\t2\n"
    );
    let entries = quarantine(&out);
    assert_eq!((entries.len(), &entries[0]["text"]), (1, &"b\t-1".into()));
    Ended::of(gristmill().arg("verify").arg(&out).output().expect("a run")).code(0);
}

/// The parts of an output, one after the other.
fn parts(out: &Path, partitions: usize) -> String {
    let part = |number| read(out, &format!("part-{number:05}.txt"));
    (0..partitions).map(part).collect()
}

/// A few texts, one of them compressed.
fn few_texts(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    for number in 0..4 {
        let text = corpus::prose(number, 300 + 900 * number as usize);
        fs::write(folder.join(format!("{number}.txt")), text).expect("a file");
    }
    let text = corpus::gzip(corpus::prose(9, 20_000).as_bytes());
    fs::write(folder.join("big.txt.gz"), text).expect("a file");
}

const COUNT_WORDS: &str = "#!/usr/bin/env python3
import sys
for line in sys.stdin.buffer:
    for word in line.split():
        sys.stdout.buffer.write(word + b'\\t1\\n')
";

const ADD_UP: &str = "#!/usr/bin/env python3
import sys
from itertools import groupby
pairs = (line.rstrip(b'\\n').split(b'\\t', 1) for line in sys.stdin.buffer)
for word, group in groupby(pairs, key=lambda pair: pair[0]):
    sys.stdout.buffer.write(b'%b\\t%d\\n' % (word, sum(int(count) for _, count in group)))
";

#[test]
fn a_word_count_of_hadoop_streaming_gives_what_sort_gives() {
    let folder = folder();
    few_texts(&folder.path().join("texts"));
    script(folder.path(), "map.py", COUNT_WORDS);
    script(folder.path(), "red.py", ADD_UP);
    let words = [
        "--map", "./map.py", "--reduce", "./red.py", "texts", "--piece", "64KiB", "-o",
    ];
    exec(folder.path(), &[&words[..], &["out"]].concat()).code(0);
    let combined = [&words[..], &["combined", "--combine", "./red.py"]].concat();
    exec(folder.path(), &combined).code(0);
    let spread = [
        &words[..],
        &["spread", "--partitions", "8", "--memory", "16MiB"],
    ]
    .concat();
    exec(folder.path(), &spread).code(0);
    let expected = shell(
        folder.path(),
        "for f in $(find texts -type f | sort); do zcat -f $f | ./map.py; done | sort -s -t'\t' -k1,1 | \
         ./red.py > expected; sort expected | sha256sum",
    );
    let sum = |line: &str| shell(folder.path(), line);
    assert_eq!(sum("sort < expected | sha256sum"), expected);
    assert_eq!(
        sum("sha256sum < out/part-00000.txt"),
        sum("sha256sum < expected")
    );
    assert_eq!(
        sum("sha256sum < combined/part-00000.txt"),
        sum("sha256sum < expected")
    );
    assert_eq!(sum("cat spread/part-*.txt | sort | sha256sum"), expected);
    for number in 0..8 {
        let sorted = format!(
            "sort -c -t'\t' -k1,1 spread/part-0000{number}.txt && wc -l < spread/part-0000{number}.txt"
        );
        assert_ne!(sum(&sorted), "0\n");
    }
    let verified = gristmill()
        .arg("verify")
        .arg(folder.path().join("spread"))
        .output();
    Ended::of(verified.expect("a run")).code(0);
}

/// The mapper is Perl, the reducer awk; the values of a word are its documents, in input order.
#[test]
fn an_inverted_index_lists_documents_in_input_order() {
    let folder = folder();
    few_texts(&folder.path().join("texts"));
    script(
        folder.path(),
        "map.pl",
        "#!/usr/bin/perl\nmy %seen;\nwhile (<STDIN>) { $seen{$_} = 1 for split }\n\
         print \"$_\\t$ENV{GRISTMILL_DOCUMENT}\\n\" for keys %seen;\n",
    );
    let awk = "awk -F\"\\t\" '{ if ($1 != k || NR == 1) printf \"%s%s\", (NR > 1 ? \"\\n\" : \"\"), $1; \
               k = $1; printf \"\\t%s\", $2 } END { if (NR) print \"\" }'";
    script(folder.path(), "red.sh", &format!("#!/bin/sh\n{awk}\n"));
    let words = [
        "--each",
        "document",
        "--reduce",
        "./red.sh",
        "-o",
        "out",
        "--partitions",
        "3",
        "--threads",
        "2",
        "--",
        "./map.pl",
        ":::",
        "texts",
    ];
    exec(folder.path(), &words).code(0);
    let expected = shell(
        folder.path(),
        "for f in $(find texts -type f | sort); do zcat -f $f | GRISTMILL_DOCUMENT=$f ./map.pl; done | \
         sort -s -t'\t' -k1,1 | ./red.sh | sort",
    );
    let mut lines: Vec<String> = parts(&folder.path().join("out"), 3)
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort_unstable();
    let expected: Vec<&str> = expected.lines().collect();
    assert!(expected.len() > 30, "{}", expected.len());
    assert_eq!(lines, expected);
}

/// Orders are joined with customers: a tag says which file a value is of, and each order finds its
/// customer before it because `customers` is named before `orders`.
#[test]
fn a_join_by_tagging_is_what_join_gives() {
    let folder = folder();
    let mut random = corpus::Random(11);
    let customers: String = (0..300)
        .map(|number| format!("c{number}\tname {number}\n"))
        .collect();
    let orders: String = (0..5000)
        .map(|number| format!("o{number}\tc{}\n", random.below(400)))
        .collect();
    fs::write(folder.path().join("customers"), customers).expect("a file");
    fs::write(folder.path().join("orders"), orders).expect("a file");
    script(
        folder.path(),
        "map.py",
        "#!/usr/bin/env python3\nimport os, sys\n\
         orders = os.environ['mapreduce_map_input_file'].endswith('orders')\n\
         for line in sys.stdin:\n    a, b = line.rstrip('\\n').split('\\t')\n    \
         print(f'{b}\\tO{a}' if orders else f'{a}\\tC{b}')\n",
    );
    script(
        folder.path(),
        "red.py",
        "#!/usr/bin/env python3\nimport sys\nlast = name = None\nfor line in sys.stdin:\n    \
         key, value = line.rstrip('\\n').split('\\t')\n    if key != last: last, name = key, None\n    \
         if value[0] == 'C': name = value[1:]\n    elif name: print(key, name, value[1:], sep='\\t')\n",
    );
    let words = [
        "--map",
        "./map.py",
        "--reduce",
        "./red.py",
        "--piece",
        "4KiB",
        "--partitions",
        "2",
        "-o",
        "out",
        "customers",
        "orders",
    ];
    exec(folder.path(), &words).code(0);
    let expected = shell(
        folder.path(),
        "join -t'\t' -2 2 -o 0,1.2,2.1 <(sort -t'\t' -k1,1 customers) <(sort -t'\t' -k2,2 orders) | sort",
    );
    let mut lines: Vec<String> = parts(&folder.path().join("out"), 2)
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort_unstable();
    let expected: Vec<&str> = expected.lines().collect();
    assert!(expected.len() > 3000 && lines == expected);
}

#[test]
fn a_reduce_program_that_fails_fails_the_job_with_its_stderr() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "a\t1\nb\t2\n").expect("a file");
    let failing = |reduce: &str, says: &str, code: i32| {
        let words = [
            "--shell",
            "--map",
            "cat",
            "--reduce",
            reduce,
            "in.txt",
            "-o",
            "out",
            "--timeout",
            "2",
        ];
        exec(folder.path(), &words).code(code).says(says);
        assert!(
            !folder.path().join("out/manifest.json").exists(),
            "{reduce}"
        );
    };
    failing(
        "cat > /dev/null; echo cannot >&2; exit 3",
        "failed at partition 0: exit status 3\ncannot",
        1,
    );
    failing("kill -9 $$", "killed by signal 9 (SIGKILL)", 1);
    failing("cat; sleep 100 & sleep 100", "neither read nor wrote", 1);
    failing("sleep 100 > /dev/null & cat", "left processes behind", 1);
    let words = [
        "--map",
        "cat",
        "--reduce",
        "./none.py",
        "in.txt",
        "-o",
        "out",
    ];
    exec(folder.path(), &words)
        .code(2)
        .says("no program ./none.py");
    let words = [
        "--map",
        "cat",
        "--reduce",
        "sum",
        "--combine",
        "cat",
        "in.txt",
        "-o",
        "out",
    ];
    exec(folder.path(), &words)
        .code(2)
        .says("leave --combine out");
    // A program that reads no further than it wants is no failure.
    let words = ["--map", "cat", "--reduce", "head -n 1", "in.txt", "-o", "-"];
    assert_eq!(exec(folder.path(), &words).code(0).stdout, "a\t1\n");
}

#[test]
fn a_combiner_that_fails_sets_its_piece_aside() {
    let folder = folder();
    fs::write(folder.path().join("bad.txt"), "a\t1\nb\t2\n").expect("a file");
    fs::write(folder.path().join("good.txt"), "b\t3\na\t4\nbare\n").expect("a file");
    let words = [
        "--shell",
        "--map",
        "cat",
        "--reduce",
        "cat",
        "--combine",
        "grep -v 2 && echo c",
        "bad.txt",
        "good.txt",
        "-o",
        "out",
        "--env",
        "LC_ALL=C",
    ];
    exec(folder.path(), &words).code(0);
    let out = folder.path().join("out");
    assert_eq!(
        read(&out, "part-00000.txt"),
        "a\t1\na\t4\nb\t3\nbare\t\nc\t\nc\t\n"
    );
    let words = [
        "--shell",
        "--map",
        "cat",
        "--reduce",
        "cat",
        "--combine",
        "cat; grep -q 2 in || exit 7",
        "--ship",
        "bad.txt",
        "bad.txt",
        "good.txt",
        "-o",
        "other",
    ];
    exec(folder.path(), &words).code(3);
    let entries = quarantine(&folder.path().join("other"));
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["reason"], "the combiner: exit status 7");
}

#[test]
fn a_partition_larger_than_the_memory_streams_through_its_program() {
    let folder = folder();
    let lines: String = (0..400_000_u32)
        .map(|number| format!("{:08x}\t{number}\n", number.wrapping_mul(2_654_435_761)))
        .collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    let words = [
        "--map", "cat", "--reduce", "cat", "in.txt", "-o", "out", "--memory", "16MiB",
    ];
    let ended = exec(folder.path(), &words).code(0);
    ended.says("went through temporary files");
    let same = shell(
        folder.path(),
        "sort -s -t'\t' -k1,1 in.txt | cmp - out/part-00000.txt && echo same",
    );
    assert_eq!(same, "same\n");
}

#[test]
fn a_mapper_that_wants_a_file_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "a\t1\n").expect("a file");
    for words in [
        &["--map", "cat {}"][..],
        &["--map", "cat {}", "--shell"],
        &["--map", "cat {}", "--each", "document"],
        &["--map", "cat {}", "--each", "record"],
    ] {
        let all = [words, &["--reduce", "count", "in.txt", "-o", "out"]].concat();
        exec(folder.path(), &all)
            .code(2)
            .says("--map reads standard input");
    }
}
