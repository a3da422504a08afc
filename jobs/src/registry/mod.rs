//! The log of jobs: one durable stream that every role reads, from its newest checkpoint on, so
//! that late workers know every job and a job's spec travels once.
//!
//! Only discovery and claims rest on it. It must not know how a job is worked on.

mod assembly;
mod checkpoint;
mod codec;
mod ended;
mod event;
mod job;
mod log;
mod loss_probe;
mod missing;
mod resume;
mod signature;
mod snapshot;
mod state;
mod table;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::checkpoint::Newest;
use self::codec::CHECKPOINT_PART;
pub use self::codec::{
    MAX_EVENT, MAX_LOG_PART, decode_event, decode_foreign_log_head, decode_log_part, encode_event,
    encode_log_part,
};
pub use self::ended::Ended;
pub use self::event::{Entry, Event, LogHead, SplitDone, Submission, Totals};
pub use self::job::{Claim, Job, MAX_REPLAYS, Phase};
pub use self::log::Log;
pub use self::loss_probe::LossProbe;
use self::missing::Missing;
pub use self::signature::{
    Bundle, Code, KeyError, Keyring, PublicKey, SecretKey, Signature, Statement, Unsigned,
};
pub use self::snapshot::Snapshot;
pub use self::state::JobState;
pub use self::table::{Applied, ForeignJob, JobTable};

use gristmill_common::clock::since_1970;
use gristmill_common::id::unique;
use gristmill_common::job::JobRun;
use gristmill_common::wire::{BodyForm, WireError};
use gristmill_rabbitmq::{
    Broker, PublishFault, Publisher, QueueError, StreamStart, declare_stream, persistently,
    stream_exists,
};

/// The stream's name on the broker.
pub const STREAM: &str = "gristmill.jobs";
/// How long entries are kept.
const MAX_AGE: &str = "30D";
/// How many bytes of them, so that the log cannot fill a broker's disk.
const MAX_BYTES: i64 = 4 << 30;

/// The pause before each look.
const PAUSE: Duration = Duration::from_secs(1);

/// Why the log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The stream could not be declared.
    #[error("the log of jobs ({STREAM}): {0}")]
    Queue(#[from] QueueError),
    /// The stream is gone, or not made yet.
    #[error(
        "the broker does not have the log of jobs ({STREAM}), and has not made it within {} s: try again \
         in a minute; if it stays so it is lost: use another virtual host, which has its own", .0.as_secs()
    )]
    Gone(Duration),
    /// There are more entries than the broker has sent.
    #[error(
        "the broker did not send the whole log of jobs ({STREAM}) within {} s: try again; \
         --connect-timeout waits longer", .0.as_secs()
    )]
    Unread(Duration),
    /// The broker does not allow it.
    #[error("the log of jobs ({STREAM}): the broker refuses: {0}")]
    Refused(String),
    /// The entry is too large.
    #[error("the log of jobs ({STREAM}): {0}")]
    Entry(#[from] WireError),
    /// This process has closed its connections.
    #[error("the connection to the broker was closed")]
    Closed,
}

/// The log of jobs. Clones share the connection.
#[derive(Clone)]
pub struct Registry {
    broker: Broker,
    publisher: Publisher,
    newest: Arc<Newest>,
}

impl Registry {
    /// Opens the log; whoever comes first declares the stream. A lost connection is waited for, and
    /// so is a broker that does not have its streams ready: after a start they come last.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn open(broker: &Broker) -> Result<Self, RegistryError> {
        persistently(broker, STREAM, u32::MAX, async || {
            declare_stream(broker, STREAM, MAX_AGE, MAX_BYTES).await
        })
        .await?;
        Ok(Self {
            broker: broker.clone(),
            publisher: broker.patient_publisher(),
            newest: Arc::default(),
        })
    }

    /// Whether anybody has opened the log yet. It declares nothing.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn exists(broker: &Broker) -> Result<bool, RegistryError> {
        let found = persistently(broker, STREAM, u32::MAX, async || {
            stream_exists(broker, STREAM).await
        });
        Ok(found.await?)
    }

    /// Appends an event; resolves when the broker has confirmed it. Waits while the broker is gone
    /// or in alarm.
    ///
    /// # Errors
    /// When the event is too large, the stream is gone or the broker refuses.
    pub async fn append(&self, run: &JobRun, event: &Event) -> Result<(), RegistryError> {
        let bytes = encode_event(event)?;
        let parts = (bytes.chunks(MAX_LOG_PART), BodyForm::Raw);
        self.append_parts(run, unique(), parts).await
    }

    /// Appends a checkpoint as the entry of this number.
    async fn append_checkpoint(
        &self,
        snapshot: Snapshot,
        number: u64,
    ) -> Result<(), RegistryError> {
        let bytes = encode_event(&Event::Checkpoint(Box::new(snapshot)))?;
        let parts = (bytes.chunks(CHECKPOINT_PART), BodyForm::Packed);
        self.append_parts(&JobRun::of_no_job(), number, parts).await
    }

    async fn append_parts(
        &self,
        run: &JobRun,
        entry: u64,
        (parts, form): (std::slice::Chunks<'_, u8>, BodyForm),
    ) -> Result<(), RegistryError> {
        let mut head = LogHead {
            job: run.job.clone(),
            run: run.run,
            at: since_1970().as_secs(),
            entry,
            part: 0,
            parts: parts.len() as u32,
        };
        for part in parts {
            let message = encode_log_part(&head, part.to_vec(), form)?;
            self.publish(message).await?;
            head.part += 1;
        }
        Ok(())
    }

    /// A broker that has just started does not know its streams yet, and one that was killed may
    /// have forgotten one that was declared within its last seconds: it is declared again, for a
    /// while.
    async fn publish(&self, message: Bytes) -> Result<(), RegistryError> {
        let mut missing = Missing::default();
        loop {
            let headers = self.newest.headers();
            let publishing = self.publisher.publish(STREAM, message.clone(), headers);
            match publishing.await {
                Ok(()) => return Ok(()),
                Err(PublishFault::NoQueue) => missing.again()?,
                Err(PublishFault::Refused(reason)) => return Err(RegistryError::Refused(reason)),
                Err(PublishFault::Closed) => return Err(RegistryError::Closed),
            }
            self.again().await;
        }
    }

    async fn again(&self) {
        tokio::time::sleep(PAUSE).await;
        // What is wrong shows at the next attempt.
        let _ = declare_stream(&self.broker, STREAM, MAX_AGE, MAX_BYTES).await;
    }

    /// Reads the log from its start, and goes on with what is appended.
    #[must_use]
    pub fn follow(&self) -> Log {
        Log::new(self, StreamStart::First)
    }

    /// Appends a marker: a reader that finds it has read everything before it.
    ///
    /// # Errors
    /// As [`Registry::append`].
    pub async fn mark(&self) -> Result<u64, RegistryError> {
        let id = unique();
        self.append(&JobRun::of_no_job(), &Event::Marker { id })
            .await?;
        Ok(id)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}
