//! Files that a job needs besides its chunks (a model): sent once per job, read by every mapper.
//!
//! They travel in parts over a durable stream of the job, which keeps what was read, so that late
//! mappers find them too. A file's only name is the hash of its bytes, which the spec holds: what
//! comes is checked against it. It must not know what is in the files.

mod assembly;
mod part;

use std::time::Duration;

use bytes::Bytes;

pub use self::assembly::Assembly;
pub use self::part::{FileMessage, MAX_FILE, PART, PartHead, decode_file, encode_file, parts};

use crate::queue::Queue;
use crate::queue::queue_name;
use gristmill_common::id::{content_hash, unique};
use gristmill_common::job::JobRun;
use gristmill_common::wire::WireError;
use gristmill_rabbitmq::{
    Broker, End, FieldTable, PublishFault, QueueError, StreamStart, declare_stream, persistently,
};

/// The stream lives as long as its job: nothing is forgotten for its age.
const MAX_AGE: &str = "10Y";
/// What sendings again may pile up to; the last one is always whole.
const MAX_BYTES: i64 = 4 * MAX_FILE as i64;

/// How often a stream that seems gone is looked for: a broker that has just started does not know
/// its streams yet.
const ATTEMPTS: u32 = 10;
/// The pause before each.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the file may take to come before a reader asks whether it is all there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a file could not be sent or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is empty or larger than [`MAX_FILE`].
    #[error("a file of {0} bytes: from 1 byte to 256 MiB can travel")]
    Size(u64),
    /// It is not whole on the broker.
    #[error(
        "the file with hash {hash:016x} that the job needs is not whole on the broker ({what}); \
         `produce` again sends it"
    )]
    NotWhole {
        /// Of its bytes.
        hash: u64,
        /// What is there of it.
        what: String,
    },
    /// The stream is gone.
    #[error("the job's stream of files is gone from the broker")]
    Gone,
    /// The stream could not be declared.
    #[error("the job's stream of files: {0}")]
    Queue(#[from] QueueError),
    /// The broker does not allow it.
    #[error("the job's stream of files: the broker refuses: {0}")]
    Refused(String),
    /// A part does not fit a message.
    #[error("the job's stream of files: {0}")]
    Message(#[from] WireError),
    /// This process has closed its connections.
    #[error("the connection to the broker was closed")]
    Closed,
}

impl From<PublishFault> for FileError {
    fn from(fault: PublishFault) -> Self {
        match fault {
            PublishFault::NoQueue => FileError::Gone,
            PublishFault::Refused(reason) => FileError::Refused(reason),
            PublishFault::Closed => FileError::Closed,
        }
    }
}

/// Declares a job's stream of files; one that exists is left as it is.
///
/// # Errors
/// When the broker refuses.
pub async fn declare_files(broker: &Broker, job: &JobRun) -> Result<(), QueueError> {
    let name = queue_name(job, Queue::Files);
    persistently(broker, &name, u32::MAX, async || {
        declare_stream(broker, &name, MAX_AGE, MAX_BYTES).await
    })
    .await
}

/// Puts a file where all mappers of a job find it; resolves when the broker has confirmed all of
/// it. To be done before the job enters the log: a mapper that does not find it there fails the
/// job. Sending it again does no harm.
///
/// # Errors
/// When it is too large, or the broker refuses.
pub async fn send(broker: &Broker, job: &JobRun, file: &Bytes) -> Result<(), FileError> {
    if file.is_empty() || file.len() as u64 > MAX_FILE {
        return Err(FileError::Size(file.len() as u64));
    }
    let hash = content_hash(file);
    let mut left = ATTEMPTS;
    loop {
        declare_files(broker, job).await?;
        match send_once(broker, job, file, hash).await {
            Err(FileError::Gone) if left > 0 => left -= 1,
            done => return done,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn send_once(
    broker: &Broker,
    job: &JobRun,
    file: &Bytes,
    hash: u64,
) -> Result<(), FileError> {
    let name = queue_name(job, Queue::Files);
    let publisher = broker.publisher();
    for (head, body) in parts(file, hash, unique()) {
        let message = encode_file(&FileMessage::Part(head), body.to_vec())?;
        publisher
            .publish(&name, message, FieldTable::default())
            .await?;
    }
    Ok(())
}

/// Reads the file with this hash from a job's stream. Messages that are no part of it are skipped.
/// Dropping the future ends it.
///
/// # Errors
/// When the stream is gone, or the file is not whole in it.
pub async fn fetch(broker: &Broker, job: &JobRun, hash: u64) -> Result<Bytes, FileError> {
    let mut left = ATTEMPTS;
    loop {
        match fetch_once(broker, job, hash).await {
            Err(FileError::Gone) if left > 0 => left -= 1,
            done => return done,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn fetch_once(broker: &Broker, job: &JobRun, hash: u64) -> Result<Bytes, FileError> {
    let name = queue_name(job, Queue::Files);
    let mut reader = broker.stream(&name, StreamStart::First);
    let mut assembly = Assembly::new(hash);
    let mine = unique();
    // Whoever does not find the file soon writes a marker, and knows at the marker that it has read
    // all there is. It waits while the broker is in alarm; reading does not.
    let asking = async {
        tokio::time::sleep(PATIENCE).await;
        let marker = encode_file(&FileMessage::Marker { id: mine }, Vec::new())?;
        let publisher = broker.publisher();
        publisher
            .publish(&name, marker, FieldTable::default())
            .await?;
        Ok::<(), FileError>(())
    };
    tokio::pin!(asking);
    let mut asked = false;
    loop {
        let message = tokio::select! {
            message = reader.next() => message,
            done = &mut asking, if !asked => {
                done?;
                asked = true;
                continue;
            }
        };
        let message = message.map_err(|end| match end {
            End::Gone | End::Finished => FileError::Gone,
            End::Refused(reason) => FileError::Refused(reason),
            End::Closed => FileError::Closed,
        })?;
        match decode_file(&message.body) {
            Ok((FileMessage::Part(head), body)) => {
                if let Some(file) = assembly.take(&head, body) {
                    return Ok(file);
                }
            }
            Ok((FileMessage::Marker { id }, _)) if id == mine => {
                let what = assembly.describe();
                return Err(FileError::NotWhole { hash, what });
            }
            Ok((FileMessage::Marker { .. }, _)) => {}
            Err(_) => assembly.refuse(),
        }
    }
}
