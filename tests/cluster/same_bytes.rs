//! I6 over a broker: the same bytes as `gristmill run`, however many mappers, reducers, partitions.

use crate::cluster::{Cluster, assert_same, expected, text};
use crate::{columns, corpus};

/// Every kind, with what it runs on.
const KINDS: &[(&[&str], bool)] = &[
    (&["word-count"], false),
    (&["word-count", "--words", "ascii", "--top", "7"], false),
    (&["grep", "-n", "-H", "robots|50[0-9]"], true),
    (&["grep", "-c", "GET"], true),
    (
        &["access-log", "--by", "status", "--distinct", "host"],
        true,
    ),
    (&["access-log", "--by", "path,status", "--top", "5"], true),
    (&["wc"], false),
    (&["extract"], false),
    (&["pos"], false),
];

/// The kind with the most ways to merge, on JSON lines and on documents with headers.
const GROUP_BY: &[(&[&str], bool)] = &[
    (
        &[
            "group-by",
            "--by",
            "level,user",
            "--sum",
            "bytes,took",
            "--min",
            "took",
            "--max",
            "bytes",
            "--avg",
            "took",
            "--distinct",
            "status",
            "--quantiles",
            "took:0.5,0.99",
            "--first",
            "ts",
            "--last",
            "ts,request.host",
            "--having",
            "hits > 1",
        ],
        true,
    ),
    (
        &[
            "group-by",
            "--parse",
            "csv",
            "--by",
            "country,name",
            "--sum",
            "amount",
        ],
        true,
    ),
    (
        &[
            "group-by",
            "--parse",
            "w3c",
            "--by",
            "cs-uri-stem",
            "--max",
            "time-taken",
        ],
        true,
    ),
];

fn matrix(mappers: usize, reducers: usize) {
    matrix_of(KINDS, mappers, reducers);
}

fn matrix_of(kinds: &[(&[&str], bool)], mappers: usize, reducers: usize) {
    let cluster = Cluster::new();
    let logs = cluster.folder.path().join("logs");
    let texts = cluster.folder.path().join("texts");
    corpus::logs(&logs);
    corpus::texts(&texts);
    let json = cluster.folder.path().join("json");
    corpus::json_logs(&json);
    let csv = cluster.folder.path().join("csv");
    columns::folder(&csv, "csv");
    let w3c = cluster.folder.path().join("w3c");
    columns::folder(&w3c, "w3c");
    let _mappers: Vec<_> = (0..mappers).map(|_| cluster.mapper()).collect();
    let _reducers: Vec<_> = (0..reducers).map(|_| cluster.reducer()).collect();
    for (number, (words, on_logs)) in kinds.iter().enumerate() {
        let input = match (words[0], on_logs) {
            ("group-by", _) if words.contains(&"csv") => &csv,
            ("group-by", _) if words.contains(&"w3c") => &w3c,
            ("group-by", _) => &json,
            (_, true) => &logs,
            (_, false) => &texts,
        };
        for partitions in ["1", "3"] {
            let mut words = words.to_vec();
            words.extend(["--partitions", partitions]);
            let name = format!("job-{number}-{partitions}");
            let expected = expected(&words, input);
            let mut line = vec!["produce"];
            line.extend(&words);
            line.extend([text(input), "--job", &name, "--wait"]);
            line.extend(["--chunk-size", "16KiB", "--allow-quarantine", "100%"]);
            let ended = cluster.run(&line).code(0);
            assert_eq!(ended.stdout.trim(), name);
            assert_same(
                &cluster.job(&name),
                &expected,
                &format!("{words:?}, {mappers} mappers, {reducers} reducers"),
            );
        }
    }
    cluster.until_clean();
}

#[test]
fn i6_one_mapper_one_reducer() {
    matrix(1, 1);
}

#[test]
fn i6_group_by() {
    matrix_of(GROUP_BY, 2, 2);
}

#[test]
fn i6_three_mappers_two_reducers() {
    matrix(3, 2);
}

#[test]
fn i6_three_mappers_one_reducer() {
    matrix(3, 1);
}

#[test]
fn i6_one_mapper_two_reducers() {
    matrix(1, 2);
}
