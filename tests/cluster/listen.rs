//! What workers say about themselves over HTTP, while a job runs, without a broker and in a stop.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::cluster::{Cluster, Role, text, until};
use crate::corpus;
use crate::exec::Scene;
use crate::gristmill::{gristmill, run};

/// Where a worker that was started with port 0 listens.
pub(crate) fn address(role: &mut Role) -> String {
    role.until_says(" listening ");
    let said = role.said();
    let line = said.lines().find(|line| line.contains(" listening "));
    let (_, rest) = line
        .and_then(|line| line.split_once("addr="))
        .expect("addr=");
    rest.split_whitespace()
        .next()
        .expect("an address")
        .to_owned()
}

/// Status and body.
fn get(addr: &str, path: &str) -> (u16, String) {
    get_with(addr, path, "")
}

/// Status and body of a request with these headers, each with its line end.
pub(crate) fn get_with(addr: &str, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    write!(stream, "GET {path} HTTP/1.0\r\n{headers}\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.expect("a status"), body.to_owned())
}

fn until_ready(addr: &str) {
    until("it is ready", || get(addr, "/readyz").0 == 200);
}

/// The samples of /metrics, by name and labels.
fn metrics(addr: &str) -> BTreeMap<String, f64> {
    let (status, body) = get(addr, "/metrics");
    assert_eq!(status, 200);
    assert!(body.ends_with("# EOF\n"), "{body}");
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a sample");
            (name.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

#[test]
fn a_jobs_numbers_are_in_the_metrics_of_its_workers() {
    let cluster = Cluster::new();
    let logs = cluster.folder.path().join("logs");
    corpus::logs(&logs);
    let listen = ["--listen", "127.0.0.1:0"];
    let mut mapper = cluster.spawn(&[&["map", "--threads", "1"][..], &listen].concat());
    let results = cluster.results();
    let mut reducer = cluster.spawn(&[&["reduce", "-o", text(&results)][..], &listen].concat());
    let (map, reduce) = (address(&mut mapper), address(&mut reducer));
    until_ready(&map);
    until_ready(&reduce);
    for addr in [&map, &reduce] {
        run(["health", "--addr", addr]).code(0);
        assert_eq!(get(addr, "/nowhere").0, 404);
    }
    let before = metrics(&map);
    assert!(!before.contains_key("gristmill_last_progress_timestamp_seconds"));

    let line = ["produce", "access-log", "--by", "status", "--wait"];
    let line = [&line[..], &["--chunk-size", "16KiB", text(&logs)]].concat();
    let ended = cluster.run(&line).code(3);
    // "finished: N records, M of them quarantined"
    let said = ended
        .stderr
        .lines()
        .find(|line| line.starts_with("finished: "));
    let numbers: Vec<f64> = said
        .expect("its totals")
        .split([' ', ','])
        .filter_map(|word| word.parse().ok())
        .collect();

    let mapped = metrics(&map);
    let set_aside = mapped["gristmill_quarantined_records_total"];
    assert_eq!(mapped["gristmill_records_total"] + set_aside, numbers[0]);
    assert_eq!(set_aside, numbers[1]);
    let chunks = mapped["gristmill_chunks_mapped_total"];
    assert!(chunks > 1.0, "{mapped:?}");
    assert!(mapped["gristmill_chunk_queue_seconds_count"] >= chunks);
    for histogram in [
        "gristmill_chunk_map_seconds",
        "gristmill_outcome_confirm_seconds",
    ] {
        assert_eq!(mapped[&format!("{histogram}_count")], chunks, "{histogram}");
        assert_eq!(
            mapped[&format!("{histogram}_bucket{{le=\"+Inf\"}}")],
            chunks
        );
        assert!(mapped[&format!("{histogram}_sum")] > 0.0);
    }
    until("nothing is in flight", || {
        metrics(&map)["gristmill_chunks_in_flight"] == 0.0
    });
    assert_eq!(mapped["gristmill_broker_connected"], 1.0);
    let moved = mapped["gristmill_last_progress_timestamp_seconds"];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let age = now.expect("after 1970").as_secs_f64() - moved;
    assert!((0.0..120.0).contains(&age), "{age}");

    let reduced = metrics(&reduce);
    assert_eq!(reduced["gristmill_chunks_reduced_total"], chunks);
    // The seal is durable too.
    let (out, durable) = (
        mapped["gristmill_outcome_bytes_total"],
        reduced["gristmill_durable_bytes_total"],
    );
    assert!(0.0 < out && out < durable, "{out} and {durable}");
    assert!(reduced["gristmill_segment_write_seconds_count"] >= 1.0);
    // One outcome a chunk at least, and the seal.
    assert!(reduced["gristmill_outcome_queue_seconds_count"] > chunks);
    assert!(reduced["gristmill_outcome_queue_seconds_sum"] > 0.0);
    assert_eq!(reduced["gristmill_duplicates_dropped_total"], 0.0);
}

#[test]
fn a_running_jobs_own_numbers_are_shown_until_it_ends() {
    let cluster = Cluster::new();
    let logs = cluster.folder.path().join("logs");
    corpus::logs(&logs);
    let listen = ["--listen", "127.0.0.1:0"];
    let mut mapper = cluster.spawn(&[&["map", "--threads", "1"][..], &listen].concat());
    let map = address(&mut mapper);
    let line = ["produce", "access-log", "--by", "status", "--job", "shown"];
    let line = [&line[..], &["--chunk-size", "16KiB", text(&logs)]].concat();
    cluster.run(&line).code(0);
    let of_job = |name: &str| format!("gristmill_job_{name}{{job_name=\"shown\"}}");
    // Nobody reduces it yet, so it goes on.
    until("all its chunks are mapped", || {
        let shown = metrics(&map);
        shown.get(&of_job("chunks_in_hand")) == Some(&0.0)
            && shown[&of_job("chunks_mapped_total")] > 1.0
            && shown[&of_job("chunks_mapped_total")] == shown["gristmill_chunks_mapped_total"]
            && cluster
                .vhost
                .queue(&cluster.queue("shown", "chunks"))
                .is_ok_and(|queue| queue.is_some_and(|queue| queue.ready + queue.unacked == 0))
    });
    let mapped = metrics(&map);
    for (of_one, of_all) in [
        ("chunks_mapped_total", "chunks_mapped_total"),
        ("text_bytes_total", "text_bytes_total"),
        ("quarantined_records_total", "quarantined_records_total"),
    ] {
        let all = mapped[&format!("gristmill_{of_all}")];
        assert_eq!(mapped[&of_job(of_one)], all, "{of_one}");
        assert!(all > 0.0, "{of_all}");
    }
    let results = cluster.results();
    let mut reducer = cluster.spawn(&[&["reduce", "-o", text(&results)][..], &listen].concat());
    let reduce = address(&mut reducer);
    until("the job is done", || {
        cluster.results().join("shown/manifest.json").exists()
    });
    for addr in [&map, &reduce] {
        until("its series end with it", || {
            !metrics(addr).keys().any(|name| name.contains("job_name"))
        });
    }
}

#[test]
fn without_a_broker_a_worker_is_alive_and_not_ready() {
    // Nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    let cluster = Cluster::new();
    let mut command = gristmill();
    command
        .args(["map", "--listen", "127.0.0.1:0"])
        .env("GRISTMILL_BROKER", format!("amqp://127.0.0.1:{port}"));
    let mut mapper = cluster.start("map", &mut command);
    let addr = address(&mut mapper);
    assert_eq!(get(&addr, "/livez").0, 200);
    let (status, why) = get(&addr, "/readyz");
    assert_eq!(
        (status, why.as_str()),
        (503, "not connected to the broker\n")
    );
    run(["health", "--addr", &addr])
        .code(1)
        .says("not connected");
    run(["health", "--live", "--addr", &addr]).code(0);
    assert_eq!(metrics(&addr)["gristmill_broker_connected"], 0.0);
    mapper.stop();
    run(["health", "--addr", &addr])
        .code(1)
        .says("does not answer");
}

#[test]
fn a_full_disk_is_said_by_every_way_of_asking() {
    let cluster = Cluster::new();
    let logs = cluster.folder.path().join("logs");
    corpus::logs(&logs);
    // No file of more than a few KiB: segments do not fit.
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "ulimit -f 4; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_gristmill"))
        .args(["reduce", "-o", text(&cluster.results())])
        .args(["--listen", "127.0.0.1:0"])
        .env("GRISTMILL_BROKER", cluster.vhost.url());
    let mut full = cluster.start("reduce", &mut command);
    let addr = address(&mut full);
    until_ready(&addr);
    let held = "gristmill_held_up{cause=\"disk\"}";
    assert_eq!(metrics(&addr)[held], 0.0);
    let mapper = cluster.mapper();
    let line = [
        "produce",
        "grep",
        "GET",
        "--job",
        "job",
        "--chunk-size",
        "16KiB",
    ];
    let line = [&line[..], &[text(&logs)]].concat();
    cluster.run(&line).code(0);
    until("it is not ready", || get(&addr, "/readyz").0 == 503);
    let (_, why) = get(&addr, "/readyz");
    assert!(
        why.starts_with("cannot go on with job: cannot write"),
        "{why}"
    );
    assert_eq!(metrics(&addr)[held], 1.0);
    let status = cluster.run(&["status", "job"]).code(0).stdout;
    assert!(status.contains("1 reducer"), "{status}");
    let why = "waits for a worker that cannot go on: reduce: cannot write";
    assert!(status.contains(why), "{status}");
    full.kill();
    let reducer = cluster.reducer();
    until("the job is finished", || {
        cluster.results().join("job/manifest.json").exists()
    });
    let status = cluster.run(&["status", "job"]).code(0).stdout;
    assert!(
        status.contains("output: ") && status.contains("results/job"),
        "{status}"
    );
    cluster.until_clean();
    mapper.stop();
    reducer.stop();
}

#[test]
fn outcomes_that_nobody_takes_are_said_by_every_way_of_asking() {
    let cluster = Cluster::new();
    let logs = cluster.folder.path().join("logs");
    corpus::logs(&logs);
    let line = ["produce", "grep", "GET", "--job", "job", text(&logs)];
    cluster.run(&line).code(0);
    let results = cluster.queue("job", "results.0");
    let leads = |leads| cluster.vhost.run_queue(&results, leads).expect("it is set");
    leads(false);
    let words = ["map", "--threads", "1", "--listen", "127.0.0.1:0"];
    let mut mapper = cluster.spawn(&words);
    let addr = address(&mut mapper);
    let held = || metrics(&addr)["gristmill_held_up{cause=\"publish\"}"];
    until("the mapper is held up", || held() == 1.0);
    let (ready, why) = get(&addr, "/readyz");
    let said = "cannot go on with job: nobody takes its outcomes";
    assert!(ready == 503 && why.starts_with(said), "{ready}: {why}");
    let status = cluster.run(&["status", "job"]).code(0).stdout;
    let said = "a worker that cannot go on: map: nobody takes its outcomes";
    assert!(status.contains(said), "{status}");
    leads(true);
    until("the mapper goes on", || held() == 0.0);
    until_ready(&addr);
    let reducer = cluster.reducer();
    cluster.until_clean();
    mapper.stop();
    reducer.stop();
}

#[test]
fn what_programs_count_is_in_the_metrics_of_mappers() {
    let scene = Scene::new();
    let mut mapper = scene.mapper(&["--exec", "any", "--listen", "127.0.0.1:0"]);
    let map = address(&mut mapper);
    scene.file(
        "count.py",
        "import gristmill\n\ndef f(text):\n    gristmill.count('lines', group='a \"b\"')\n    return (text[:1], 1)\n",
    );
    let text: String = (0..500).map(|number| format!("{number}\n")).collect();
    scene.file("numbers.txt", &text);
    for (job, words) in [
        ("ordered", &["--each", "record"][..]),
        ("table", &["--reduce", "sum"]),
    ] {
        let rest = ["--python", "count.py:f", "numbers.txt"];
        scene.produce(job, &[words, &rest].concat()).code(0);
        let name = format!(
            "gristmill_job_counter_total{{job_name=\"{job}\",group=\"a \\\"b\\\"\",name=\"lines\"}}"
        );
        // Nobody reduces it, so it goes on.
        until("all is counted", || {
            metrics(&map).get(&name) == Some(&500.0)
        });
    }
}
