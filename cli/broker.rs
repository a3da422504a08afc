//! From the options of the command line to a broker and its log of jobs.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_jobs::registry::Registry;
use gristmill_rabbitmq::{Broker, BrokerOptions, BrokerUrl, ConnectError, Notice, Tls};
use tokio::runtime::Runtime;
use tracing::{info, warn};

use crate::args::BrokerArgs;
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

/// How to reach the broker, as typed.
///
/// # Errors
/// When the URL is none, or its file cannot be read: a usage error without the text.
pub fn options(args: &BrokerArgs, role: &str) -> anyhow::Result<BrokerOptions> {
    let url = match (&args.broker_file, &args.broker) {
        (Some(file), _) => BrokerUrl::from_file(Path::new(file)),
        (None, Some(url)) => url.parse(),
        (None, None) => DEFAULT.parse(),
    };
    let mut options = BrokerOptions::new(url.map_err(|error| usage(error.to_string()))?);
    options.tls = Tls {
        ca: args.ca.clone(),
        identity: args.client_cert.clone().zip(args.client_key.clone()),
    };
    options.heartbeat = args.heartbeat;
    options.name = format!("gristmill {role}");
    options.listener = Arc::new(|notice| match notice {
        Notice::Back { .. } | Notice::Unblocked => info!("{notice}"),
        _ => warn!("{notice}"),
    });
    Ok(options)
}

/// Connects, waiting for a broker that is not there yet, and opens the log of jobs. `None` when a
/// stop was asked for meanwhile.
///
/// # Errors
/// When the broker refuses.
pub fn connect(
    runtime: &Runtime,
    options: BrokerOptions,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<(Broker, Registry)>> {
    let connecting = async {
        let broker = reach(options).await?;
        let registry = Registry::open(&broker).await?;
        anyhow::Ok((broker, registry))
    };
    runtime.block_on(async {
        tokio::select! {
            connected = connecting => connected.map(Some),
            () = shutdown.reached(Stage::Draining) => Ok(None),
        }
    })
}

/// Connects, waiting for a broker that is not there yet.
///
/// # Errors
/// When the broker refuses.
pub async fn reach(options: BrokerOptions) -> anyhow::Result<Broker> {
    Broker::connect(options).await.map_err(|error| match error {
        // A certificate that cannot be read is the command line's fault.
        ConnectError::Tls(_) => usage(error.to_string()),
        error => error.into(),
    })
}
