//! Units that take minutes: who comes later finds some, and quick ones are taken ahead.

use std::fs;

use crate::cluster::{assert_same, text, until};
use crate::exec::Scene;

/// Says that it has begun, and waits for a file.
const WAITS: &str = "#!/bin/sh
: > \"$BEGUN/$GRISTMILL_CHUNK\"
while [ ! -e \"$GO\" ]; do sleep 0.1; done
exec cat
";

const FREE: &[&str] = &["--exec", "any", "--exec-unconfined"];

#[test]
fn a_mapper_that_has_enough_to_do_leaves_slow_units_to_others() {
    let scene = Scene::new();
    scene.program("waits.sh", WAITS);
    for number in 0..4 {
        scene.file(&format!("pages/{number}.txt"), &format!("page {number}\n"));
    }
    let begun = scene.cluster.folder.path().join("begun");
    fs::create_dir(&begun).expect("a folder");
    let at_work = || fs::read_dir(&begun).expect("a folder").count();
    let go = scene.cluster.folder.path().join("go");
    let (begin, end) = (
        format!("BEGUN={}", begun.display()),
        format!("GO={}", go.display()),
    );
    let pages = scene.desk.join("pages");
    let words = ["--each", "document", "--max-document", "12MiB"];
    let more = ["--env", &begin, "--env", &end, "--"];
    let words = [&words[..], &more, &["./waits.sh", ":::", text(&pages)]].concat();
    let _reducer = scene.reducer();
    let _first = scene.mapper(FREE);
    scene.produce("job", &words).code(0);
    until("both of its threads are at work", || at_work() == 2);
    let _second = scene.mapper(FREE);
    until("the other mapper has the rest", || at_work() == 4);
    fs::write(&go, "").expect("a file");
    until("the job is done", || {
        scene.cluster.results().join("job/manifest.json").exists()
    });
    assert_same(&scene.cluster.job("job"), &scene.expected(&words), "pages");
    scene.cluster.until_clean();
}

#[test]
fn quick_units_are_taken_ahead() {
    let scene = Scene::new();
    let mut mapper = scene.mapper(&["--exec", "any"]);
    let _reducer = scene.reducer();
    let filter = [
        "--each", "chunk", "--piece", "4KiB", "--", "cat", ":::", "in",
    ];
    scene.same("job", &filter);
    mapper.until_says("subscribed job=job prefetch=2");
    mapper.until_says("subscribed job=job prefetch=16");
}
