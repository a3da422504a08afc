//! One worker as `status --json` and the dashboard show it. It must not know how reports are heard.

use gristmill_jobs::report::WorkerStats;
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
