//! From the options of the command line to a broker and its log of jobs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_jobs::registry::Registry;
use gristmill_jobs::worker::Worker;
use gristmill_rabbitmq::{
    Broker, BrokerEvent, BrokerOptions, BrokerOrder, BrokerUrls, ConnectError, Tls,
};
use tokio::runtime::Runtime;
use tracing::{info, warn};

use crate::args::{BrokerArgs, NodeOrder, PatienceArgs};
use crate::exit::usage;

/// Where a broker is if nobody says so.
const DEFAULT: &str = "amqp://127.0.0.1";

/// Threads that only wait for the network.
///
/// # Errors
/// When they cannot be started.
pub fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("transport")
        .enable_all()
        .build()
        .context("cannot start the transport")
}

/// How to reach the broker, as typed: for a worker, which waits for it.
///
/// # Errors
/// When the URL is none, or its file cannot be read: a usage error without the text.
pub fn options(args: &BrokerArgs, role: &str) -> anyhow::Result<BrokerOptions> {
    let urls = match (&args.broker_file, &args.broker[..]) {
        (Some(file), _) => BrokerUrls::from_file(file),
        (None, []) => DEFAULT.parse(),
        (None, urls) => urls.join("\n").parse(),
    };
    let urls = urls.map_err(|error| usage(error.to_string()))?;
    let of_tls = [
        ("--ca", args.ca.is_some()),
        ("--client-cert", args.client_cert.is_some()),
    ];
    if let Some((option, _)) = of_tls.iter().find(|(_, given)| *given && !urls.is_tls()) {
        return Err(usage(format!(
            "{option} is for amqps://, and {urls} is not encrypted: write amqps://, or leave {option} out"
        )));
    }
    let mut options = BrokerOptions::new(urls);
    options.order = match args.broker_order {
        NodeOrder::Shuffled => BrokerOrder::Shuffled,
        NodeOrder::Listed => BrokerOrder::Listed,
    };
    options.tls = Tls {
        ca: args.ca.clone(),
        identity: args.client_cert.clone().zip(args.client_key.clone()),
    };
    options.heartbeat = args.heartbeat;
    options.name = format!("gristmill {role}");
    options.listener = Arc::new(|event| match event {
        BrokerEvent::Back { .. } | BrokerEvent::Unblocked | BrokerEvent::Served { .. } => {
            info!("{event}");
        }
        _ => warn!("{event}"),
    });
    Ok(options)
}

/// The same for a command that looks: it gives up in time.
///
/// # Errors
/// As [`options`].
pub fn patient_options(
    args: &BrokerArgs,
    patience: PatienceArgs,
    role: &str,
) -> anyhow::Result<BrokerOptions> {
    let mut options = options(args, role)?;
    options.connect_limit = limit(patience);
    Ok(options)
}

fn limit(patience: PatienceArgs) -> Option<Duration> {
    match patience.connect_timeout {
        0 => None,
        seconds => Some(Duration::from_secs(seconds)),
    }
}

/// Connects, waiting for a broker that is not there yet as long as the options allow, and opens the
/// log of jobs. `None` when a stop was asked for meanwhile.
///
/// # Errors
/// When the broker refuses, or does not answer in time.
pub fn connect(
    runtime: &Runtime,
    options: BrokerOptions,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<(Broker, Registry)>> {
    let limit = options.connect_limit;
    let connecting = async {
        let broker = reach(options).await?;
        let opening = async { Ok(Registry::open(&broker).await?) };
        let registry = answered(&broker, limit, in_time(limit, opening)).await?;
        anyhow::Ok((broker, registry))
    };
    runtime.block_on(async {
        tokio::select! {
            connected = connecting => connected.map(Some),
            () = shutdown.reached(Stage::Draining) => Ok(None),
        }
    })
}

/// The same for a process that works on jobs.
///
/// # Errors
/// As [`connect`].
pub fn worker(
    runtime: &Runtime,
    options: BrokerOptions,
    progress: &Arc<Progress>,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<Worker>> {
    let connected = connect(runtime, options, shutdown)?;
    Ok(connected.map(|(broker, registry)| Worker {
        broker,
        registry,
        runtime: runtime.handle().clone(),
        progress: Arc::clone(progress),
        shutdown: shutdown.clone(),
    }))
}

/// Connects, waiting for a broker that is not there yet as long as the options allow.
///
/// # Errors
/// When the broker refuses, or does not answer in time.
pub async fn reach(options: BrokerOptions) -> anyhow::Result<Broker> {
    let limit = options.connect_limit;
    Broker::connect(options).await.map_err(|error| {
        let way_out = error.way_out();
        match error {
            // A certificate that cannot be read is the command line's fault.
            ConnectError::Tls(_) => usage(error.to_string()),
            ConnectError::Unreachable(_) => anyhow!("{error}; {way_out}{}", gave_up(limit)),
            ConnectError::Refused(_) => anyhow!("{error}; {way_out}"),
        }
    })
}

/// Does something with a broker that was reached, unless it goes and does not come back for
/// `limit`.
///
/// # Errors
/// Those of the work, or that the broker is gone.
pub async fn answered<T>(
    broker: &Broker,
    limit: Option<Duration>,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let Some(time) = limit else {
        return work.await;
    };
    tokio::select! {
        done = work => done,
        reason = broker.gone_for(time) => bail!("the broker is gone: {reason}{}", gave_up(limit)),
    }
}

/// One question to a broker that is there, which it must answer within `limit`.
async fn in_time<T>(
    limit: Option<Duration>,
    question: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let Some(time) = limit else {
        return question.await;
    };
    match tokio::time::timeout(time, question).await {
        Ok(answer) => answer,
        Err(_) => bail!(
            "the broker is connected and does not have the log of jobs ready: see its log{}",
            gave_up(limit)
        ),
    }
}

fn gave_up(limit: Option<Duration>) -> String {
    match limit {
        Some(limit) => format!(" (gave up after {} s: --connect-timeout)", limit.as_secs()),
        None => String::new(),
    }
}
