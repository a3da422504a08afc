//! Records that kill their mapper: found by observed deaths, set aside with the reason, and the rest
//! goes on.

use std::os::unix::process::ExitStatusExt;

use gristmill_common::crash;

use crate::cluster::{Cluster, Role, expected, text};
use crate::corpus;

/// The poisons of these tests, and what a quarantine entry says of each.
const POISONS: &[(&str, &str, &str)] = &[
    ("abort", "deadly-abort", "aborted"),
    ("memory", "deadly-memory", "ran out of memory"),
    ("hang", "deadly-hang", "came to no end"),
    ("panic", "deadly-panic", "panicked: poisoned"),
];

fn doomed(cluster: &Cluster) -> Role {
    let poisons: Vec<String> = (POISONS.iter())
        .map(|(how, text, _)| format!("{how}:{text}"))
        .collect();
    // The hoarder must not take the machine with it.
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "ulimit -v 3000000; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_gristmill"))
        .args(["map", "--threads", "1", "--chunk-timeout", "1"])
        .args(["--chunk-memory", "512MiB"])
        .env("GRISTMILL_BROKER", cluster.vhost.url())
        .env(crash::POISON, poisons.join(","));
    cluster.start("map", &mut command)
}

#[test]
fn records_that_kill_are_set_aside_and_their_neighbours_are_not() {
    let cluster = Cluster::new();
    let clean = corpus::prose(11, 20_000);
    let words = ["grep", "-n", ""];
    // Lines that kill, each far from the others, among lines that do not.
    let lines: Vec<&str> = clean.lines().collect();
    let mut deadly = String::new();
    for (number, line) in lines.iter().enumerate() {
        let at = (number + 500)
            .checked_rem(1500)
            .map(|at| (at, number / 1500));
        if let Some((0, poison)) = at
            && let Some((_, text, _)) = POISONS.get(poison)
        {
            deadly.push_str(&format!("before {text} after\n"));
        } else {
            deadly.push_str(&format!("{line}\n"));
        }
    }
    let input = cluster.folder.path().join("deadly.txt");
    std::fs::write(&input, &deadly).expect("a file");
    // What survives: `grep -n` prints each line's own number.
    let all = expected(&words, &input);
    let all = String::from_utf8_lossy(&all["part-00000.txt"]).into_owned();
    let survivors: String = all
        .split_inclusive('\n')
        .filter(|line| !line.contains("deadly-"))
        .collect();
    assert!(all.len() > survivors.len() + 60);

    let _reducer = cluster.reducer();
    let line = [
        "produce",
        "grep",
        "-n",
        "",
        text(&input),
        "--job",
        "deadly",
        "--wait",
        "--chunk-size",
        "16KiB",
    ];
    let mut producer = cluster.spawn(&line);
    let mut deaths = Vec::new();
    let mut mapper = doomed(&cluster);
    crate::cluster::until("the job is done", || {
        if let Some(status) = mapper.child.try_wait().expect("a child") {
            deaths.push(status.signal());
            mapper = doomed(&cluster);
        }
        producer.child.try_wait().expect("a child").is_some()
    });
    // At most one life for each record that aborts: what came back is run apart.
    let aborted = deaths.iter().all(|death| *death == Some(6));
    assert!(aborted && (1..=2).contains(&deaths.len()), "{deaths:?}");
    let ended = producer.ended().code(3);
    assert!(ended.stderr.contains("4 of them quarantined"), "{ended:?}");
    let files = cluster.job("deadly");
    let found = String::from_utf8_lossy(&files["part-00000.txt"]);
    assert!(*found == survivors, "what survives differs");
    let quarantine = String::from_utf8_lossy(&files["quarantine.jsonl"]);
    for (_, text, says) in POISONS {
        let entry = quarantine.lines().find(|line| line.contains(text));
        let entry = entry.unwrap_or_else(|| panic!("{text} is not in {quarantine}"));
        assert!(entry.contains(says), "{entry}");
    }
    let output = cluster.results().join("deadly");
    crate::gristmill::run(["verify".as_ref(), output.as_path(), &input]).code(0);
}
