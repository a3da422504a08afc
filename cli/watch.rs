//! Looks at the broker every two seconds and keeps what it saw: what the dashboard and
//! `status --watch` show.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gristmill_common::clock::since_1970;
use gristmill_common::job::JobName;
use gristmill_common::plan_summary::Sent;
use gristmill_jobs::registry::{Entry, Event, Job, JobTable, Registry};
use gristmill_jobs::report::{LISTEN, Report, Reports, Workers};
use gristmill_rabbitmq::{Broker, BrokerUrls, version};
use gristmill_reducer::MANIFEST;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::job_view::{self, Heard, JobView};
use crate::worker_view;

/// How often the broker is looked at.
const PERIOD: Duration = Duration::from_secs(2);
/// How long the log is waited for before what was read of it counts as all of it.
const READ_UP: Duration = Duration::from_secs(3);
/// How long one look may take; a broker that is gone answers nothing.
const LIMIT: Duration = Duration::from_secs(5);
/// A worker that was silent for so long is lost; it stays on the page, greyed, for as long as
/// [`KEPT`].
const LOST: Duration = Duration::from_secs(7);
const KEPT: Duration = Duration::from_secs(600);
/// The most jobs of a view: all that are active and the latest of the others.
const JOBS: usize = 500;
/// The most events that are kept, and in how many messages of the log they are looked for: of those
/// before its newest checkpoint.
const EVENTS: usize = 200;
const LOOKED_BACK: i64 = 1000;
/// The most splits that a view lists one by one.
const SPLITS: u32 = 2000;

/// What was seen last, as JSON and as a server-sent event. Whoever holds it holds the same bytes.
#[derive(Clone, Debug)]
pub struct View(Bytes);

/// What stands around the JSON in an event (WHATWG HTML, server-sent events).
const EVENT: (&str, &str) = ("data: ", "\n\n");

impl View {
    /// A view of JSON without line feeds.
    #[must_use]
    pub fn new(json: &Value) -> Self {
        Self(format!("{}{json}{}", EVENT.0, EVENT.1).into())
    }

    /// The JSON.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.0.slice(EVENT.0.len()..self.0.len() - EVENT.1.len())
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> Bytes {
        self.0.clone()
    }
}

/// Whether a job is looked at.
type Wanted = Box<dyn Fn(&Job) -> bool + Send>;

/// Looks at the broker for as long as it is polled.
pub struct Watch {
    broker: Broker,
    registry: Registry,
    /// Where finished jobs lie.
    results: Option<PathBuf>,
    table: JobTable,
    workers: Workers,
    /// When listening to the workers began.
    since: Instant,
    /// Why the workers cannot be heard.
    reports_error: Option<String>,
    /// The nodes whose versions are shown, and what they were last asked for.
    nodes: Option<BrokerUrls>,
    versions: Vec<Value>,
    /// Whether the nodes are to be asked: at the start, and when the broker comes back.
    ask_versions: bool,
    events: VecDeque<Value>,
    /// Whether the table holds what the log held at the start: before that, nobody knows which
    /// jobs are active.
    read_up: bool,
    wanted: Wanted,
}

impl Watch {
    /// A watch over a broker; `results` is the folder of a reducer, as this process sees it.
    #[must_use]
    pub fn new(broker: Broker, registry: Registry, results: Option<PathBuf>) -> Self {
        Self {
            broker,
            registry,
            results,
            table: JobTable::default(),
            workers: Workers::default(),
            since: Instant::now(),
            reports_error: None,
            nodes: None,
            versions: Vec::new(),
            ask_versions: true,
            events: VecDeque::new(),
            read_up: false,
            wanted: Box::new(|_| true),
        }
    }

    /// The same, of these jobs only.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&Job) -> bool + Send + 'static) -> Self {
        self.wanted = Box::new(wanted);
        self
    }

    /// The same, with the versions of these nodes of the broker.
    #[must_use]
    pub fn with_versions_of(mut self, nodes: BrokerUrls) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// Publishes a view every two seconds, until nobody holds a receiver.
    ///
    /// # Errors
    /// When the log of jobs cannot be read.
    pub async fn run(mut self, views: watch::Sender<View>) -> anyhow::Result<()> {
        let (table, mut log) = self.registry.resume_before(LOOKED_BACK).await?;
        self.table = table;
        self.since = Instant::now();
        let mut reports = Reports::new(&self.broker, None);
        let mut tick = tokio::time::interval(PERIOD);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                entry = log.next() => {
                    self.take(entry?, log.is_news());
                    if log.is_news() {
                        log.keep_short(&self.table);
                    }
                }
                report = reports.next() => self.hear(report).await,
                _ = tick.tick() => {
                    self.read_up |= log.is_at_end() || self.since.elapsed() >= READ_UP;
                    self.look_at_nodes().await;
                    let view = tokio::time::timeout(LIMIT, self.view()).await;
                    let view = view.unwrap_or_else(|_| self.without_broker());
                    if views.send(View::new(&view)).is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Takes an entry of the log, which the table may have already.
    fn take(&mut self, entry: Entry, is_news: bool) {
        if let Some(text) = told(&entry.event) {
            let event = json!({"at": entry.at, "job": entry.job, "text": text});
            self.events.push_front(event);
            self.events.truncate(EVENTS);
        }
        if is_news {
            self.table.apply(entry);
        }
    }

    async fn hear(&mut self, report: Option<Report>) {
        match report {
            Some(report) => {
                self.reports_error = None;
                self.workers.hear(report, Instant::now());
            }
            None => {
                self.reports_error = Some("the broker refuses".into());
                tokio::time::sleep(PERIOD).await;
            }
        }
    }

    /// Asks the nodes for their versions, once for each time that the broker is there again: a node
    /// logs who asks and does not stay.
    async fn look_at_nodes(&mut self) {
        let is_there = self.broker.health().down == 0;
        if is_there && self.ask_versions {
            let mut versions = Vec::new();
            for url in self.nodes.iter().flat_map(BrokerUrls::all) {
                let version = tokio::time::timeout(PERIOD, version(url)).await;
                let (host, port) = url.address();
                versions.push(json!({
                    "node": format!("{host}:{port}"),
                    "version": version.ok().flatten(),
                }));
            }
            self.versions = versions;
        }
        self.ask_versions = !is_there;
    }

    async fn view(&mut self) -> Value {
        let now = Instant::now();
        if let Some(before) = now.checked_sub(KEPT) {
            self.workers.forget(before);
        }
        let mut live = self.workers.clone();
        if let Some(before) = now.checked_sub(LOST) {
            live.forget(before);
        }
        // Before that, nobody had to say anything yet.
        let listened = self.reports_error.is_none() && self.since.elapsed() >= LISTEN;
        let heard = Heard {
            workers: listened.then_some(live),
            alarm: self.broker.health().blocked,
            reports_error: self.reports_error.clone(),
        };
        let mut wanted: Vec<_> = (self.table.iter())
            .filter(|job| (self.wanted)(job))
            .collect();
        wanted.sort_by_key(|job| std::cmp::Reverse((job.is_active(), job.latest)));
        let all = wanted.len();
        let active = wanted.iter().filter(|job| job.is_active()).count();
        let mut jobs = Vec::new();
        for job in wanted.into_iter().take(JOBS) {
            let view = JobView::of(&self.broker, job, &heard).await;
            let mut view = view.json(&heard);
            let plan = &job.submission.plan_summary;
            // Where mappers read them, the log tells only that they were handed out.
            let told = plan.sent == Sent::Chunks && plan.splits <= SPLITS;
            if job.is_active() && told {
                view["splits_done"] = job.splits.keys().copied().collect();
            }
            view["read_by_mappers"] = (plan.sent == Sent::Splits).into();
            view["report"] = self.has_report(&job.name).into();
            jobs.push(view);
        }
        let mut view = self.without_broker();
        // Of those that are over nothing waits any more.
        let waiting = || jobs.iter().filter(|job| !job["chunks_waiting"].is_null());
        let sum = |name: &str| -> u64 { waiting().filter_map(|job| job[name].as_u64()).sum() };
        view["broker"]["waiting"] = json!({
            "chunks": sum("chunks_waiting"),
            "results": sum("results_waiting"),
            "unusable": sum("dead"),
        });
        view["jobs"] = jobs.into();
        view["jobs_all"] = all.into();
        view["jobs_active"] = self.read_up.then_some(active).into();
        view
    }

    /// The part of a view that needs no answer of the broker.
    fn without_broker(&self) -> Value {
        let now = Instant::now();
        let workers: Vec<Value> = (self.workers.all().iter())
            .map(|worker| {
                let silent = now.saturating_duration_since(worker.at);
                let mut shown = worker_view::json(worker);
                shown["silent_seconds"] = silent.as_secs().into();
                shown["lost"] = (silent > LOST).into();
                shown
            })
            .collect();
        let health = self.broker.health();
        json!({
            "at": since_1970().as_secs(),
            "broker": {
                "connections_down": health.down,
                "alarm": health.blocked,
                "nodes": self.versions,
            },
            "reports_error": self.reports_error,
            "workers": workers,
            "events": self.events,
        })
    }

    /// Whether a finished job's output can be reported on.
    fn has_report(&self, name: &JobName) -> bool {
        let folder = self
            .results
            .as_ref()
            .map(|results| output_of(results, name));
        folder.is_some_and(|folder| folder.join(MANIFEST).is_file())
    }
}

/// Where a reducer's folder has a job's output.
pub(crate) fn output_of(results: &Path, name: &JobName) -> PathBuf {
    results.join(name.as_str())
}

/// An entry of the log in words; none for those that only readers need.
fn told(event: &Event) -> Option<String> {
    Some(match event {
        Event::Submitted(submission) => {
            format!("submitted: {}", submission.spec.kind.name())
        }
        Event::Sealed { chunks } => format!("all {chunks} chunks are published"),
        Event::Claimed { place, .. } => format!("merged at {place}"),
        Event::PartitionClosed { partition } => format!("partition {partition} is complete"),
        Event::Finished(totals) => {
            let (records, quarantined) = (totals.records, totals.quarantined);
            format!("finished: {records} records, {quarantined} set aside")
        }
        Event::Failed { reason } => format!("failed: {reason}"),
        Event::Cancelled => "cancelled".into(),
        Event::Stalled { count, .. } => format!("stalled: {} missing", job_view::missing(*count)),
        Event::Replayed => "replayed".into(),
        Event::SplitsComplete(_)
        | Event::Marker { .. }
        | Event::OutputSought
        | Event::Overdue
        | Event::Output { .. }
        | Event::Foreign { .. }
        | Event::Checkpoint(_) => return None,
    })
}
