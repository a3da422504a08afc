//! One job as a mapper works on it: where its outcomes go, and what its threads share.
//!
//! It must not know which queue its chunks come from.

use std::path::PathBuf;
use std::sync::Arc;

use gristmill_common::job::JobName;
use gristmill_common::plan_summary::Sent;
use gristmill_common::progress::{JobCounters, Progress};
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{JobSpec, Kind, Shape};
use gristmill_common::wire::{Check, WireError};
use gristmill_input::{Halt, Objects};
use gristmill_jobs::publish_window::LandError;
use gristmill_jobs::transport::{PublishError, Transport};

use crate::engine::kinds::exec::Fatal;
use crate::engine::prepared::Prepared;
use crate::work::cost::Cost;

/// Why mapping stopped.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// A message is no chunk; it was dead-lettered.
    #[error("a chunk cannot be read and was set aside: {0}")]
    Undecodable(String),
    /// A result does not fit a message.
    #[error("the results of chunk {chunk} cannot travel: {source}")]
    Encode {
        /// Which chunk.
        chunk: String,
        /// What is wrong.
        source: WireError,
    },
    /// The job cannot go on, whatever the input is.
    #[error("{0}")]
    Hopeless(String),
    /// The job cannot go on in this process.
    #[error("{0}")]
    Unable(String),
    /// The queue refused.
    #[error("the queue failed: {0}")]
    Queue(#[from] PublishError),
    /// A thread could not be started, or died.
    #[error("a mapper thread failed: {0}")]
    Thread(String),
}

impl From<MapError> for Halt {
    fn from(error: MapError) -> Self {
        Halt::Sink(Box::new(error))
    }
}

impl From<LandError> for MapError {
    fn from(error: LandError) -> Self {
        match error {
            LandError::Publish(error) => MapError::Queue(error),
            LandError::Task(error) => MapError::Thread(error),
        }
    }
}

impl From<Fatal> for MapError {
    fn from(fatal: Fatal) -> Self {
        match fatal {
            Fatal::Hopeless(reason) => MapError::Hopeless(reason),
            Fatal::Here(reason) => MapError::Unable(reason),
        }
    }
}

/// What a child process may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Seconds of processor time.
    pub seconds: u64,
    /// Bytes of address space.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            seconds: 60,
            memory: 1 << 30,
        }
    }
}

/// What jobs may have a mapper read.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Folders of files, as absolute paths without links.
    pub folders: Vec<PathBuf>,
    /// URLs of folders of objects.
    pub urls: Vec<String>,
    /// Where URLs lead.
    pub objects: Arc<dyn Objects>,
}

impl Inputs {
    /// Whether there is nothing that it may read.
    pub(crate) fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.urls.is_empty()
    }
}

/// How a mapper reads splits.
#[derive(Clone, Debug)]
pub struct SplitReading {
    /// What it may open.
    pub inputs: Inputs,
    /// The folder for nested archives that need seeking.
    pub tmp: PathBuf,
    /// Asks for a stop: a split that is being read is given back.
    pub stop: Shutdown,
}

/// A job that chunks are mapped for.
#[derive(Debug)]
pub struct Assignment {
    /// Tells the jobs of this process apart.
    pub number: u64,
    /// Its name on the broker, for the log.
    pub name: Option<JobName>,
    /// Where the outcomes go.
    pub transport: Transport,
    /// The job's options, checked, and what its threads share.
    pub prepared: Arc<Prepared>,
    /// How often the job was replayed.
    pub replays: u32,
    /// The kind and its options.
    pub spec: JobSpec,
    /// Number of splits.
    pub splits: u32,
    /// How they travel.
    pub sent: Sent,
    /// How much of a message is verified.
    pub check: Check,
    /// Whether a message that cannot be read ends the job here; else it is dead-lettered, and the
    /// job's chunk will be missed and sent again.
    pub strict: bool,
    /// What a chunk that may kill may use, in a process of its own.
    pub limits: Limits,
    /// How splits are read here, of a job that sends them by reference.
    pub reading: Option<SplitReading>,
    /// What its chunks cost, where that decides how many are taken ahead.
    pub cost: Option<Arc<Cost>>,
    /// Counters for display.
    pub progress: Arc<Progress>,
    /// What is reported of this job, if it is.
    pub counters: Option<Arc<JobCounters>>,
}

impl Assignment {
    /// Its name in the log.
    pub(crate) fn label(&self) -> &str {
        self.name.as_ref().map_or("-", JobName::as_str)
    }

    /// Whether it runs the user's own program, which is in processes of its own and has limits of
    /// its own.
    pub(crate) fn runs_programs(&self) -> bool {
        matches!(self.spec.kind, Kind::Exec(_))
    }

    /// Whether rows of several chunks travel with one of them: chunks are acknowledged before their
    /// rows are on their way, which is enough where all is lost with this process.
    pub(crate) fn holds_rows(&self) -> bool {
        let in_memory = matches!(self.transport, Transport::Embedded(_));
        let shape = self.prepared.shape();
        in_memory && matches!(shape, Shape::Table(table) if table.has_buckets())
    }

    /// Sets, for reports, how many chunks are taken and not settled.
    pub(crate) fn holds(&self, chunks: usize) {
        if let Some(counters) = &self.counters {
            counters.holds(chunks);
        }
    }
}
