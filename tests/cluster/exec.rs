//! Users' own programs over a broker: the same bytes as `gristmill run exec`, and who cannot run a
//! program leaves it to others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::cluster::{Cluster, Files, Role, assert_same, files, text, until};
use crate::corpus;
use crate::gristmill::{Ended, gristmill};

/// A folder with programs and inputs, where commands are typed; workers run elsewhere.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) desk: PathBuf,
}

/// A mapper of this kind and function: what it needs lies beside it.
const TAG: &str = "
import helper

def setup():
    global mark
    mark = helper.mark()

def tag(text):
    return None if not text else mark + text.upper()
";

impl Scene {
    pub(crate) fn new() -> Self {
        let cluster = Cluster::new();
        let desk = cluster.folder.path().join("desk");
        fs::create_dir(&desk).expect("a folder");
        let scene = Self { cluster, desk };
        scene.file("tag.py", TAG);
        scene.file(
            "helper.py",
            "from words.all import MARK\n\ndef mark():\n    return MARK\n",
        );
        scene.file("words/all.py", "MARK = open('mark.txt').read().strip()\n");
        scene.file("mark.txt", "> \n");
        scene.program(
            "map.py",
            "#!/usr/bin/env python3\nimport sys\nfor line in sys.stdin:\n    for word in line.split():\n        \
             print(f'{word.lower()}\\t1')\n",
        );
        corpus::texts(&scene.desk.join("in"));
        scene
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.desk.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    pub(crate) fn program(&self, name: &str, text: &str) {
        let path = self.file(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    }

    /// A mapper in a folder where nothing is.
    pub(crate) fn mapper(&self, words: &[&str]) -> Role {
        let mut all = vec!["map", "--threads", "2"];
        all.extend(words);
        let nowhere = self.cluster.folder.path().join("nowhere");
        fs::create_dir_all(&nowhere).expect("a folder");
        let mut command = self.cluster.command(&all);
        self.cluster.start("map", command.current_dir(nowhere))
    }

    pub(crate) fn reducer(&self) -> Role {
        self.cluster.reducer()
    }

    /// `produce exec`, from the desk.
    pub(crate) fn produce(&self, job: &str, words: &[&str]) -> Ended {
        let mut all = vec!["produce", "exec", "--job", job];
        all.extend(words);
        let mut command = self.cluster.command(&all);
        command.current_dir(&self.desk);
        self.cluster.end(command, &all)
    }

    /// What `run exec` makes of the same words.
    pub(crate) fn expected(&self, words: &[&str]) -> Files {
        let out = tempfile::tempdir().expect("a folder");
        let out = out.path().join("out");
        let mut command = gristmill();
        command.current_dir(&self.desk).args(["run", "exec", "-o"]);
        let command = command.arg(&out).args(words);
        Ended::of(command.output().expect("the binary starts")).code(0);
        files(&out)
    }

    #[track_caller]
    pub(crate) fn same(&self, job: &str, words: &[&str]) {
        let mut waiting = vec!["--wait"];
        waiting.extend(words);
        self.produce(job, &waiting).code(0);
        assert_same(&self.cluster.job(job), &self.expected(words), job);
    }

    /// Waits until `status` says something of a job.
    #[track_caller]
    pub(crate) fn until_status(&self, job: &str, words: &str) -> String {
        let mut shown = String::new();
        until(&format!("status says {words:?}"), || {
            shown = self.cluster.run(&["status", job]).code(0).stdout;
            shown.contains(words)
        });
        shown
    }
}

pub(crate) const PYTHON: &[&str] = &["--python", "tag.py:tag", "--ship", "mark.txt", "in"];
const FILTER: &[&str] = &[
    "--each",
    "chunk",
    "--piece",
    "4KiB",
    "--",
    "awk",
    "{print NF, $1}",
    ":::",
    "in",
];

#[test]
fn i6_programs_give_the_same_bytes_over_a_broker() {
    let scene = Scene::new();
    let _mappers = [(); 2].map(|()| scene.mapper(&["--exec", "any"]));
    let _reducer = scene.reducer();
    scene.same("filter", FILTER);
    scene.same("python", PYTHON);
    scene.same("code", &["--code", "line[::-1]", "in"]);
    let pairs = [
        "--code",
        "(line[:1], 1)",
        "--reduce",
        "count",
        "--partitions",
        "2",
        "in",
    ];
    scene.same("pairs", &pairs);
    let count = [
        "--map",
        "./map.py",
        "--reduce",
        "sum",
        "--partitions",
        "3",
        "in",
    ];
    scene.same("count", &count);
    // One process for each document, its bytes as stored, each result with its name.
    let most = ["--max-document", "12MiB"];
    let documents = [
        "--each",
        "document",
        "--out",
        "json",
        "--",
        "sha256sum",
        ":::",
        "in",
    ];
    scene.same("documents", &[&most[..], &documents[..]].concat());
    let members = [
        "--each", "document", "--out", "file", "--", "tac", ":::", "in",
    ];
    scene.same("members", &[&most[..], &members[..]].concat());
    // Confined or not, they hold.
    let limits = [
        "--each",
        "document",
        "--cpu-time",
        "77",
        "--address-space",
        "1GiB",
        "--shell",
        "--",
        "ulimit -t; ulimit -v",
        ":::",
        "in",
    ];
    scene.same("limits", &[&most[..], &limits[..]].concat());
    let shown = scene.cluster.job("limits");
    let shown = String::from_utf8_lossy(&shown["part-00000.txt"]);
    assert!(shown.contains("1048576"), "{shown}");
    let named = ["--each", "document", "--", "gzip", "-nc", "{}", ":::", "in"];
    scene.same("named", &[&most[..], &named[..]].concat());
    scene.cluster.until_clean();
}

#[test]
fn a_document_of_12_mib_travels_and_a_larger_one_is_set_aside() {
    let scene = Scene::new();
    let large = scene.desk.join("large");
    fs::create_dir(&large).expect("a folder");
    let mut random = corpus::Random(3);
    let mut bytes = Vec::new();
    while bytes.len() < (12 << 20) + 1 {
        // Nothing that would be compressed on the way.
        bytes.extend_from_slice(&(random.below(usize::MAX) as u64).to_le_bytes());
    }
    fs::write(large.join("fits"), &bytes[..12 << 20]).expect("a file");
    fs::write(large.join("too-large"), &bytes[..(12 << 20) + 1]).expect("a file");
    let _mapper = scene.mapper(&["--exec", "any"]);
    let _reducer = scene.reducer();
    let words = ["--each", "document", "--", "sha256sum", ":::", "large"];
    scene
        .produce("large", &[&["--wait"], &words[..]].concat())
        .code(3);
    let found = scene.cluster.job("large");
    let sums = String::from_utf8_lossy(&found["part-00000.txt"]).into_owned();
    let by_hand = std::process::Command::new("sha256sum")
        .stdin(fs::File::open(large.join("fits")).expect("a file"))
        .output()
        .expect("sha256sum");
    assert_eq!(sums.as_bytes(), by_hand.stdout);
    let set_aside = String::from_utf8_lossy(&found["quarantine.jsonl"]).into_owned();
    let reason = "a document of 12582913 bytes, larger than the 12582912 allowed";
    assert!(set_aside.contains(reason), "{set_aside}");
    let more = ["--max-document", "13MiB"];
    let refused = scene
        .produce("more", &[&more[..], &words[..]].concat())
        .code(2);
    assert!(refused.stderr.contains("at most 12MiB"), "{refused:?}");
}

#[test]
fn a_mapper_that_may_not_or_cannot_leaves_the_job_to_others_and_status_says_so() {
    let scene = Scene::new();
    let mut off = scene.mapper(&[]);
    let _reducer = scene.reducer();
    // A program that only one of the mappers has.
    let tools = scene.cluster.folder.path().join("tools");
    fs::create_dir(&tools).expect("a folder");
    let tool = tools.join("shout");
    fs::write(&tool, "#!/bin/sh\nexec tr a-z A-Z\n").expect("a program");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("permissions");
    let words = ["--each", "chunk", "--", "shout", ":::", "in"];
    scene.produce("job", &words).code(0);
    off.until_says("left alone: exec is off");
    let mut lacking = scene.mapper(&["--exec", "any"]);
    lacking.until_says("there is no program shout on the PATH");
    let shown = scene.until_status("job", "1 of 2 mappers: exec: there is no program shout");
    assert!(shown.contains("1 of 2 mappers: exec is off"), "{shown}");
    assert!(
        shown.contains("waits for a mapper that may and can run it"),
        "{shown}"
    );
    let nowhere = scene.cluster.folder.path().join("nowhere");
    let path = std::env::var("PATH").expect("a PATH");
    let path = format!("{}:{path}", tools.display());
    let mut command = scene.cluster.command(&["map", "--exec", "any"]);
    let command = command.current_dir(nowhere).env("PATH", &path);
    let _able = scene.cluster.start("map", command);
    scene
        .produce("job", &[&["--wait"], &words[..]].concat())
        .code(0);
    let text: String = scene
        .cluster
        .job("job")
        .remove("part-00000.txt")
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .expect("a part");
    assert!(!text.is_empty() && !text.bytes().any(|byte| byte.is_ascii_lowercase()));
    scene.cluster.until_clean();
}

#[test]
fn a_chunk_that_takes_long_does_not_stall_its_job() {
    let scene = Scene::new();
    let _mapper = scene.mapper(&["--exec", "any"]);
    let results = scene.cluster.results();
    let reduce = [
        "reduce",
        "-o",
        text(&results),
        "--exec",
        "any",
        "--stall-after",
        "15",
    ];
    let reducer = scene.cluster.spawn(&reduce);
    // Longer than that, for a chunk of which no partition hears anything.
    let line = [
        "--shell",
        "--map",
        "sleep 24; sed 's/$/\\t1/'",
        "--reduce",
        "sum",
        "--partitions",
        "2",
        "--wait",
    ];
    let one = scene.file("one.txt", "a\nb\nc\n").display().to_string();
    scene
        .produce("slow", &[&line[..], &[&one]].concat())
        .code(0);
    assert!(!reducer.said().contains("stalled"), "{}", reducer.said());
}

#[test]
fn a_program_that_cannot_start_blocks_its_job_and_says_why() {
    let scene = Scene::new();
    scene.file(
        "tag.py",
        "import nowhere_to_be_found\n\ndef tag(text):\n    return text\n",
    );
    let mut mapper = scene.mapper(&["--exec", "any"]);
    let _reducer = scene.reducer();
    scene.produce("job", PYTHON).code(0);
    mapper.until_says("No module named 'nowhere_to_be_found'");
    scene.until_status(
        "job",
        "1 of 1 mappers: exec: the worker cannot be started: ModuleNotFoundError",
    );
    // Another job is served all the same.
    scene.same("other", FILTER);
    scene.cluster.run(&["cancel", "job"]).code(0);
    scene.cluster.until_clean();
}

/// How many processes run `sleep` for so long.
pub(crate) fn sleepers(seconds: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let words = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    words
        .filter(|words| words.ends_with(format!("sleep\0{seconds}\0").as_bytes()))
        .count()
}

#[test]
fn programs_end_with_their_job_and_with_their_mapper() {
    let scene = Scene::new();
    let tmp = scene.cluster.folder.path().join("tmp");
    fs::create_dir(&tmp).expect("a folder");
    let left = || fs::read_dir(&tmp).expect("a folder").count();
    let mapper = scene.mapper(&["--exec", "any", "--tmp", &tmp.display().to_string()]);
    let _reducer = scene.reducer();
    scene.file("one.txt", "a line\n");
    let long = |seconds| {
        [
            "--each", "document", "--ship", "mark.txt", "--", "sleep", seconds, ":::", "one.txt",
        ]
    };
    scene.produce("cancelled", &long("40001")).code(0);
    until("it runs", || sleepers("40001") == 1);
    scene.cluster.run(&["cancel", "cancelled"]).code(0);
    until("it has ended", || sleepers("40001") == 0);
    // Its only thread is free again, and nothing of the cancelled job is left.
    let next = ["--wait", "--each", "chunk", "--", "cat", ":::", "one.txt"];
    scene.produce("next", &next).code(0);
    until("nothing is left", || left() == 0);
    scene.produce("killed", &long("40002")).code(0);
    until("it runs", || sleepers("40002") == 1);
    assert!(left() > 0);
    // The queues of the job that was cancelled are gone.
    let said = mapper.said();
    assert!(
        !said.contains("subscribed to gristmill.cancelled"),
        "{said}"
    );
    mapper.kill();
    until("it has ended", || sleepers("40002") == 0);
    until("nothing is left", || left() == 0);
    scene.cluster.run(&["cancel", "killed"]).code(0);
    scene.cluster.until_clean();
}

#[test]
fn two_results_of_one_chunk_are_never_mixed() {
    let scene = Scene::new();
    // Numbers that are different each time, for keys that are spread over the partitions.
    scene.program(
        "dice.py",
        "#!/usr/bin/env python3\nimport random, sys\nsys.stdin.read()\nfor key in range(40):\n    \
         print(f'{key}\\t{random.randrange(10**9)}')\n",
    );
    let dice = ["--map", "./dice.py", "--reduce", "sum", "one.txt"];
    scene.file("one.txt", "a line\n");
    let _reducer = scene.reducer();
    for (job, partitions, code) in [("three", "3", 1), ("one", "1", 0)] {
        let words = [&["--partitions", partitions], &dice[..]].concat();
        scene.produce(job, &words).code(0);
        // It dies when one partition has its outcome.
        let mut command = scene
            .cluster
            .command(&["map", "--threads", "1", "--exec", "any"]);
        command.env(gristmill_common::crash::VARIABLE, "outcome-published");
        assert!(!scene.cluster.start("map", &mut command).wait().success());
        let mapper = scene.mapper(&["--exec", "any"]);
        let ended = scene
            .produce(job, &[&["--wait"], &words[..]].concat())
            .code(code);
        if code == 1 {
            let why = "your program gave two results for chunk 0/0";
            assert!(ended.stderr.contains(why), "{ended:?}");
        }
        mapper.stop();
    }
    scene.cluster.run(&["cancel", "three"]).code(0);
    scene.cluster.until_clean();
}

#[test]
fn what_is_only_for_one_machine_is_refused_with_the_way_out() {
    let scene = Scene::new();
    let absolute = format!("{}:tag", scene.desk.join("tag.py").display());
    for (words, what) in [
        (&["--python", "tag.py:tag", "--try", "3", "in"][..], "--try"),
        (
            &["--python", "tag.py:tag", "in", "-o", "out"],
            "results go to the folder of the reducers",
        ),
        (
            &["--python", &absolute, "in"],
            "their paths begin at the folder",
        ),
        (
            &[
                "--each",
                "chunk",
                "--",
                "awk",
                "-f",
                "../desk/tag.py",
                ":::",
                "in",
            ],
            "without `..`",
        ),
    ] {
        let refused = scene.produce("job", words).code(2);
        assert!(refused.stderr.contains(what), "{refused:?}");
    }
}
