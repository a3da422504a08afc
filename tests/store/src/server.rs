//! The server.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::memory::{Memory, State};

/// The user's key.
pub const KEY: &str = "AKTESTKEY";
/// And secret.
pub const SECRET: &str = "a-test-secret";

/// An S3 server on loopback, until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _runtime: Runtime,
}

impl Server {
    /// Starts one with an empty bucket of this name.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(bucket: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let state = Arc::new(Mutex::new(State::default()));
        let memory = Memory(Arc::clone(&state));
        let mut service = S3ServiceBuilder::new(memory);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build().into_shared();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service.clone());
                tokio::spawn(connection);
            }
        });
        let server = Self {
            address,
            state,
            _runtime: runtime,
        };
        server
            .state
            .lock()
            .buckets
            .insert(bucket.into(), Default::default());
        server
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts an object there.
    ///
    /// # Panics
    /// When there is no such bucket.
    pub fn put(&self, bucket: &str, key: &str, content: impl Into<Bytes>) {
        let mut state = self.state.lock();
        let bucket = state.buckets.get_mut(bucket).expect("a bucket");
        bucket.insert(key.into(), content.into());
    }

    /// Takes an object away.
    pub fn remove(&self, bucket: &str, key: &str) {
        if let Some(bucket) = self.state.lock().buckets.get_mut(bucket) {
            bucket.remove(key);
        }
    }

    /// What an object holds.
    #[must_use]
    pub fn get(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.state.lock().buckets.get(bucket)?.get(key).cloned()
    }

    /// All keys of a bucket, in order.
    #[must_use]
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let state = self.state.lock();
        let keys = state
            .buckets
            .get(bucket)
            .map(|bucket| bucket.keys().cloned().collect());
        keys.unwrap_or_default()
    }

    /// Uploads in parts that were begun and neither completed nor given up.
    #[must_use]
    pub fn open_uploads(&self) -> usize {
        self.state.lock().uploads.len()
    }

    /// From now on it ignores `If-None-Match`, as some stores do.
    pub fn ignore_conditions(&self) {
        self.state.lock().ignores_conditions = true;
    }
}
