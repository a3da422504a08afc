//! A virtual host of a real broker, a folder, and the processes that a test starts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use gristmill_common::crash;
use gristmill_testbroker::{Node, Nodes, Settings, Vhost};
use tempfile::TempDir;

use crate::gristmill::{Ended, gristmill};

/// How long anything may take; a hang is a failure, not a wait.
const LIMIT: Duration = Duration::from_secs(240);

/// The files of a folder, by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Everything of one test; dropped, nothing is left.
pub(crate) struct Cluster {
    pub(crate) vhost: Vhost<'static>,
    pub(crate) folder: TempDir,
    /// Where the roles connect.
    url: String,
}

/// A process of the binary; dropped, it is killed.
pub(crate) struct Role {
    pub(crate) child: Child,
    name: String,
    log: PathBuf,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self::on(Node::shared())
    }

    fn on(node: &'static Node) -> Self {
        let vhost = node.vhost().expect("a virtual host");
        Self {
            url: vhost.url(),
            vhost,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A broker of its own, for a test that mistreats it.
    pub(crate) fn alone() -> (Self, &'static Node) {
        // It lives until this test binary ends; the watchdog stops it then.
        let node = Node::start(Settings::default()).expect("a broker");
        let node: &'static Node = Box::leak(Box::new(node));
        (Self::on(node), node)
    }

    /// Three brokers that are one cluster; the roles know all of them.
    pub(crate) fn of_three() -> (Self, &'static Nodes) {
        let nodes = Nodes::start(3, &Settings::default()).expect("three brokers");
        let nodes: &'static Nodes = Box::leak(Box::new(nodes));
        let mut cluster = Self::on(&nodes.all()[0]);
        let host = |node: &Node| format!("127.0.0.1:{}", node.port());
        let hosts: Vec<String> = nodes.all().iter().map(host).collect();
        cluster.url = cluster.url.replace(&hosts[0], &hosts.join(","));
        (cluster, nodes)
    }

    /// Where the jobs of `reduce` land.
    pub(crate) fn results(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = gristmill();
        command
            .args(words)
            .env("GRISTMILL_BROKER", &self.url)
            .env("GRISTMILL_HEARTBEAT", "5")
            // Longer than a broker takes to start.
            .env("GRISTMILL_CONNECT_TIMEOUT", "240");
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        self.end(self.command(words), words)
    }

    /// Runs a command to its end, which must come in time.
    pub(crate) fn end(&self, mut command: Command, words: &[&str]) -> Ended {
        let role = self.start(words[0], command.stdout(Stdio::piped()));
        role.ended()
    }

    pub(crate) fn spawn(&self, words: &[&str]) -> Role {
        self.start(words[0], &mut self.command(words))
    }

    pub(crate) fn start(&self, name: &str, command: &mut Command) -> Role {
        let log = tempfile::Builder::new()
            .prefix(name)
            .suffix(".log")
            .tempfile_in(self.folder.path())
            .expect("a log");
        let (log, path) = log.keep().expect("a log");
        let child = command
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("the binary starts");
        Role {
            child,
            name: name.to_owned(),
            log: path,
        }
    }

    /// A role that dies at a place of the program.
    pub(crate) fn doomed(&self, words: &[&str], place: &str) -> Role {
        let mut command = self.command(words);
        self.start(words[0], command.env(crash::VARIABLE, place))
    }

    /// Starts a mapper anew each time that it dies, until a producer ends; how often it died.
    pub(crate) fn deaths(&self, producer: &mut Role, start: impl Fn() -> Role) -> u32 {
        let (mut mapper, mut deaths) = (start(), 0);
        until("the job is done", || {
            if mapper.child.try_wait().expect("a child").is_some() {
                deaths += 1;
                mapper = start();
            }
            producer.child.try_wait().expect("a child").is_some()
        });
        deaths
    }

    pub(crate) fn mapper(&self) -> Role {
        self.spawn(&["map", "--threads", "1"])
    }

    pub(crate) fn reducer(&self) -> Role {
        self.spawn(&["reduce", "-o", text(&self.results())])
    }

    /// What the broker and the ledgers hold, for the report of a test that failed.
    pub(crate) fn anatomy(&self) -> String {
        let leaders = self.vhost.eval(
            "iolist_to_binary([io_lib:format(\"~p~n\", [rabbit_amqqueue:info(Q, [name, messages_ready, \
             messages_unacknowledged, consumers, leader, online, state])]) \
             || Q <- rabbit_amqqueue:list(V)]).",
        );
        let replicas = self.vhost.eval(
            "iolist_to_binary([io_lib:format(\"~p~n~p~n\", [rabbit_quorum_queue:status(V, \
             element(4, amqqueue:get_name(Q))), \
             catch ra:leader_query(amqqueue:get_pid(Q), fun rabbit_fifo:overview/1)]) \
             || Q <- rabbit_amqqueue:list(V), amqqueue:get_type(Q) =:= rabbit_quorum_queue]).",
        );
        let status = self.run(&["status", "--json"]);
        format!(
            "queues: {}\nreplicas: {}\nstatus: {}{}\nsegments: {:?}",
            leaders.unwrap_or_else(|error| error.to_string()),
            replicas.unwrap_or_else(|error| error.to_string()),
            status.stdout,
            status.stderr,
            self.segments(),
        )
    }

    /// Waits for a role's end; in vain, it fails with where everything is.
    #[track_caller]
    pub(crate) fn until_ended(&self, role: &mut Role) {
        let name = role.name.clone();
        let ended = || role.child.try_wait().expect("a child").is_some();
        until_or(ended, || format!("{name} ends\n{}", self.anatomy()));
    }

    /// The latest run of a job, as the names of its queues tell.
    pub(crate) fn run_of(&self, job: &str) -> Option<u64> {
        let queues = self.vhost.queues().expect("the broker's queues");
        queues.iter().find_map(|queue| {
            let run = queue.name.strip_prefix(&format!("gristmill.{job}."))?;
            u64::from_str_radix(run.get(..16)?, 16).ok()
        })
    }

    /// The name on the broker of a queue of a job.
    #[track_caller]
    pub(crate) fn queue(&self, job: &str, queue: &str) -> String {
        let run = self.run_of(job).expect("the job has queues");
        format!("gristmill.{job}.{run:016x}.{queue}")
    }

    /// Waits until nothing is left of any job but its output: neither queues nor ledgers.
    #[track_caller]
    pub(crate) fn until_clean(&self) {
        self.until_empty("on the broker", || {
            // A broker that is asked while a queue goes may answer with an error: it is asked
            // again.
            let queues = match self.vhost.queues() {
                Ok(queues) => queues,
                Err(error) => return vec![format!("(the queues cannot be listed: {error})")],
            };
            let names = queues.into_iter().map(|queue| queue.name);
            names.filter(|name| name != "gristmill.jobs").collect()
        });
        let inner = self.results().join(".gristmill");
        self.until_empty("in the directory", || {
            let names = files_in(&inner).into_iter();
            names.filter(|name| name != "id").collect()
        });
    }

    /// Waits until nothing is left in a place, and says what is.
    #[track_caller]
    fn until_empty(&self, place: &str, left: impl Fn() -> Vec<String>) {
        let end = Instant::now() + LIMIT;
        loop {
            let left = left();
            if left.is_empty() {
                return;
            }
            assert!(
                Instant::now() < end,
                "left {place}: {left:?}\n{}",
                self.anatomy()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the ledgers hold so many segments.
    #[track_caller]
    pub(crate) fn until_segments(&self, count: usize) {
        let written = || self.segments().len() >= count;
        until_or(written, || format!("{count} segments\n{}", self.anatomy()));
    }

    /// All segments of all unfinished jobs.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let inner = self.results().join(".gristmill");
        for run in files_in(&inner) {
            for partition in files_in(&inner.join(&run)) {
                let dir = inner.join(&run).join(&partition);
                let numbers = files_in(&dir).into_iter();
                let numbers = numbers.filter(|name| name.parse::<u64>().is_ok());
                found.extend(numbers.map(|name| dir.join(name)));
            }
        }
        found.sort();
        found
    }

    /// The files of a finished job.
    pub(crate) fn job(&self, name: &str) -> Files {
        files(&self.results().join(name))
    }
}

impl Role {
    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it says something.
    pub(crate) fn until_says(&mut self, words: &str) {
        until(&format!("{} says {words:?}", self.name), || {
            self.said().contains(words) || self.child.try_wait().expect("a child").is_some()
        });
        let said = self.said();
        assert!(said.contains(words), "{}: {said}", self.name);
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill runs").success(), "kill {signal} {id}");
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until(&format!("{} ends", self.name), || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        status.expect("it ended")
    }

    /// Waits for its end and returns what came out.
    pub(crate) fn ended(mut self) -> Ended {
        // Little enough goes to stdout that the pipe takes it all.
        let status = self.wait();
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            std::io::Read::read_to_string(&mut pipe, &mut stdout).expect("stdout");
        }
        Ended {
            code: status.code(),
            stdout,
            stderr: self.said(),
        }
    }

    /// SIGTERM; it must end with 0.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.signal("-TERM");
        let status = self.wait();
        assert!(status.success(), "{} {status}: {}", self.name, self.said());
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::print_stderr,
    reason = "what the processes of a failed test said"
)]
impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} ---\n{}", self.name, self.said());
        }
    }
}

/// Waits for something to become true, looking now and then.
#[track_caller]
pub(crate) fn until(what: &str, holds: impl FnMut() -> bool) {
    until_or(holds, || what.to_owned());
}

/// Waits until it holds; in vain, it fails with what is told then.
#[track_caller]
fn until_or(mut holds: impl FnMut() -> bool, told: impl FnOnce() -> String) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        if Instant::now() >= end {
            panic!("waited in vain until {}", told());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// The names in a folder; none if it is not there.
pub(crate) fn files_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// The files of a folder.
pub(crate) fn files(folder: &Path) -> Files {
    std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), std::fs::read(&path).expect("a file"))
        })
        .collect()
}

/// What `gristmill run` makes of a job.
pub(crate) fn expected(words: &[&str], input: &Path) -> Files {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("out");
    let mut all = vec!["run"];
    all.extend(words);
    all.extend([
        text(input),
        "-o",
        text(&output),
        "--allow-quarantine",
        "100%",
    ]);
    crate::gristmill::run(all).code(0);
    files(&output)
}

/// Asserts that two outputs are the same, naming the file that is not.
#[track_caller]
pub(crate) fn assert_same(found: &Files, expected: &Files, context: &str) {
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{context}");
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{context}: {name} differs");
    }
}
