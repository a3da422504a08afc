//! What a worker says about itself over HTTP: `/livez`, `/readyz` and `/metrics`. Off unless asked
//! for. It must not know how the worker works; it reads counters and states.

mod metrics;
mod monitor;
mod per_job;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tracing::{debug, info};

pub use self::monitor::{Monitor, Role};

use crate::exit::usage;

/// Whether the process answers at all.
pub const LIVE: &str = "/livez";
/// Whether it can work.
pub const READY: &str = "/readyz";
/// Its numbers.
pub const METRICS: &str = "/metrics";

/// Connections that are served at a time; more wait.
const CONNECTIONS: usize = 16;
/// How long a connection may stay silent before its next request.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause after a connection could not be taken (no file descriptors left).
const PAUSE: Duration = Duration::from_millis(100);

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
    let listener = runtime
        .block_on(TcpListener::bind(addr))
        .map_err(|error| usage(format!("--listen {addr}: {error}")))?;
    let bound = listener.local_addr().unwrap_or(addr);
    info!(addr = %bound, "listening");
    runtime.spawn(serve(listener, Arc::clone(monitor)));
    Ok(())
}

async fn serve(listener: TcpListener, monitor: Arc<Monitor>) {
    let registry = Arc::new(metrics::registry(&monitor));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Nobody closes it.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!("a connection could not be taken: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (monitor, registry) = (Arc::clone(&monitor), Arc::clone(&registry));
        tokio::spawn(async move {
            talk(stream, &monitor, &registry).await;
            drop(place);
        });
    }
}

async fn talk(stream: TcpStream, monitor: &Monitor, registry: &Registry) {
    let service =
        service_fn(async |request| Ok::<_, Infallible>(answer(&request, monitor, registry)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        debug!("{error}");
    }
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
