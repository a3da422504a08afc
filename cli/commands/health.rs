//! `gristmill health`: asks a worker's `--listen` address, for probes that run a command.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::args::HealthArgs;
use crate::exit::Exit;
use crate::listen::{LIVE, READY};

/// A longer answer is none of a worker's.
const LONGEST: usize = 4 << 10;

/// Runs the command.
///
/// # Errors
/// Why the worker is not ready, or that it does not answer.
pub fn health(args: &HealthArgs) -> anyhow::Result<Exit> {
    let path = if args.live { LIVE } else { READY };
    let addr = reachable(args.addr);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let limit = Duration::from_secs(args.timeout.max(1));
    let (status, body) = runtime
        .block_on(async { tokio::time::timeout(limit, ask(addr, path)).await })
        .with_context(|| format!("{addr} does not answer within {} s", limit.as_secs()))?
        .with_context(|| format!("{addr} does not answer"))?;
    if status != StatusCode::OK {
        anyhow::bail!("{}", body.trim_end());
    }
    Ok(Exit::Complete)
}

/// An address to connect to: who listens everywhere listens here too.
fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    addr
}

async fn ask(addr: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, String)> {
    let stream = TcpStream::connect(addr).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(HOST, addr.to_string())
        .body(Empty::<Bytes>::new())?;
    let talk = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        anyhow::Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    tokio::select! {
        answered = talk => answered,
        ended = connection => {
            ended?;
            anyhow::bail!("it closed the connection")
        }
    }
}
