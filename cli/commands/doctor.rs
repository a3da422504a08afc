//! `gristmill doctor`: is this broker fit? It does what the roles will do, with queues of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gristmill_common::id::unique;
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::progress::{Progress, Role};
use gristmill_common::size::ByteSize;
use gristmill_common::wire::MAX_MESSAGE;
use gristmill_jobs::declare::{Backlog, CHUNK_DELIVERIES, declare_job, delete_job, queue_depth};
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::{Registry, RegistryError, STREAM};
use gristmill_jobs::report::{self, Reporter, Reports};
use gristmill_jobs::transport::{Amqp, Prefetch, Transport};
use gristmill_rabbitmq::{Broker, BrokerOptions, BrokerUrl, BrokerUrls, REPLICAS, version};
use tokio::runtime::Handle;

use crate::args::DoctorArgs;
use crate::broker;
use crate::exit::Exit;
use crate::stdout;

/// What the user must be allowed on the broker.
const RIGHTS: &str = "configure, write and read on `gristmill[.].*`, and write on `amq[.]default`";
/// The largest message that a job sends.
const LARGEST: ByteSize = ByteSize(MAX_MESSAGE as u64);
/// How long one examination may take.
const LIMIT: Duration = Duration::from_secs(20);
/// The way out when the log of jobs is not served.
const NO_STREAM: &str =
    "a stream that is being made, has no leader or was lost: see the broker's log";
/// The oldest RabbitMQ that is known to do.
const OLDEST: (u32, u32) = (3, 10);
/// From here on queues may have consumer timeouts of their own.
const TIMEOUTS: (u32, u32) = (3, 12);
/// With a longer --timeout a chunk may be held for the usual consumer timeout: three in a row, and
/// some time to spare.
const PATIENT: u64 = 450;

/// Runs the command: one line a finding, and the way out of what is wrong.
///
/// # Errors
/// When stdout cannot be written or the command line is wrong.
pub fn doctor(args: &DoctorArgs) -> anyhow::Result<Exit> {
    let options = broker::patient_options(&args.broker, args.patience, "doctor")?;
    let runtime = broker::runtime()?;
    let mut report = Report::default();
    runtime.block_on(examine(options, &mut report));
    stdout::print(report.text().as_bytes())?;
    Ok(match report.bad {
        0 => Exit::Complete,
        _ => Exit::Failed,
    })
}

#[derive(Default)]
struct Report {
    lines: Vec<String>,
    bad: usize,
}

impl Report {
    fn good(&mut self, what: String) {
        self.lines.push(format!("ok    {what}"));
    }

    fn note(&mut self, what: String) {
        self.lines.push(format!("note  {what}"));
    }

    fn bad(&mut self, what: &str, way_out: &str) {
        self.bad += 1;
        self.lines.push(format!("BAD   {what}"));
        self.lines.push(format!("      {way_out}"));
    }

    fn text(&self) -> String {
        let verdict = match self.bad {
            0 => "this broker is fit",
            1 => "1 thing is wrong",
            bad => &format!("{bad} things are wrong"),
        };
        let mut text = self.lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        text + verdict + "\n"
    }
}

async fn examine(options: BrokerOptions, report: &mut Report) {
    let urls = options.urls.clone();
    versions(&urls, report).await;
    let nodes = every_node(&options, report).await;
    let broker = match Broker::connect(options).await {
        Ok(broker) => broker,
        // Said above, for each of several.
        Err(_) if urls.all().len() > 1 => return,
        Err(error) => return report.bad(&error.to_string(), error.way_out()),
    };
    if let [url] = urls.all() {
        report.good(format!("connected to {url}"));
    }
    if !urls.is_tls() {
        report.note("the connection is not encrypted: amqps:// is".into());
    }
    if let Some(reason) = broker.alarm().await {
        report.bad(
            &format!("the broker is in alarm and takes no messages: {reason}"),
            "free memory or disk on its machine, or raise vm_memory_high_watermark or \
             disk_free_limit; until then jobs wait",
        );
        broker.close().await;
        return;
    }
    examine_log(&broker, report).await;
    examine_reports(&broker, report).await;
    let job = JobRun::new(&JobName::clean("doctor"), unique());
    examine_queues(&broker, &job, report).await;
    for (url, node) in nodes {
        examine_node(url, &node, &job, report).await;
    }
    let _ = tokio::time::timeout(LIMIT, delete_job(&broker, &job, 1)).await;
    report.note(format!(
        "queues and the log of jobs are asked for on {REPLICAS} nodes, where there are as many; on how many \
         the log is, `rabbitmq-streams stream_status {STREAM}` shows, and `add_replica` adds one"
    ));
    report.note(
        "not readable: consumer_timeout, which no message of the protocol tells (`rabbitmqctl environment` \
         does): 30 min is the default and enough; the queues of jobs of exec and of splits have their \
         own, seven days, from RabbitMQ 3.12 on"
            .into(),
    );
    report.note("not readable: free disk (`rabbitmq-diagnostics status` shows it)".into());
    broker.close().await;
}

async fn versions(urls: &BrokerUrls, report: &mut Report) {
    for url in urls.all() {
        match version(url).await {
            Some(version) if is_before(&version, OLDEST) => report.bad(
                &format!("RabbitMQ {version} at {url}"),
                "at least 3.10 is needed: quorum queues with at-least-once dead-lettering",
            ),
            Some(version) => {
                report.good(format!("RabbitMQ {version} at {url}"));
                if is_before(&version, TIMEOUTS) {
                    report.note(format!(
                        "queues of RabbitMQ {version} have no consumer timeout of their own (3.12 \
                         has): where jobs of exec and of splits have --timeout above {PATIENT} s, \
                         raise its consumer_timeout (30 min) to four times that"
                    ));
                }
            }
            None => report.note(format!("the version at {url} is not to be seen from here")),
        }
    }
}

/// Connects to each node where there are several: a role may come to any.
async fn every_node(options: &BrokerOptions, report: &mut Report) -> Vec<(BrokerUrl, Broker)> {
    let mut nodes = Vec::new();
    let urls = options.urls.all();
    for url in urls.iter().filter(|_| urls.len() > 1) {
        let mut one = options.clone();
        one.urls = url.clone().into();
        match Broker::connect(one).await {
            Ok(broker) => {
                report.good(format!("connected to {url}"));
                nodes.push((url.clone(), broker));
            }
            Err(error) => report.bad(&error.to_string(), error.way_out()),
        }
    }
    nodes
}

async fn examine_log(broker: &Broker, report: &mut Report) {
    match tokio::time::timeout(LIMIT, log_of_jobs(broker)).await {
        Ok(Ok(())) => report.good("the log of jobs can be written and read".into()),
        Ok(Err(error @ RegistryError::Gone(_))) => report.bad(&error.to_string(), NO_STREAM),
        Ok(Err(error)) => report.bad(
            &error.to_string(),
            &format!("the user needs {RIGHTS}; streams must not be disabled"),
        ),
        Err(_) => report.bad("the log of jobs does not answer in time", NO_STREAM),
    }
}

async fn examine_reports(broker: &Broker, report: &mut Report) {
    match tokio::time::timeout(LIMIT, reports(broker)).await {
        Ok(Ok(())) => report.good("progress can be reported and heard".into()),
        Ok(Err(error)) => report.bad(
            &format!("progress cannot be reported: {error}"),
            &format!(
                "the user needs {RIGHTS}; jobs run without, but `status` shows neither workers nor \
                 how long it will take"
            ),
        ),
        Err(_) => report.bad(
            "progress is reported and not heard",
            "see the broker's log; jobs run without",
        ),
    }
}

async fn examine_queues(broker: &Broker, job: &JobRun, report: &mut Report) {
    match tokio::time::timeout(LIMIT, queues(broker, job)).await {
        Ok(Ok(facts)) => facts.into_iter().for_each(|fact| report.good(fact)),
        Ok(Err(error)) => report.bad(
            &error.to_string(),
            &format!(
                "the user needs {RIGHTS}; max_message_size must be {LARGEST} or more; the feature \
                 flags quorum_queue and stream_queue must be enabled"
            ),
        ),
        Err(_) => report.bad(
            "queues do not answer in time",
            "a quorum queue without a leader, or a disk that is very slow: see the broker's log",
        ),
    }
}

/// Asks a node for a queue that was declared at another one.
async fn examine_node(url: BrokerUrl, node: &Broker, job: &JobRun, report: &mut Report) {
    let known = queue_depth(node, job, Queue::Dead);
    match tokio::time::timeout(LIMIT, known).await {
        Ok(Ok(Some(_))) => report.good(format!("{url} knows what is declared at another node")),
        _ => report.bad(
            &format!("{url} does not know what is declared at another node"),
            "all nodes must be of one cluster: see `rabbitmqctl cluster_status` on each",
        ),
    }
    node.close().await;
}

fn is_before(version: &str, first: (u32, u32)) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < first,
        _ => false,
    }
}

async fn log_of_jobs(broker: &Broker) -> Result<(), RegistryError> {
    let registry = Registry::open(broker).await?;
    registry.catch_up().await?;
    Ok(())
}

/// Reports progress, and hears it.
async fn reports(broker: &Broker) -> anyhow::Result<()> {
    report::declare(broker).await?;
    let job = JobName::clean(&format!("doctor-{:016x}", unique()));
    let mut reports = Reports::new(broker, Some(&job));
    reports.open().await?;
    let progress = Arc::new(Progress::default());
    let _counters = progress.jobs.of(Role::Map, &JobRun::new(&job, unique()));
    let _reporter = Reporter::start(&Handle::current(), broker, &progress, None);
    match reports.next().await {
        Some(_) => Ok(()),
        None => anyhow::bail!("the broker refuses"),
    }
}

/// Declares the queues of a job, passes messages through, and lets one come back until it is
/// suspected.
async fn queues(broker: &Broker, job: &JobRun) -> anyhow::Result<Vec<String>> {
    let mut facts = Vec::new();
    declare_job(broker, job, 1, Backlog::of(64 << 20)).await?;
    facts.push("queues can be declared".to_owned());
    let queues = Transport::Amqp(Amqp::new(broker, job.clone(), Prefetch::default()));
    let since = Instant::now();
    queues
        .publish(Queue::Results(0), Bytes::from_static(b"hello"))
        .await?;
    let small = since.elapsed();
    facts.push(format!("a small message is confirmed in {small:.1?}"));
    let since = Instant::now();
    let largest = Bytes::from(vec![0; MAX_MESSAGE]);
    queues.publish(Queue::Results(0), largest).await?;
    let large = since.elapsed();
    facts.push(format!("the largest message ({LARGEST}) in {large:.1?}"));
    for _ in 0..2 {
        if let Some(message) = queues.next(Queue::Results(0)).await? {
            message.ack().await;
        }
    }
    queues
        .publish(Queue::Chunks, Bytes::from_static(b"suspect"))
        .await?;
    for _ in 0..=CHUNK_DELIVERIES {
        if let Some(message) = queues.next(Queue::Chunks).await? {
            message.retry().await;
        }
    }
    if let Some(message) = queues.next(Queue::Suspect).await? {
        message.ack().await;
        facts.push("what comes back too often is dead-lettered".to_owned());
    }
    queues.stop();
    Ok(facts)
}
