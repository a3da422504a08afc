//! One worker as `status --workers` and the dashboard show it. It must not know how reports are
//! heard.

use gristmill_jobs::report::WorkerStats;
use indicatif::HumanBytes;
use serde_json::{Value, json};

/// The worker as an object: `StatusArgs` documents its fields.
#[must_use]
pub fn json(worker: &WorkerStats) -> Value {
    json!({
        "host": worker.facts.host,
        "pid": worker.facts.pid,
        "version": worker.facts.version,
        "threads": worker.facts.threads,
        "memory": worker.facts.memory,
        "role": worker.role.name(),
        "jobs": worker.jobs,
        "bytes_per_second": worker.bytes_per_second as u64,
        "trouble": worker.trouble,
    })
}

/// The worker as a line: `worker east:17  map  2 threads  30.00 MiB  no job`.
#[must_use]
pub fn line(worker: &WorkerStats) -> String {
    let facts = &worker.facts;
    let mut words = format!(
        "worker {}:{}  {}",
        facts.host,
        facts.pid,
        worker.role.name()
    );
    if facts.threads > 0 {
        words += &format!("  {} threads", facts.threads);
    }
    if facts.memory > 0 {
        words += &format!("  {}", HumanBytes(facts.memory));
    }
    let jobs: Vec<&str> = worker.jobs.iter().map(|job| job.as_str()).collect();
    words += "  ";
    words += &match jobs.is_empty() {
        true => "no job".to_owned(),
        false => jobs.join(", "),
    };
    if let Some(trouble) = &worker.trouble {
        words += &format!(": {trouble}");
    }
    // What comes from a broker cannot steer a terminal.
    words.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use gristmill_common::progress::Role;
    use gristmill_jobs::report::Facts;

    use super::*;

    #[test]
    fn a_worker_is_a_line() {
        let mut worker = WorkerStats {
            facts: Facts {
                host: "east\u{1b}[2J".into(),
                pid: 17,
                version: "1".into(),
                threads: 2,
                memory: 30 << 20,
            },
            role: Role::Map,
            jobs: std::collections::BTreeSet::new(),
            bytes_per_second: 0.0,
            trouble: None,
            at: Instant::now(),
        };
        assert_eq!(
            line(&worker),
            "worker east\u{fffd}[2J:17  map  2 threads  30.00 MiB  no job"
        );
        worker.jobs.insert("a".parse().unwrap());
        worker.jobs.insert("b".parse().unwrap());
        worker.trouble = Some("a full disk".into());
        assert!(line(&worker).ends_with("  a, b: a full disk"));
    }
}
