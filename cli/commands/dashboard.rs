//! `gristmill dashboard`: a live page over the jobs of a broker.

use std::time::Duration;

use anyhow::Context;
use gristmill_common::shutdown::{Shutdown, Stage};
use serde_json::json;
use tokio::sync::watch;
use tracing::info;

use crate::args::DashboardArgs;
use crate::broker;
use crate::dashboard::{Access, Server};
use crate::exit::{Exit, usage};
use crate::http;
use crate::signals;
use crate::watch::{View, Watch};

/// How long a stop may take before it is enforced.
const STOP: Duration = Duration::from_secs(10);

/// Runs the command until it is told to stop.
///
/// # Errors
/// When the address cannot be listened on, the broker refuses or does not answer in time.
pub fn dashboard(args: &DashboardArgs) -> anyhow::Result<Exit> {
    let access = access(args)?;
    let options = broker::patient_options(&args.broker, args.patience, "dashboard")?;
    let shutdown = Shutdown::new();
    signals::drain(&shutdown, STOP).context("cannot watch for signals")?;
    let nodes = options.urls.clone();
    let runtime = broker::runtime()?;
    // Before the broker is asked: an address that is taken is said at once.
    let listener = runtime.block_on(http::bind(args.listen))?;
    let addr = listener.local_addr().unwrap_or(args.listen);
    let Some((broker, registry)) = broker::connect(&runtime, options, &shutdown)? else {
        return Ok(Exit::Complete);
    };
    info!(%addr, "listening");
    info!("the jobs are shown at http://{addr}/");
    let empty = json!({"workers": [], "events": [], "broker": {}});
    let (sender, views) = watch::channel(View::new(&empty));
    let watch = Watch::new(broker.clone(), registry, args.results.clone());
    let watch = watch.with_versions_of(nodes);
    let server = Server::new(access, args.results.clone(), views);
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = watch.run(sender) => ended,
            () = server.run(listener) => Ok(()),
            () = shutdown.reached(Stage::Draining) => Ok(()),
        }
    });
    runtime.block_on(broker.close());
    ended.map(|()| Exit::Complete)
}

/// Who may see the data: on the loopback whoever asks, elsewhere whoever has the token.
fn access(args: &DashboardArgs) -> anyhow::Result<Access> {
    if let Some(file) = &args.token_file {
        let token = std::fs::read_to_string(file)
            .map_err(|error| usage(format!("--token-file {}: {error}", file.display())))?;
        return match token.trim() {
            "" => Err(usage(format!(
                "--token-file {}: it is empty",
                file.display()
            ))),
            token => Ok(Access::Token(token.to_owned())),
        };
    }
    let addr = args.listen;
    if !addr.ip().is_loopback() && !args.no_token {
        return Err(usage(format!(
            "--listen {addr}: others than this machine could see it; --token-file FILE asks them for a token, \
             and --no-token is for a container whose port is published on 127.0.0.1 alone"
        )));
    }
    Ok(Access::Loopback)
}
