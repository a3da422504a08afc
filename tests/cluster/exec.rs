//! Users' own programs over a broker: the same bytes as `gristmill run exec`, nothing runs
//! uninvited, and who cannot run a program leaves it to others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use gristmill_common::id::unique;
use gristmill_common::job::JobRun;
use gristmill_common::spec::{Kind, Program};
use gristmill_jobs::registry::{Event, Registry, Submission};
use gristmill_rabbitmq::{Broker, BrokerOptions};

use crate::cluster::{Cluster, Files, Role, assert_same, files, text, until};
use crate::corpus;
use crate::gristmill::{Ended, gristmill};

/// A folder with programs and inputs, where commands are typed; workers run elsewhere.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    desk: PathBuf,
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

    fn reducer(&self) -> Role {
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

const PYTHON: &[&str] = &["--python", "tag.py:tag", "--ship", "mark.txt", "in"];
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

#[test]
fn a_hostile_publisher_runs_nothing_where_exec_is_off_or_signed() {
    let scene = Scene::new();
    let cluster = &scene.cluster;
    let (mine, theirs) = (scene.desk.join("mine"), scene.desk.join("theirs"));
    for key in [&mine, &theirs] {
        let line = ["exec-key".as_ref(), key.as_os_str()];
        crate::gristmill::run(line).code(0);
    }
    let (mine, theirs) = (mine.display().to_string(), theirs.display().to_string());
    let keys = format!("{mine}.pub");
    let trace = cluster.folder.path().join("trace");
    let touch = trace.display().to_string();
    let hostile = ["--each", "chunk", "--", "touch", &touch, ":::", "in"];
    let mut off = scene.mapper(&[]);
    let mut signed = scene.mapper(&["--exec", "signed", "--exec-keys", &keys]);
    let _reducer = scene.reducer();
    scene.produce("unsigned", &hostile).code(0);
    signed.until_says("left alone: it is not signed");
    scene
        .produce("stranger", &[&["--sign", &theirs], &hostile[..]].concat())
        .code(0);
    signed.until_says("left alone: it is signed by a key that --exec-keys does not list");
    off.until_says("left alone: exec is off");
    assert!(!trace.exists());
    // The same with the right key runs.
    let welcome = ["--each", "chunk", "--", "cat", ":::", "in"];
    let welcome = [&["--sign", &mine, "--wait"], &welcome[..]].concat();
    scene.produce("welcome", &welcome).code(0);
    let python = [&["--sign", &mine, "--wait"], PYTHON].concat();
    scene.produce("python", &python).code(0);
    // What was signed for one job and run is not run for another, nor with another program.
    replay(cluster);
    until("all three are left alone", || {
        signed
            .said()
            .matches("its signature is one of something else")
            .count()
            == 3
    });
    assert!(!trace.exists());
    for job in ["unsigned", "stranger", "replayed", "welcome", "changed"] {
        cluster.run(&["cancel", job]).code(0);
    }
    cluster.until_clean();
}

/// Tries to get at what is not its business, and says of each how it went.
const HOSTILE: &str = r#"#!/usr/bin/env python3
import ctypes, glob, os, shutil, socket, sys

def environ():
    found = b""
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            found += open(path, "rb").read()
        except OSError:
            pass
    assert b"amqp://" in found and b"GRISTMILL_BROKER" in found, "not found"

def secret():
    open(sys.argv[1]).read()

def memory():
    for mapper in mappers():
        open(f"/proc/{mapper}/mem", "rb").read(0)

def mappers():
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path, "rb").read().split(b"\0")
        except OSError:
            continue
        if len(words) > 1 and words[1] == b"map" and b"gristmill" in words[0]:
            found.append(int(path.split("/")[2]))
    assert found, "no mapper"
    return found

def ptrace():
    libc = ctypes.CDLL(None, use_errno=True)
    for mapper in mappers():
        if libc.ptrace(16, mapper, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")
        os.waitpid(mapper, 0x40000000)
        libc.ptrace(17, mapper, None, None)

def udp():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))

def write():
    open(sys.argv[1] + ".written", "w").close()

def code():
    os.chmod(os.path.realpath(sys.argv[0]), 0o755)
    open(sys.argv[0], "a").close()

def mode():
    # Of a file that is not its own: nothing happens.
    os.chmod(sys.argv[1], 0o666)
    os.utime(sys.argv[1], (1, 1))
    found = os.stat(sys.argv[1])
    assert found.st_mode & 0o777 == 0o666 and found.st_mtime == 1, "unchanged"

def attribute():
    os.setxattr(sys.argv[1], "user.mark", b"1")

def owner():
    os.chown(sys.argv[1], 1, 1)

def shared():
    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.shmget(0, 4096, 0o1600)
    if number < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    libc.shmctl(number, 0, None)

def own():
    open("scratch", "w").write("mine")
    open(os.environ["HOME"] + "/cache", "w").close()
    open("/dev/null", "w").write("nothing")
    shutil.copy2("scratch", "copy")

sys.stdin.read()
for attempt in (environ, secret, memory, ptrace, udp, write, code, mode, attribute, owner, shared, own):
    try:
        attempt()
        print(attempt.__name__, "done")
    except (OSError, AssertionError) as error:
        print(attempt.__name__, "refused")
"#;

#[test]
fn a_confined_program_gets_at_nothing_but_its_input_and_its_folder() {
    let scene = Scene::new();
    scene.program("hostile.py", HOSTILE);
    let secrets = scene.cluster.folder.path().join("secrets");
    fs::create_dir(&secrets).expect("a folder");
    let secret = secrets.join("broker");
    fs::write(&secret, scene.cluster.vhost.url()).expect("a file");
    let file = secret.display().to_string();
    let input = scene.file("one.txt", "a line\n").display().to_string();
    let words = [
        "--each",
        "document",
        "--",
        "./hostile.py",
        &file,
        ":::",
        &input,
    ];
    let _reducer = scene.reducer();
    let mapper = |more: &[&str]| {
        let words = [&["map", "--threads", "1", "--exec", "any"], more].concat();
        scene.cluster.command(&words)
    };
    let said = |job: &str, mut mapper: Command, more: &[&str]| {
        let mut mapper = scene.cluster.start("map", &mut mapper);
        scene
            .produce(job, &[&["--wait"], more, &words[..]].concat())
            .code(0);
        mapper.signal("-TERM");
        mapper.wait();
        let part = scene.cluster.job(job).remove("part-00000.txt");
        String::from_utf8(part.expect("a part")).expect("UTF-8")
    };
    let refused = "environ refused\nsecret refused\nmemory refused\nptrace refused\nudp refused\n\
                   write refused\ncode refused\nmode refused\nattribute refused\nowner refused\n\
                   shared refused\nown done\n";
    // The broker's URL is in the environment, and the file names it, too.
    assert_eq!(
        said("confined", mapper(&[]), &[]),
        refused.replace("secret refused", "secret done"),
        "a file that is no secret"
    );
    let mut by_file = mapper(&["--broker-file", &file]);
    by_file.env_remove("GRISTMILL_BROKER");
    assert_eq!(said("by-file", by_file, &[]), refused);
    let online = said("online", mapper(&[]), &["--net"]);
    assert!(online.contains("udp done\nwrite refused"), "{online}");
    // That the attempts can succeed, so that it means something when they do not.
    let free = said("free", mapper(&["--exec-unconfined"]), &[]);
    for what in [
        "secret done",
        "udp done",
        "write done",
        "code done",
        "mode done",
        "shared done",
        "own done",
    ] {
        assert!(free.contains(what), "{free}");
    }
    scene.cluster.until_clean();
}

#[test]
fn a_password_in_the_list_of_processes_is_refused_where_programs_run() {
    let cluster = Cluster::new();
    let url = cluster.vhost.url();
    let words = ["map", "--exec", "any", "--broker", &url];
    let ended = cluster.run(&words).code(2);
    assert!(ended.stderr.contains("is in the process list"), "{ended:?}");
}

#[test]
fn allowed_programs_run_for_everybody_and_nothing_else_does() {
    let scene = Scene::new();
    let mut mapper = scene.mapper(&["--exec-allow", "wc,count=/usr/bin/wc"]);
    let _reducer = scene.reducer();
    scene.same(
        "plain",
        &[
            "--each", "chunk", "--piece", "4KiB", "--env", "OMP_X=1", "--", "wc", "-c", ":::", "in",
        ],
    );
    let line = [
        "--each", "chunk", "--wait", "--", "count", "-l", ":::", "in",
    ];
    scene.produce("named", &line).code(0);
    let refused: &[(&[&str], &str)] = &[
        (
            &["--", "cat", ":::", "in"],
            "--exec-allow does not list cat",
        ),
        (
            &["--net", "--", "wc", ":::", "in"],
            "--exec-allow permits no --net",
        ),
        (
            &["--reduce", "cat", "--", "wc", ":::", "in"],
            "--exec-allow does not list cat",
        ),
        (
            &["--shell", "--", "wc -c", ":::", "in"],
            "--exec-allow is for commands",
        ),
        (
            &["--env", "LD_PRELOAD=x", "--", "wc", ":::", "in"],
            "permits no --env LD_PRELOAD",
        ),
        (
            &["--ship", "mark.txt", "--", "wc", ":::", "in"],
            "runs no program with files",
        ),
        (
            &["--", "./map.py", ":::", "in"],
            "--exec-allow does not list ./map.py",
        ),
    ];
    for (number, (words, why)) in refused.iter().enumerate() {
        let job = format!("refused-{number}");
        let line = [&["--each", "chunk"], *words].concat();
        scene.produce(&job, &line).code(0);
        mapper.until_says(why);
        scene.cluster.run(&["cancel", &job]).code(0);
    }
    scene.cluster.until_clean();
    let words = ["map", "--exec-allow", "wc,python3"];
    let ended = scene.cluster.run(&words).code(2);
    assert!(
        ended.stderr.contains("python3 runs whatever it is told to"),
        "{ended:?}"
    );
    scene.cluster.run(&["map", "--exec", "signed"]).code(2);
}

#[test]
fn another_job_with_the_run_of_one_that_may_is_judged_by_itself() {
    let scene = Scene::new();
    let mut mapper = scene.mapper(&["--exec-allow", "wc"]);
    // Nobody reduces: the job stays active.
    let line = ["--each", "chunk", "--", "wc", "-c", ":::", "in"];
    scene.produce("first", &line).code(0);
    mapper.until_says("subscribed");
    submit_again(&scene.cluster, "first", |submission| {
        let mut second = submission.clone();
        let Kind::Exec(exec) = &mut second.spec.kind else {
            panic!("not of exec: {second:?}");
        };
        exec.program = Program::Command(vec!["uniq".into()]);
        vec![("second", second)]
    });
    mapper.until_says("--exec-allow does not list uniq");
    for job in ["first", "second"] {
        scene.cluster.run(&["cancel", job]).code(0);
    }
}

/// Submits a job that was signed under another name, in another run, and with another program.
fn replay(cluster: &Cluster) {
    submit_again(cluster, "welcome", |welcome| {
        let code = welcome.code.as_ref();
        assert!(code.is_some_and(|code| code.signature.is_some()));
        let again = [
            ("replayed", welcome.run),
            ("welcome", unique()),
            ("changed", unique()),
        ];
        let again = again.map(|(name, run)| {
            let mut submission = welcome.clone();
            submission.run = run;
            submission.after = Some(welcome.run);
            if let ("changed", Kind::Exec(exec)) = (name, &mut submission.spec.kind) {
                exec.ok_exit.push(7);
            }
            (name, submission)
        });
        again.into()
    });
}

/// Writes submissions into the log that are made of a job's own.
fn submit_again(
    cluster: &Cluster,
    job: &str,
    made: impl Fn(&Submission) -> Vec<(&'static str, Submission)>,
) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = cluster.vhost.url().parse().expect("a URL");
        let broker = Broker::connect(BrokerOptions::new(url)).await;
        let broker = broker.expect("a broker");
        let registry = Registry::open(&broker).await.expect("the log");
        // The table forgets the code of a job that is over; the log has it.
        let mut log = registry.follow();
        let submission = loop {
            let entry = log.next().await.expect("the log");
            match entry.event {
                Event::Submitted(submission) if entry.job.as_str() == job => break *submission,
                _ => {}
            }
        };
        for (name, submission) in made(&submission) {
            let name = name.parse().expect("a name");
            let run = submission.run;
            let event = Event::Submitted(Box::new(submission));
            let written = registry.append(&JobRun::new(&name, run), &event).await;
            written.expect("it is written");
        }
        broker.close().await;
    });
}
