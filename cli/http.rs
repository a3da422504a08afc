//! Serving HTTP/1 on a listener: the accept loop of `--listen` and of the dashboard.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::debug;

use crate::exit::usage;

/// How long a connection may stay silent before its next request.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause after a connection could not be taken (no file descriptors left).
const PAUSE: Duration = Duration::from_millis(100);

/// Listens on the address of `--listen`.
///
/// # Errors
/// A usage error when the address cannot be listened on.
pub async fn bind(addr: SocketAddr) -> anyhow::Result<TcpListener> {
    (TcpListener::bind(addr).await).map_err(|error| usage(format!("--listen {addr}: {error}")))
}

/// Answers requests until the runtime ends, over at most `connections` at a time; more wait.
pub async fn serve<B, F>(
    listener: TcpListener,
    connections: usize,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let places = Arc::new(Semaphore::new(connections));
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
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answered = answer(request);
                async { Ok::<_, Infallible>(answered.await) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                debug!("{error}");
            }
            drop(place);
        });
    }
}
