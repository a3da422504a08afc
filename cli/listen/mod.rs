//! What a worker says about itself over HTTP: `/livez`, `/readyz` and `/metrics`. Off unless asked
//! for. It must not know how the worker works; it reads counters and states.

mod metrics;
mod monitor;
mod per_job;

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use prometheus_client::registry::Registry;
use tokio::runtime::Runtime;
use tracing::info;

pub use self::monitor::{Monitor, Role};

use crate::http;

/// Whether the process answers at all.
pub const LIVE: &str = "/livez";
/// Whether it can work.
pub const READY: &str = "/readyz";
/// Its numbers.
pub const METRICS: &str = "/metrics";

/// Connections that are served at a time; more wait.
const CONNECTIONS: usize = 16;
/// Answers at `addr` until the runtime ends; without one, nothing happens.
///
/// # Errors
/// A usage error when the address cannot be listened on.
pub fn start(
    addr: Option<SocketAddr>,
    monitor: &Arc<Monitor>,
    runtime: &Runtime,
) -> anyhow::Result<()> {
    let Some(addr) = addr else { return Ok(()) };
    let listener = runtime.block_on(http::bind(addr))?;
    let bound = listener.local_addr().unwrap_or(addr);
    info!(addr = %bound, "listening");
    let registry = Arc::new(metrics::registry(monitor));
    let monitor = Arc::clone(monitor);
    runtime.spawn(http::serve(listener, CONNECTIONS, move |request| {
        let answer = answer(&request, &monitor, &registry);
        std::future::ready(answer)
    }));
    Ok(())
}

fn answer(
    request: &Request<Incoming>,
    monitor: &Monitor,
    registry: &Registry,
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
    }
    match request.uri().path() {
        LIVE => text(StatusCode::OK, "alive\n".into()),
        READY => match monitor.unready() {
            None => text(StatusCode::OK, "ready\n".into()),
            Some(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        },
        METRICS => match metrics::render(registry) {
            Ok(body) => with_type(StatusCode::OK, metrics::CONTENT, body),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        },
        _ => text(
            StatusCode::NOT_FOUND,
            format!("there are {LIVE}, {READY} and {METRICS}\n"),
        ),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    with_type(status, "text/plain; charset=utf-8", body)
}

fn with_type(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
