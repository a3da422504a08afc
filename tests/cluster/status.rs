//! What `status` shows of jobs and workers, and that nothing but `status` depends on their reports.

use std::path::PathBuf;

use gristmill_jobs::report::EXCHANGE;
use serde_json::Value;

use crate::cluster::{Cluster, Role, assert_same, expected, text, until};
use crate::corpus;

const WORDS: &[&str] = &["word-count"];

/// Feeds a job of many small chunks, named `job`.
fn produced(cluster: &Cluster, words: usize) -> PathBuf {
    let input = cluster.folder.path().join("text.txt");
    std::fs::write(&input, corpus::prose(5, words)).expect("a file");
    let mut line = vec!["produce"];
    line.extend(WORDS);
    line.extend([text(&input), "--job", "job", "--chunk-size", "4KiB"]);
    cluster.run(&line).code(0);
    input
}

fn status(cluster: &Cluster) -> Value {
    let shown = cluster.run(&["status", "job", "--json"]).code(0).stdout;
    serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"))
}

fn number(status: &Value, field: &str) -> f64 {
    let found = status.pointer(field).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no {field} in {status}"))
}

fn waits_for(status: &Value, what: &str) -> bool {
    let waits = status["waits_for"].as_array().expect("a list");
    waits
        .iter()
        .any(|wait| wait.as_str().expect("words").contains(what))
}

/// Waits until the exchange is there, or until it is not.
#[track_caller]
fn until_exchange(cluster: &Cluster, there: bool) {
    until("the exchange comes or goes", || {
        let code = format!(
            "case rabbit_exchange:lookup(rabbit_misc:r(V, exchange, <<\"{EXCHANGE}\">>)) of \
             {{ok, _}} -> <<\"true\">>; _ -> <<\"false\">> end."
        );
        cluster.vhost.eval(&code).expect("an answer") == there.to_string()
    });
}

fn delete_exchange(cluster: &Cluster) {
    let code = format!(
        "ok = rabbit_exchange:delete(rabbit_misc:r(V, exchange, <<\"{EXCHANGE}\">>), false, \
         <<\"test\">>), <<\"ok\">>."
    );
    cluster.vhost.eval(&code).expect("it is deleted");
}

/// Waits for the job's end.
#[track_caller]
fn finish(cluster: &Cluster, input: &std::path::Path) {
    let mut line = vec!["produce"];
    line.extend(WORDS);
    line.extend([text(input), "--job", "job", "--chunk-size", "4KiB"]);
    line.push("--wait");
    cluster.run(&line).code(0);
    assert_same(&cluster.job("job"), &expected(WORDS, input), "finished");
    cluster.until_clean();
}

#[test]
fn a_running_job_shows_its_workers_and_how_far_it_is() {
    let cluster = Cluster::new();
    let input = produced(&cluster, 1_500_000);
    let mapper = cluster.mapper();
    let _reducer = cluster.reducer();
    cluster.until_segments(1);
    let mut shown = Value::Null;
    until("status shows what goes on", || {
        shown = status(&cluster);
        assert_eq!(shown["state"], "running", "{shown}");
        number(&shown, "/workers/mappers") == 1.0
            && number(&shown, "/workers/reducers") == 1.0
            && number(&shown, "/chunks_per_second") > 0.0
            && number(&shown, "/outcomes_durable") > 0.0
    });
    let percent = number(&shown, "/percent");
    assert!(percent > 0.0 && percent < 100.0, "{shown}");
    assert_eq!(shown["chunks_total"], shown["chunks_published"], "{shown}");
    let (mapped, left) = (
        number(&shown, "/chunks_mapped"),
        number(&shown, "/chunks_left"),
    );
    assert_eq!(mapped + left, number(&shown, "/chunks_total"), "{shown}");
    // Per second it maps at most everything.
    let rate = number(&shown, "/chunks_per_second");
    let eta = number(&shown, "/eta_seconds");
    assert!((eta - left / rate).abs() <= 1.0 + eta / 10.0, "{shown}");
    assert!(number(&shown, "/bytes_per_second") > 0.0, "{shown}");
    assert_eq!(shown["quarantined"], 0, "{shown}");
    assert!(shown["waits_for"].as_array().expect("a list").is_empty());
    finish(&cluster, &input);
    let shown = status(&cluster);
    assert_eq!(
        (&shown["state"], &shown["percent"]),
        (&"finished".into(), &100.0.into())
    );
    // Nobody listens for the workers of a job that is over.
    assert!(shown["workers"].is_null() && shown["eta_seconds"].is_null());
    mapper.stop();
}

#[test]
fn a_job_without_workers_says_whom_it_waits_for() {
    let cluster = Cluster::new();
    let input = produced(&cluster, 3000);
    let shown = status(&cluster);
    assert!(waits_for(&shown, "a mapper: none seen"), "{shown}");
    assert!(waits_for(&shown, "a reducer: none has claimed"), "{shown}");
    assert_eq!(number(&shown, "/percent"), 0.0, "{shown}");
    assert!(shown["eta_seconds"].is_null(), "{shown}");
    assert_eq!(number(&shown, "/workers/mappers"), 0.0, "{shown}");

    let mut reducer: Role = cluster.reducer();
    reducer.until_says("reducing");
    until("the reducer is seen", || {
        let shown = status(&cluster);
        number(&shown, "/workers/reducers") == 1.0 && !waits_for(&shown, "reducer")
    });
    let said = cluster.run(&["status"]).code(0).stdout;
    assert!(said.contains("0.0%"), "{said}");
    assert!(
        said.contains("waits for a mapper: none seen in the last 2.5 s"),
        "{said}"
    );
    reducer.kill();
    let shown = status(&cluster);
    assert!(waits_for(&shown, "its reducer: none seen"), "{shown}");

    let _mapper = cluster.mapper();
    let _reducer = cluster.reducer();
    finish(&cluster, &input);
}

#[test]
fn nothing_but_status_needs_the_exchange() {
    let cluster = Cluster::new();
    let input = produced(&cluster, 60_000);
    let _reducer = cluster.reducer();
    until_exchange(&cluster, true);
    delete_exchange(&cluster);
    // Whoever has something to say declares it again.
    until_exchange(&cluster, true);
    let _mapper = cluster.mapper();
    cluster.until_segments(1);
    delete_exchange(&cluster);
    finish(&cluster, &input);
}

#[test]
fn a_user_who_may_not_report_still_runs_jobs() {
    let cluster = Cluster::new();
    let all_but_reports =
        "^gristmill[.](jobs|.*[.](chunks|suspect|dead|scratch|files|results[.][0-9]+))$";
    let code = format!(
        "rabbit_auth_backend_internal:set_permissions(<<\"guest\">>, V, <<\"{all_but_reports}\">>, \
         <<\".*\">>, <<\".*\">>, <<\"test\">>)."
    );
    cluster.vhost.eval(&code).expect("permissions");
    let doctor = cluster.run(&["doctor"]).code(1).stdout;
    assert!(
        doctor.contains("BAD   progress cannot be reported"),
        "{doctor}"
    );
    assert!(doctor.contains("1 thing is wrong"), "{doctor}");
    let input = produced(&cluster, 3000);
    let shown = status(&cluster);
    assert!(shown["workers"].is_null(), "{shown}");
    assert!(shown["reports_error"].is_string(), "{shown}");
    // It says what the queues tell.
    assert!(waits_for(&shown, "mappers"), "{shown}");
    let _mapper = cluster.mapper();
    let _reducer = cluster.reducer();
    finish(&cluster, &input);
}

#[test]
fn looking_at_a_fresh_broker_leaves_nothing_on_it() {
    let cluster = Cluster::new();
    let said = cluster.run(&["status"]).code(0).stdout;
    assert_eq!(said, "no jobs\n");
    cluster.run(&["status", "job"]).code(2).says("no job job");
    assert_eq!(cluster.vhost.queues().expect("queues"), []);
}

#[test]
fn a_broker_in_alarm_is_said_and_no_worker_is_missed() {
    let (cluster, node) = Cluster::alone();
    produced(&cluster, 3000);
    node.memory_alarm(true).expect("an alarm");
    let shown = status(&cluster);
    assert!(shown["broker_alarm"].is_string(), "{shown}");
    assert!(
        waits_for(&shown, "the end of the broker's alarm"),
        "{shown}"
    );
    assert!(!waits_for(&shown, "none seen"), "{shown}");
    assert!(shown["workers"].is_null(), "{shown}");
    let said = cluster.run(&["status"]).code(0).stdout;
    assert!(said.starts_with("the broker is in alarm"), "{said}");
    let doctor = cluster.run(&["doctor"]).code(1).stdout;
    assert!(doctor.contains("in alarm"), "{doctor}");
    node.memory_alarm(false).expect("no alarm");
}

#[test]
fn workers_without_a_job_are_listed() {
    let cluster = Cluster::new();
    let none = cluster.run(&["status", "--workers"]).code(0).stdout;
    assert_eq!(none, "no worker seen in the last 2.5 s\nno jobs\n");
    let mut mapper = cluster.mapper();
    let mut reducer = cluster.reducer();
    mapper.until_says("mapping");
    reducer.until_says("reducing");
    let mut shown = String::new();
    until("both are listed", || {
        shown = cluster.run(&["status", "--workers"]).code(0).stdout;
        let has = |role: &str| {
            let mut lines = shown.lines();
            lines.any(|line| line.contains(role) && line.ends_with("  no job"))
        };
        has("  map  1 threads") && has("  reduce  ")
    });
    let shown = cluster
        .run(&["status", "--workers", "--json"])
        .code(0)
        .stdout;
    let roles: Vec<Value> = (shown.lines())
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["worker"].clone())
        .collect();
    assert_eq!(roles.len(), 2, "{shown}");
    assert!(
        roles
            .iter()
            .all(|worker| worker["jobs"] == serde_json::json!([]))
    );
    // Without the option nobody is waited for, and nothing is listed.
    let shown = cluster.run(&["status"]).code(0).stdout;
    assert_eq!(shown, "no jobs\n");
}

/// A broker that is busy is silent in the midst of the log. Its log is read from its start: there
/// is no checkpoint yet.
#[test]
fn a_broker_that_stutters_is_not_taken_for_the_end_of_the_log() {
    let (cluster, node) = Cluster::alone();
    produced(&cluster, 2000);
    let input = cluster.folder.path().join("text.txt");
    for number in 0..30 {
        let name = format!("other-{number}");
        cluster
            .run(&["produce", "wc", text(&input), "--job", &name])
            .code(0);
    }
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                node.freeze();
                std::thread::sleep(std::time::Duration::from_millis(600));
                node.thaw();
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        // The job that was entered last.
        let looks: Vec<_> = (0..4)
            .map(|_| cluster.run(&["status", "other-29", "--connect-timeout", "100"]))
            .collect();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        for look in looks {
            look.code(0);
        }
    });
}

#[test]
fn doctor_says_where_the_broker_s_consumer_timeout_bounds_programs() {
    let cluster = Cluster::new();
    let said = cluster.run(&["doctor"]).code(0).stdout;
    let is_old = ["RabbitMQ 3.10.", "RabbitMQ 3.11."]
        .map(|old| said.contains(old))
        .contains(&true);
    assert_eq!(
        said.contains("raise its consumer_timeout"),
        is_old,
        "{said}"
    );
    assert!(
        said.contains("note  not readable: consumer_timeout"),
        "{said}"
    );
}
