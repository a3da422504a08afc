//! What `produce --wait` says and writes when a job is finished.

use crate::cluster::{Cluster, text};

#[test]
fn a_report_is_written_where_the_folder_is_seen() {
    let cluster = Cluster::new();
    let input = cluster.folder.path().join("app.jsonl");
    std::fs::write(&input, "{\"level\":\"info\"}\n{\"level\":\"warn\"}\n").expect("a file");
    let _mapper = cluster.mapper();
    let _reducer = cluster.reducer();
    let words = [
        "produce", "group-by", "--parse", "json", "--by", "levl", "--job", "levels",
    ];
    let line = [&words[..], &["--wait", "--report", text(&input)]].concat();
    let ended = cluster.run(&line).code(0);
    let page = cluster.results().join("levels.report.html");
    let ended = ended.says(text(&page));
    // The same as `run` says at its end.
    let ended = ended.says("warning: no record has the field `levl`; the nearest is `level`");
    assert!(!ended.stderr.contains("no report"), "{ended:#?}");
    let html = std::fs::read_to_string(&page).expect("the page");
    assert!(html.contains("Verified"), "{html}");

    // Again: it was finished before, and the page that is there stays.
    std::fs::write(&page, "mine").expect("a file");
    let again = cluster
        .run(&line)
        .code(0)
        .says("levels was finished before");
    again.says("levels.report.html exists: --force replaces it");
    assert_eq!(std::fs::read_to_string(&page).expect("the page"), "mine");

    // Another folder of that name is not the reducer's.
    let id = cluster.results().join(".gristmill/id");
    std::fs::write(&id, "0".repeat(32)).expect("a file");
    let unseen = cluster.run(&line).code(0);
    unseen
        .says("no report: this command does not see the folder")
        .says("run `gristmill report levels` there");
    let alone = [&words[..], &["--report", text(&input)]].concat();
    cluster.run(&alone).code(2).says("--wait");
}
