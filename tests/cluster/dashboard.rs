//! The dashboard: what it shows of a job, to whom, and that a viewer who stops reading costs
//! nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::cluster::{Cluster, text, until};
use crate::corpus;
use crate::gristmill::run;
use crate::listen::{address, get_with as get};

fn view(addr: &str) -> serde_json::Value {
    let (status, body) = get(addr, "/view", "Host: localhost\r\n");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

#[test]
fn a_job_appears_moves_and_finishes_and_its_report_opens() {
    let cluster = Cluster::new();
    let logs = cluster.folder.path().join("logs");
    corpus::logs(&logs);
    let results = cluster.results();
    let words = [
        "dashboard",
        "--listen",
        "127.0.0.1:0",
        "--results",
        text(&results),
    ];
    let mut dashboard = cluster.spawn(&words);
    let addr = address(&mut dashboard);
    // Somebody opens the events and never reads on.
    let mut stalled = TcpStream::connect(&addr).expect("it listens");
    write!(stalled, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
    let mut first = String::new();
    let mut lines = BufReader::new(stalled.try_clone().expect("a second handle"));
    while !first.starts_with("data: {") {
        first.clear();
        lines.read_line(&mut first).expect("an event");
    }

    let produce = ["produce", "access-log", "--by", "status", "--job", "shown"];
    cluster
        .run(&[&produce[..], &[text(&logs)]].concat())
        .code(0);
    let job = || view(&addr)["jobs"][0].clone();
    until("the job is shown", || job()["job"] == "shown");
    until("it is said what it waits for", || {
        job()["waits_for"]
            .as_array()
            .is_some_and(|causes| !causes.is_empty())
    });
    assert_eq!(job()["report"], false);

    let _reducer = cluster.reducer();
    let mapper = cluster.mapper();
    until("it finishes", || job()["state"] == "finished");
    until("its report is there", || job()["report"] == true);
    let seen = view(&addr);
    let broker = &seen["broker"];
    assert!(broker["nodes"][0]["version"].is_string(), "{broker}");
    assert_eq!(broker["waiting"]["unusable"], 0, "{broker}");
    let events = seen["events"].as_array().expect("events");
    assert!(events.iter().any(|event| {
        event["job"] == "shown"
            && (event["text"].as_str()).is_some_and(|text| text.starts_with("finished"))
    }));
    let (status, report) = get(&addr, "/reports/shown", "Host: 127.0.0.1\r\n");
    assert_eq!(status, 200);
    assert!(report.contains("Verified"), "{report}");
    mapper.kill();
    for path in [
        "/reports/other",
        "/reports/..%2Fshown",
        "/reports/../shown",
        "/nowhere",
    ] {
        assert_eq!(get(&addr, path, "Host: localhost\r\n").0, 404, "{path}");
    }
    // A page of another site that has its name point here does not see it.
    assert_eq!(get(&addr, "/view", "Host: evil.example\r\n").0, 403);
    assert_eq!(get(&addr, "/view", "").0, 403);
    drop(stalled);
    dashboard.stop();
}

#[test]
fn the_data_needs_the_token_and_another_address_needs_one() {
    let cluster = Cluster::new();
    let file = cluster.folder.path().join("token");
    std::fs::write(&file, "a secret\n").unwrap();
    let words = [
        "dashboard",
        "--listen",
        "127.0.0.1:0",
        "--token-file",
        text(&file),
    ];
    let mut dashboard = cluster.spawn(&words);
    let addr = address(&mut dashboard);
    assert_eq!(get(&addr, "/", "Host: gristmill.example\r\n").0, 200);
    for wrong in [
        "",
        "Authorization: Bearer a\r\n",
        "Authorization: a secret\r\n",
    ] {
        assert_eq!(get(&addr, "/view", wrong).0, 401, "{wrong}");
        assert_eq!(get(&addr, "/events", wrong).0, 401, "{wrong}");
    }
    let right = "Host: gristmill.example\r\nAuthorization: Bearer a secret\r\n";
    assert_eq!(get(&addr, "/view", right).0, 200);
    assert!(!dashboard.said().contains("a secret"));
    dashboard.stop();
    run(["dashboard", "--listen", "0.0.0.0:0"])
        .code(2)
        .says("--token-file");
    run(["dashboard", "--token-file", "/nowhere/token"])
        .code(2)
        .says("/nowhere/token");
}
