//! Users' own programs over a broker: nothing runs uninvited, and what runs gets at nothing but its
//! input and its folder.

use std::fs;
use std::process::Command;

use gristmill_common::id::unique;
use gristmill_common::job::JobRun;
use gristmill_common::spec::{Kind, Program};
use gristmill_jobs::registry::{Event, Registry, Submission};
use gristmill_rabbitmq::{Broker, BrokerOptions};

use crate::cluster::{Cluster, until};
use crate::exec::{PYTHON, Scene};

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
