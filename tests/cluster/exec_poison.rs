//! Programs that end the mapper together with themselves, as the kernel does with a container that
//! is out of memory: the chunk is found by what came back, set aside, and can be tried again.

use std::os::unix::process::ExitStatusExt;

use crate::cluster::{Role, assert_same, text, until};
use crate::exec::Scene;
use crate::exec_reduce::reducer;

/// Kills its worker (the parent of its keeper) at a text, unless a file is there.
const DEADLY: &str = "#!/bin/sh
text=$(cat)
case $text in
*deadly*) [ -e \"$CURED\" ] || kill -9 $(cut -d' ' -f4 /proc/$PPID/stat) ;;
esac
echo \"$text\" | tr a-z A-Z
";

/// Programs that are confined cannot signal their worker where the kernel forbids it.
const FREE: &[&str] = &["--exec", "any", "--exec-unconfined"];

/// Keeps one worker alive until a producer has ended; the last one, and how the others died.
fn keep_alive(worker: impl Fn() -> Role, producer: &mut Role) -> (Role, Vec<Option<i32>>) {
    let mut alive = worker();
    let mut deaths = Vec::new();
    until("the job is done", || {
        if let Some(status) = alive.child.try_wait().expect("a child") {
            deaths.push(status.signal());
            alive = worker();
        }
        producer.child.try_wait().expect("a child").is_some()
    });
    (alive, deaths)
}

#[test]
fn a_chunk_that_ends_its_mapper_is_skipped_and_can_be_replayed() {
    let scene = Scene::new();
    scene.program("deadly.sh", DEADLY);
    for number in 0..8 {
        let text = match number {
            2 => "one deadly line\n".into(),
            _ => format!("line {number}\n"),
        };
        scene.file(&format!("pages/{number}.txt"), &text);
    }
    let cured = scene.cluster.folder.path().join("cured");
    let pages = scene.desk.join("pages");
    let variable = format!("CURED={}", cured.display());
    let words = [
        "--each",
        "document",
        "--max-document",
        "12MiB",
        "--env",
        &variable,
        "--",
        "./deadly.sh",
        ":::",
        text(&pages),
    ];
    let _reducer = scene.cluster.reducer();
    let mut line = scene
        .cluster
        .command(&["produce", "exec", "--job", "job", "--wait"]);
    line.current_dir(&scene.desk).args(words);
    let mut producer = scene.cluster.start("produce", &mut line);
    let (alive, deaths) = keep_alive(|| scene.mapper(FREE), &mut producer);
    // The deliveries of an ordinary chunk, and those of a suspect.
    assert_eq!(deaths, [Some(9); 7]);
    producer.ended().code(3).says("could not be run at all");
    let said = alive.said();
    assert!(
        said.contains("the chunk is skipped: its chunk cannot be run: 3 times"),
        "{said}"
    );
    let found = scene.cluster.job("job");
    let part = String::from_utf8_lossy(&found["part-00000.txt"]);
    let others = "LINE 0\nLINE 1\nLINE 3\nLINE 4\nLINE 5\nLINE 6\nLINE 7\n";
    assert_eq!(part, others, "its neighbours");
    let set_aside = String::from_utf8_lossy(&found["quarantine.jsonl"]);
    assert_eq!(set_aside.lines().count(), 1, "{set_aside}");
    for part in ["pages/2.txt", "one deadly line", "it ran no other program"] {
        assert!(set_aside.contains(part), "{part}: {set_aside}");
    }
    let output = scene.cluster.results().join("job");
    crate::gristmill::run(["verify".as_ref(), output.as_path(), &pages]).code(0);

    std::fs::write(&cured, "").expect("a file");
    scene
        .cluster
        .run(&["replay", "job"])
        .code(0)
        .says("tried again");
    until("the job is finished again", || {
        let status = scene.cluster.run(&["status", "job", "--json"]).code(0);
        status.stdout.contains("\"skipped_chunks\":0")
    });
    assert_same(
        &scene.cluster.job("job"),
        &scene.expected(&words),
        "replayed",
    );
    scene.cluster.until_clean();
}

#[test]
fn a_reduce_program_that_ends_its_reducer_fails_its_job_and_no_other() {
    let scene = Scene::new();
    scene.program("deadly.sh", DEADLY);
    let _mapper = scene.mapper(&["--exec", "any"]);
    let mut line = scene
        .cluster
        .command(&["produce", "exec", "--job", "job", "--wait"]);
    let words = ["--partitions", "2", "--map", "sed s/^/deadly/", "--reduce"];
    line.current_dir(&scene.desk).args(words);
    line.args(["./deadly.sh", "--env", "CURED=/nowhere", "in"]);
    let mut producer = scene.cluster.start("produce", &mut line);
    let (_alive, deaths) = keep_alive(|| reducer(&scene, FREE), &mut producer);
    assert!((7..=14).contains(&deaths.len()), "{deaths:?}");
    assert!(deaths.iter().all(|signal| *signal == Some(9)), "{deaths:?}");
    producer
        .ended()
        .code(1)
        .says("the reduce program `./deadly.sh` failed at partition ")
        .says(
            "7 times its reducer, or its keeper there, ended while it ran, the last 3 while no other",
        );
    // Its reducer goes on with others.
    let words = ["--map", "./map.py", "--reduce", "cat", "in"];
    scene.same("other", &words);
    scene.cluster.run(&["cancel", "job"]).code(0);
    scene.cluster.until_clean();
}

/// Kills its worker when it is made ready, unless a file is there.
const DEADLY_START: &str = "
import os, signal

if not os.path.exists(os.environ['CURED']):
    with open('/proc/%d/stat' % os.getppid()) as stat:
        os.kill(int(stat.read().split(') ')[1].split()[1]), signal.SIGKILL)
    signal.pause()

def f(text):
    return [(text[:1], 1)]

def total(key, values):
    return key, sum(map(int, values))
";

/// Keeps one worker alive until one of them says something; that one, and how the others died.
fn keep_alive_until(worker: impl Fn() -> Role, says: &str) -> (Role, Vec<Option<i32>>) {
    let mut alive = worker();
    let mut deaths = Vec::new();
    until(says, || {
        if let Some(status) = alive.child.try_wait().expect("a child") {
            deaths.push(status.signal());
            alive = worker();
        }
        alive.said().contains(says)
    });
    (alive, deaths)
}

#[test]
fn a_program_that_ends_its_mapper_when_it_is_made_ready_is_left_alone_until_a_mapper_ended_in_order()
 {
    let scene = Scene::new();
    scene.file("deadly.py", DEADLY_START);
    let cured = scene.cluster.folder.path().join("cured");
    let variable = format!("CURED={}", cured.display());
    let words = ["--python", "deadly.py:f", "--env", &variable];
    let words = [&words[..], &["--reduce", "sum", "in"]].concat();
    let _reducer = scene.cluster.reducer();
    scene.produce("job", &words).code(0);
    let given_up = "left alone: 7 times this mapper ended while it made the program ready";
    let (alive, deaths) = keep_alive_until(|| scene.mapper(FREE), given_up);
    assert_eq!(deaths, [Some(9); 7]);
    scene.until_status("job", "1 of 1 mappers: 7 times this mapper ended");
    // It goes on with others.
    scene.same("other", &["--code", "line[::-1]", "in"]);
    std::fs::write(&cured, "").expect("a file");
    alive.stop();
    let _next = scene.mapper(FREE);
    until("the job is done", || {
        scene.cluster.results().join("job/manifest.json").exists()
    });
    assert_same(&scene.cluster.job("job"), &scene.expected(&words), "cured");
    scene.cluster.until_clean();
}

#[test]
fn a_reduce_program_that_ends_its_reducer_when_it_is_made_ready_is_left_alone() {
    let scene = Scene::new();
    scene.file("deadly.py", DEADLY_START);
    let words = ["--map", "./map.py", "--reduce", "deadly.py:total"];
    let words = [&words[..], &["--env", "CURED=/nowhere", "in"]].concat();
    scene.produce("job", &words).code(0);
    let given_up = "left alone: 7 times a reducer of this folder ended";
    let (_alive, deaths) = keep_alive_until(|| reducer(&scene, FREE), given_up);
    assert_eq!(deaths, [Some(9); 7]);
    scene.until_status("job", "1 of 1 reducers: 7 times a reducer of this folder");
    scene.cluster.run(&["cancel", "job"]).code(0);
    scene.cluster.until_clean();
}
