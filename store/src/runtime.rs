//! The runtime that requests run on: one of the process, made at the first use.

use std::future::Future;
use std::sync::OnceLock;

use gristmill_input::ObjectError;
use tokio::runtime::{Builder, Handle, Runtime};

/// Threads that move bytes between the network and buffers.
const THREADS: usize = 2;

static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

/// A handle of the runtime.
///
/// # Errors
/// When its threads cannot be started.
pub(crate) fn handle() -> Result<&'static Handle, ObjectError> {
    let runtime = RUNTIME.get_or_init(|| {
        // Without a choice the TLS library would not know which of its two ciphers' sources to use.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Builder::new_multi_thread();
        (builder.worker_threads(THREADS).thread_name("store"))
            .enable_all()
            .build()
            .ok()
    });
    (runtime.as_ref().map(Runtime::handle))
        .ok_or_else(|| ObjectError::Failed("no threads for the network can be started".into()))
}

/// Runs a question to its end on this thread.
///
/// # Errors
/// As the question, and when there is no runtime.
pub(crate) fn wait<T>(
    question: impl Future<Output = Result<T, ObjectError>>,
) -> Result<T, ObjectError> {
    handle()?.block_on(question)
}
