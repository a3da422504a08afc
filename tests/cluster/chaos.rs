//! A seeded campaign against running jobs: producers, mappers, reducers and the broker are killed,
//! frozen and restarted at random moments; every job must end with the same bytes.
//!
//! `GRISTMILL_CHAOS_KILLS` says how long (default 60), `GRISTMILL_CHAOS_SEED` which campaign,
//! `GRISTMILL_CHAOS_NODES` how many brokers the cluster has: 1 (the default) or 3, of which one at
//! a time is also cut off from the others.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gristmill_testbroker::{Node, Nodes};

use crate::cluster::{Cluster, Role, assert_same, expected, text};
use crate::corpus::{self, Random};
use crate::nodes::heal;

/// One action in so many is the broker's.
const BROKER: usize = 30;
/// One in so many is a freeze.
const FREEZE: usize = 6;

fn number(variable: &str, default: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.map_or(default, |text| text.parse().expect("a number"))
}

/// What a campaign did.
#[derive(Debug, Default)]
struct Tally {
    jobs: u64,
    forced: u64,
    kills: u64,
    freezes: u64,
    /// Second producers of a job, and how many of them ended because another was first.
    late: u64,
    beaten: u64,
    broker: u64,
    duplicates: u64,
}

/// The brokers of a campaign.
#[derive(Clone, Copy)]
enum Brokers {
    One(&'static Node),
    Three(&'static Nodes),
}

impl Brokers {
    /// Stops, kills or cuts off one of them, which is back afterwards.
    fn strike(self, random: &mut Random) {
        let (node, at, kinds) = match self {
            Brokers::One(node) => (node, 0, 2),
            Brokers::Three(nodes) => {
                let at = random.below(nodes.all().len());
                (&nodes.all()[at], at, 3)
            }
        };
        let kind = random.below(kinds);
        match (self, kind) {
            (Brokers::Three(nodes), 2) => return part(nodes, at, random),
            (_, 0) => node.stop(),
            _ => node.kill(),
        }
        if let Brokers::Three(_) = self {
            // The others go on without it.
            std::thread::sleep(Duration::from_millis(random.below(3000) as u64));
        }
        node.start_again().expect("the broker starts");
        if let Brokers::Three(nodes) = self {
            nodes.await_all().expect("they are three again");
        }
    }

    /// The end of what they wrote.
    fn log(&self) -> String {
        match self {
            Brokers::One(node) => node.log_tail(),
            Brokers::Three(nodes) => nodes.all().iter().map(Node::log_tail).collect(),
        }
    }
}

/// Cuts a node off from the others for a while.
fn part(nodes: &Nodes, at: usize, random: &mut Random) {
    nodes.cut_off(at).expect("it is cut off");
    std::thread::sleep(Duration::from_millis(500 + random.below(4000) as u64));
    nodes.rejoin(at).expect("it is back");
    heal(nodes, at);
}

struct Campaign {
    cluster: Cluster,
    brokers: Brokers,
    random: Random,
    tally: Tally,
    /// The roles that serve, each with what it is started by.
    servants: Vec<(Role, Vec<String>)>,
    thawing: Vec<(Instant, usize)>,
    /// A second producer of the job at hand: frozen at some moment, it wakes up in the midst of
    /// what came after.
    late: Option<Late>,
}

/// A producer that is frozen for a while.
struct Late {
    role: Role,
    until: Instant,
    frozen: bool,
}

impl Campaign {
    fn words(&self, servant: usize) -> Vec<String> {
        let (results, inputs) = (self.cluster.results(), self.cluster.folder.path());
        let mapper = ["map", "--threads", "1", "--exec", "any"];
        let mapper = [&mapper[..], &["--inputs", text(inputs)]].concat();
        let words: &[&str] = match servant {
            0 | 1 => &mapper,
            _ => &["reduce", "-o", text(&results), "--exec", "any"],
        };
        let heartbeat = ["--heartbeat", "2"];
        words
            .iter()
            .chain(&heartbeat)
            .map(ToString::to_string)
            .collect()
    }

    fn spawn(&self, words: &[String]) -> Role {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.cluster.spawn(&words)
    }

    /// Replaces a servant after its death, and counts what it said it had dropped.
    fn replace(&mut self, at: usize) {
        let words = self.servants[at].1.clone();
        let fresh = self.spawn(&words);
        let (dead, _) = std::mem::replace(&mut self.servants[at], (fresh, words));
        self.tally.duplicates += duplicates(&dead.said());
        dead.kill();
        self.thawing.retain(|(_, frozen)| *frozen != at);
    }

    /// One blow, at random.
    fn strike(&mut self, producer: &mut Option<Role>) {
        if self.random.below(BROKER) == 0 {
            self.tally.broker += 1;
            self.brokers.strike(&mut self.random);
            return;
        }
        let victim = self.random.below(self.servants.len() + 1);
        if victim == self.servants.len() {
            self.tally.kills += 1;
            if let Some(role) = producer.take() {
                role.kill();
            }
        } else if self.random.below(FREEZE) == 0 {
            self.tally.freezes += 1;
            self.servants[victim].0.signal("-STOP");
            // Sometimes past the heartbeat: the broker gives its work to others.
            let sleep = Duration::from_millis(100 + self.random.below(7000) as u64);
            self.thawing.push((Instant::now() + sleep, victim));
        } else {
            self.tally.kills += 1;
            self.replace(victim);
        }
    }

    fn thaw(&mut self, all: bool) {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.thawing)
            .into_iter()
            .partition(|(until, _)| all || *until <= now);
        self.thawing = later;
        let due: Vec<(Instant, usize)> = due;
        for (_, victim) in due {
            self.servants[victim].0.signal("-CONT");
        }
        if let Some(late) = &mut self.late
            && late.frozen
            && (all || late.until <= now)
        {
            late.frozen = false;
            late.role.signal("-CONT");
        }
    }

    /// Freezes a reducer or a mapper; it wakes up in the midst of what comes next.
    fn freeze(&mut self, role: &str) {
        let servants: Vec<usize> = (0..self.servants.len())
            .filter(|&at| self.servants[at].1[0] == role)
            .filter(|at| !self.thawing.iter().any(|(_, frozen)| frozen == at))
            .collect();
        if servants.is_empty() {
            return;
        }
        let victim = servants[self.random.below(servants.len())];
        self.tally.freezes += 1;
        self.servants[victim].0.signal("-STOP");
        let sleep = Duration::from_millis(1000 + self.random.below(8000) as u64);
        self.thawing.push((Instant::now() + sleep, victim));
    }

    /// Starts a second producer of the same job, and freezes it wherever it is soon after.
    fn start_late(&mut self, line: &[String]) {
        self.end_late();
        let role = self.spawn(line);
        std::thread::sleep(Duration::from_millis(self.random.below(800) as u64));
        role.signal("-STOP");
        self.tally.late += 1;
        let sleep = Duration::from_millis(500 + self.random.below(9000) as u64);
        self.late = Some(Late {
            role,
            until: Instant::now() + sleep,
            frozen: true,
        });
    }

    /// Wakes the second producer and waits for its end: it has done its part, or says why not.
    fn end_late(&mut self) {
        // It may wait for roles that are frozen, too.
        self.thaw(true);
        let Some(mut late) = self.late.take() else {
            return;
        };
        self.cluster.until_ended(&mut late.role);
        let status = late.role.wait();
        let said = late.role.said();
        let beaten = [
            "by another producer, or cancelled, meanwhile",
            "another run of the job has taken its place",
            // By one with --force that saw none of the job's reducers.
            "the job was cancelled",
        ];
        let beaten = status.code() == Some(1) && beaten.iter().any(|words| said.contains(words));
        assert!(
            status.success() || beaten,
            "a second producer: {status}: {said}"
        );
        self.tally.beaten += u64::from(!status.success());
    }

    /// Runs one job under fire; sometimes it is run anew by force afterwards, while a reducer and a
    /// mapper that have seen its end are away, and a second producer of it too.
    fn jobs(&mut self, input: &Path, words: &[&str], most: u64) {
        self.tally.jobs += 1;
        self.job(input, words, &[], most);
        while self.tally.kills < most && self.random.below(2) == 0 {
            self.tally.forced += 1;
            self.freeze("reduce");
            if self.random.below(2) == 0 {
                self.freeze("map");
            }
            self.job(input, words, &["--force"], most);
        }
        self.end_late();
    }

    /// The command line of the job at hand.
    fn line(&self, input: &Path, words: &[&str], more: &[&str]) -> Vec<String> {
        let name = format!("job-{}", self.tally.jobs);
        let mut line: Vec<String> = ["produce"].map(String::from).to_vec();
        line.extend(words.iter().map(ToString::to_string));
        line.extend(["--chunk-size", "4KiB", "--wait", "--job"].map(String::from));
        line.extend([name, text(input).to_owned()]);
        line.extend(["--allow-quarantine", "100%"].map(String::from));
        // Each of the six jobs travels in each way, one after the other.
        let way = (self.tally.jobs + self.tally.jobs / 6) % 3;
        let sent = ["chunks", "files", "splits"][way as usize];
        line.extend(["--send", sent].map(String::from));
        line.extend(more.iter().map(ToString::to_string));
        line
    }

    fn job(&mut self, input: &Path, words: &[&str], more: &[&str], most: u64) {
        let name = format!("job-{}", self.tally.jobs);
        let line = self.line(input, words, more);
        if self.random.below(2) == 0 {
            self.start_late(&line);
        }
        let mut producer: Option<Role> = None;
        let end = Instant::now() + Duration::from_secs(300);
        loop {
            if Instant::now() > end {
                panic!(
                    "{name} does not end; {:?}\n{}",
                    self.tally,
                    self.cluster.anatomy()
                );
            }
            let role = producer.get_or_insert_with(|| self.spawn(&line));
            if let Some(status) = role.child.try_wait().expect("a child") {
                assert!(
                    status.success(),
                    "{name}: {status}: {}\n{}\n{}",
                    role.said(),
                    self.cluster.anatomy(),
                    self.brokers.log()
                );
                break;
            }
            let pause = 50 + self.random.below(400) as u64;
            std::thread::sleep(Duration::from_millis(pause));
            self.thaw(false);
            if self.tally.kills < most {
                self.strike(&mut producer);
            }
        }
        assert_same(
            &self.cluster.job(&name),
            &expected(words, input),
            &format!("{name}, {:?}", self.tally),
        );
        let output = self.cluster.results().join(&name);
        crate::gristmill::run(["verify".as_ref(), output.as_path(), input]).code(0);
    }
}

/// How many duplicates a reducer says it has dropped.
fn duplicates(said: &str) -> u64 {
    let counts = said.lines().filter_map(|line| {
        let rest = &line[line.find("duplicates=")? + "duplicates=".len()..];
        rest.split(' ').next()?.parse::<u64>().ok()
    });
    counts.sum()
}

/// The jobs of a campaign: their input, and their words.
fn jobs<'a>(texts: &'a Path, logs: &'a Path) -> [(&'a Path, &'static [&'static str]); 6] {
    [
        (texts, &["word-count", "--partitions", "3"]),
        (texts, &["exec", "--code", "line.upper()"]),
        (
            logs,
            &[
                "exec",
                "--shell",
                "--map",
                "awk '{print $9 \"\\t1\"}'",
                "--reduce",
                "sum",
                "--partitions",
                "3",
            ],
        ),
        (logs, &["grep", "-n", "-H", "GET"]),
        // Reduced by a program, whose output shows the order of the values.
        (
            logs,
            &[
                "exec",
                "--shell",
                "--map",
                "awk '{print $9 \"\\t\" $7}'",
                "--reduce",
                "tac | tac",
                "--partitions",
                "3",
            ],
        ),
        (
            logs,
            &["access-log", "--by", "path,status", "--distinct", "host"],
        ),
    ]
}

#[test]
fn a_campaign_of_kills_freezes_and_restarts_changes_no_byte() {
    let kills = number("GRISTMILL_CHAOS_KILLS", 60);
    let seed = number("GRISTMILL_CHAOS_SEED", 20_261_121);
    let nodes = number("GRISTMILL_CHAOS_NODES", 1);
    let (cluster, brokers) = match nodes {
        1 => {
            let (cluster, node) = Cluster::alone();
            (cluster, Brokers::One(node))
        }
        3 => {
            let (cluster, nodes) = Cluster::of_three();
            (cluster, Brokers::Three(nodes))
        }
        other => panic!("{other} brokers: 1 or 3"),
    };
    // A broker that was up before; see the test of broker faults.
    cluster.run(&["doctor"]).code(0);
    if let Brokers::One(node) = brokers {
        node.stop();
        node.start_again().expect("the broker starts");
    }
    let texts: PathBuf = cluster.folder.path().join("texts");
    let logs: PathBuf = cluster.folder.path().join("logs");
    corpus::texts(&texts);
    std::fs::write(texts.join("z.txt"), corpus::prose(5, 100_000)).expect("a file");
    corpus::logs(&logs);
    let mut campaign = Campaign {
        cluster,
        brokers,
        random: Random(seed),
        tally: Tally::default(),
        servants: Vec::new(),
        thawing: Vec::new(),
        late: None,
    };
    for servant in 0..4 {
        let words = campaign.words(servant);
        let role = campaign.spawn(&words);
        campaign.servants.push((role, words));
    }
    let since = Instant::now();
    while campaign.tally.kills < kills {
        let jobs = jobs(&texts, &logs);
        // Each in turn: a campaign of a few jobs does not leave a kind out for ever.
        let turn = seed.wrapping_add(campaign.tally.jobs) % jobs.len() as u64;
        let (input, words) = jobs[turn as usize];
        campaign.jobs(input, words, kills);
    }
    campaign.thaw(true);
    campaign.cluster.until_clean();
    for (role, _) in &campaign.servants {
        campaign.tally.duplicates += duplicates(&role.said());
    }
    #[expect(clippy::print_stderr, reason = "what the campaign did is its product")]
    {
        let seconds = since.elapsed().as_secs();
        eprintln!(
            "chaos: {:?}, seed {seed}, brokers {nodes}, {seconds} s",
            campaign.tally
        );
    }
}
