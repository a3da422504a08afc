//! Reduce programs of the user over a broker: the same bytes as `gristmill run exec`, only where
//! they may run, and ended with their job.

use std::fs;

use crate::cluster::{Role, assert_same, text, until};
use crate::exec::{Scene, sleepers};

/// Sums the values of each key; a file that is shipped must be there.
const SUM: &str = "#!/usr/bin/env python3
import itertools, sys
open('mark.txt').close()
pairs = (line.rstrip('\\n').split('\\t') for line in sys.stdin)
for key, group in itertools.groupby(pairs, key=lambda pair: pair[0]):
    print(key, sum(int(value) for _, value in group), sep='\\t')
print('reporter:counter:sums,runs,1', file=sys.stderr)
";

const COUNT: &[&str] = &[
    "--map",
    "./map.py",
    "--reduce",
    "./sum.py",
    "--combine",
    "./sum.py",
    "--ship",
    "mark.txt",
    "--piece",
    "64KiB",
    "--partitions",
    "3",
    "in",
];

/// A reducer in a folder where nothing is.
pub(crate) fn reducer(scene: &Scene, words: &[&str]) -> Role {
    let results = scene.cluster.results();
    let mut all = vec!["reduce", "-o", text(&results)];
    all.extend(words);
    let nowhere = scene.cluster.folder.path().join("nowhere");
    fs::create_dir_all(&nowhere).expect("a folder");
    let mut command = scene.cluster.command(&all);
    scene.cluster.start("reduce", command.current_dir(nowhere))
}

#[test]
fn i6_reduce_programs_give_the_same_bytes_over_a_broker_where_they_may_run() {
    let scene = Scene::new();
    scene.program("sum.py", SUM);
    scene.file(
        "words.py",
        "def words(text):\n    return [(word, 1) for word in text.split()]\n\n\
         def total(word, counts):\n    return word, sum(map(int, counts))\n",
    );
    let _mappers = [(); 2].map(|()| scene.mapper(&["--exec", "any"]));
    let mut off = reducer(&scene, &[]);
    scene.produce("count", COUNT).code(0);
    off.until_says("left alone: exec is off");
    let shown = scene.until_status("count", "1 of 1 reducers: exec is off");
    assert!(shown.contains("a reducer: none has claimed it"), "{shown}");
    assert!(!shown.contains("a worker that cannot go on"), "{shown}");

    let key = scene.cluster.folder.path().join("key");
    crate::gristmill::run(["exec-key".as_ref(), key.as_os_str()]).code(0);
    let (key, keys) = (text(&key).to_owned(), format!("{}.pub", text(&key)));
    let mut signed = reducer(&scene, &["--exec", "signed", "--exec-keys", &keys]);
    signed.until_says("left alone: it is not signed");
    scene.until_status("count", "1 of 2 reducers: exec is off");
    // The same job, signed.
    let words = [&["--wait", "--sign", &key], COUNT].concat();
    scene.produce("count", &words).code(0);
    assert_same(&scene.cluster.job("count"), &scene.expected(COUNT), "count");

    let _any = reducer(&scene, &["--exec", "any"]);
    // Values come in input order, however many mappers there are.
    let pairs = [
        "--map",
        "./map.py",
        "--reduce",
        "cat",
        "--partitions",
        "2",
        "in",
    ];
    scene.same("pairs", &pairs);
    let functions = [
        "--map",
        "words.py:words",
        "--reduce",
        "words.py:total",
        "in",
    ];
    scene.same("functions", &functions);
    scene.cluster.until_clean();
}

#[test]
fn a_reducer_that_cannot_run_the_program_leaves_it_to_others() {
    let scene = Scene::new();
    scene.file(
        "red.py",
        "import nowhere_to_be_found\n\ndef f(key, values):\n    pass\n",
    );
    let _mapper = scene.mapper(&["--exec", "any"]);
    let mut reducer = reducer(&scene, &["--exec", "any"]);
    let words = ["--map", "./map.py", "--reduce", "red.py:f", "in"];
    scene.produce("python", &words).code(0);
    reducer.until_says("No module named 'nowhere_to_be_found'");
    scene.until_status("python", "1 of 1 reducers: exec: ");
    let words = ["--map", "./map.py", "--reduce", "no-such-reducer", "in"];
    scene.produce("command", &words).code(0);
    let why = "1 of 1 reducers: exec: there is no program no-such-reducer on the PATH";
    scene.until_status("command", why);
    for job in ["python", "command"] {
        scene.cluster.run(&["cancel", job]).code(0);
    }
    scene.cluster.until_clean();
}

#[test]
fn a_reduce_program_that_fails_fails_its_job_and_one_that_runs_ends_with_it() {
    let scene = Scene::new();
    let tmp = scene.cluster.folder.path().join("tmp");
    fs::create_dir(&tmp).expect("a folder");
    let left = || fs::read_dir(&tmp).expect("a folder").count();
    let _mapper = scene.mapper(&["--exec", "any"]);
    let _reducer = reducer(&scene, &["--exec", "any", "--tmp", text(&tmp)]);
    // It may neither write elsewhere nor use the network.
    let written = scene.cluster.folder.path().join("written");
    scene.program(
        "fails.py",
        &format!(
            "#!/usr/bin/env python3\nimport socket, sys\n\
             for attempt in (lambda: open('{}', 'w'), socket.socket):\n    try:\n        attempt()\n    \
             except OSError:\n        print('refused', file=sys.stderr)\nsys.exit(7)\n",
            text(&written)
        ),
    );
    let words = [
        "--wait",
        "--map",
        "./map.py",
        "--reduce",
        "./fails.py",
        "--partitions",
        "2",
        "in",
    ];
    let failed = scene.produce("failed", &words).code(1);
    let why = "the reduce program failed at partition ";
    assert!(failed.stderr.contains(why), "{failed:?}");
    assert!(failed.stderr.contains("exit status 7"), "{failed:?}");
    assert!(failed.stderr.contains("refused\nrefused"), "{failed:?}");
    assert!(!written.exists());
    let words = ["--map", "./map.py", "--reduce", "sleep 40003", "in"];
    scene.produce("cancelled", &words).code(0);
    until("it runs", || sleepers("40003") == 1);
    scene.cluster.run(&["cancel", "cancelled"]).code(0);
    until("it has ended", || sleepers("40003") == 0);
    scene.cluster.run(&["cancel", "failed"]).code(0);
    until("nothing is left", || left() == 0);
    scene.cluster.until_clean();
}

#[test]
fn a_reducer_that_stops_ends_its_program_and_the_next_one_runs_it_anew() {
    let scene = Scene::new();
    let go = scene.cluster.folder.path().join("go");
    let slow = format!(
        "if [ -e {} ]; then exec cat; fi; exec sleep 40004",
        text(&go)
    );
    let words = ["--shell", "--map", "cat", "--reduce", &slow, "in"];
    let _mapper = scene.mapper(&["--exec", "any"]);
    let first = reducer(&scene, &["--exec", "any"]);
    scene.produce("job", &words).code(0);
    until("it runs", || sleepers("40004") == 1);
    first.stop();
    until("it has ended", || sleepers("40004") == 0);
    fs::write(&go, "").expect("a file");
    let _second = reducer(&scene, &["--exec", "any"]);
    scene.same("job", &words);
    scene.cluster.until_clean();
}
