//! Records that kill their mapper: found by observed deaths, set aside with the reason, and the
//! rest goes on.

use std::os::unix::process::ExitStatusExt;

use gristmill_common::crash;
use gristmill_rabbitmq::{Broker, BrokerOptions, FieldTable};

use crate::cluster::{Cluster, Role, assert_same, expected, text, until};
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
    assert!(aborted && deaths.len() <= 2, "{deaths:?}");
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

/// A job with skipped chunks: its mapper dies of a text, and then all children that should look
/// into it die before they do. Gives the words that produced it.
fn skipped<'a>(cluster: &Cluster, input: &'a str, kind: &[&'a str]) -> Vec<&'a str> {
    let _reducer = cluster.reducer();
    let mut words = vec!["produce"];
    words.extend(kind);
    words.extend([input, "--job", "job", "--wait", "--chunk-size", "16KiB"]);
    let producer = cluster.spawn(&words);
    let mapper = |crash_at: &str| {
        let mut command = cluster.command(&["map", "--threads", "1"]);
        command.env(crash::POISON, "abort:deadly");
        cluster.start("map", command.env(crash::VARIABLE, crash_at))
    };
    let died = mapper("").wait();
    assert_eq!(died.signal(), Some(6), "{died}");
    let childless = mapper("isolated");
    producer.ended().code(3).says("could not be run at all");
    let said = childless.said();
    let line = (said.lines()).find(|line| line.contains("the chunk is skipped"));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    // Every line about a chunk names job, chunk and attempt.
    for field in ["job=job", "chunk=0/", "attempt=2"] {
        assert!(line.contains(field), "{line}");
    }
    childless.kill();
    words
}

/// Numbered lines, one of which kills.
fn deadly_lines(cluster: &Cluster) -> std::path::PathBuf {
    let mut lines = corpus::prose(12, 20_000);
    lines.push_str("one deadly line\n");
    lines.push_str(&corpus::prose(13, 20_000));
    let input = cluster.folder.path().join("lines.txt");
    std::fs::write(&input, lines).expect("a file");
    input
}

#[test]
fn i4_a_replayed_outcome_replaces_a_skipped_one_and_nothing_is_doubled() {
    for kind in [
        &["grep", "-n", ""][..],
        &["word-count", "--partitions", "3"],
    ] {
        let cluster = Cluster::new();
        let input = deadly_lines(&cluster);
        let input = text(&input);
        let words = skipped(&cluster, input, kind);
        // Complete, and it says what is not in it.
        let output = cluster.results().join("job");
        let quarantine = std::fs::read_to_string(output.join("quarantine.jsonl")).expect("a file");
        assert!(
            quarantine.contains("its chunk cannot be run"),
            "{quarantine}"
        );
        assert!(quarantine.contains("one deadly line"), "{quarantine}");
        crate::gristmill::run(["verify".as_ref(), output.as_path(), input.as_ref()]).code(0);
        cluster.run(&words).code(3).says("finished before");
        let status = cluster.run(&["status", "job"]).code(0);
        assert!(status.stdout.contains("`gristmill replay`"), "{status:?}");

        let _mapper = cluster.mapper();
        let reducer = cluster.reducer();
        cluster.run(&["replay", "job"]).code(0).says("tried again");
        until("the job is finished again", || {
            let status = cluster.run(&["status", "job", "--json"]).code(0);
            status.stdout.contains("\"skipped_chunks\":0")
        });
        assert_same(
            &cluster.job("job"),
            &expected(kind, input.as_ref()),
            "replayed",
        );
        crate::gristmill::run(["verify".as_ref(), output.as_path(), input.as_ref()]).code(0);
        cluster
            .run(&["replay", "job"])
            .code(2)
            .says("nothing to replay");
        cluster.until_clean();
        drop(reducer);
    }
}

#[test]
fn a_job_with_skipped_chunks_can_be_cancelled_and_keeps_its_output() {
    let cluster = Cluster::new();
    let input = deadly_lines(&cluster);
    skipped(&cluster, text(&input), &["grep", "-n", ""]);
    let before = cluster.job("job");
    let _reducer = cluster.reducer();
    cluster.run(&["cancel", "job"]).code(0);
    cluster.until_clean();
    assert_same(&cluster.job("job"), &before, "cancelled");
    cluster.run(&["replay", "job"]).code(2).says("not finished");
}

#[test]
fn a_job_with_skipped_chunks_that_is_forced_anew_leaves_no_ledger_behind() {
    let cluster = Cluster::new();
    let input = deadly_lines(&cluster);
    let kind = &["grep", "-n", ""];
    let mut words = skipped(&cluster, text(&input), kind);
    words.push("--force");
    let _mapper = cluster.mapper();
    let _reducer = cluster.reducer();
    cluster.run(&words).code(0);
    assert_same(&cluster.job("job"), &expected(kind, &input), "anew");
    cluster.until_clean();
}

#[test]
fn a_dead_letter_that_is_no_chunk_stays_where_it_is_in_a_replay() {
    let cluster = Cluster::new();
    let input = deadly_lines(&cluster);
    skipped(&cluster, text(&input), &["grep", "-n", ""]);
    let dead = cluster.queue("job", "dead");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = cluster.vhost.url().parse().expect("a URL");
        let broker = Broker::connect(BrokerOptions::new(url)).await;
        let broker = broker.expect("a broker");
        let garbage = "a shopping list".into();
        let sent = broker.publisher();
        let sent = sent.publish(&dead, garbage, FieldTable::default()).await;
        sent.expect("it is taken");
        broker.close().await;
    });
    // The second finds nothing else.
    for tried_again in [" chunks are tried again", " 0 chunks are tried again"] {
        let replayed = cluster.run(&["replay", "job"]).code(0);
        let replayed = replayed.says(tried_again);
        replayed.says("1 of its dead letters are no chunks and stay");
        until("the dead letter lies there", || {
            let queue = cluster.vhost.queue(&dead).expect("the broker's queues");
            queue.is_some_and(|queue| queue.ready == 1)
        });
    }
}
