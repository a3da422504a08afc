//! Why a job was not submitted.

use gristmill_common::job::JobName;
use gristmill_jobs::file::FileError;
use gristmill_jobs::registry::RegistryError;
use gristmill_rabbitmq::QueueError;

use crate::error::ProduceError;

/// Why a job was not submitted, or not completely.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The name belongs to a job that does something else: wrong usage.
    #[error(
        "job {job} exists with {what}: choose another name with --job, or cancel it first{hint}"
    )]
    Different {
        /// The name.
        job: JobName,
        /// What differs.
        what: &'static str,
        /// A further way out.
        hint: &'static str,
    },
    /// Another producer began a job of that name, or it was cancelled, since this one began.
    #[error("job {0} was begun anew by another producer, or cancelled, meanwhile")]
    Overtaken(JobName),
    /// Another version of the program has a job of that name: wrong usage.
    #[error(
        "job {job} exists in another version of Gristmill (format {version}): choose another name with \
         --job, or run it anew with --force"
    )]
    OtherVersion {
        /// The name.
        job: JobName,
        /// The version of its format.
        version: u16,
    },
    /// The job was finished before, and nothing is left of it.
    #[error(
        "job {job} was finished before, but its output is gone from {place}: put it back, or run the job \
         anew with --force"
    )]
    OutputGone {
        /// The name.
        job: JobName,
        /// Where it was.
        place: String,
    },
    /// The job was finished before, and nobody can say whether its output is still there.
    #[error(
        "job {job} was finished before, but no reducer serves {place} now, so nobody knows whether its \
         output is still there: start a reducer there, or run the job anew with --force"
    )]
    OutputUnknown {
        /// The name.
        job: JobName,
        /// Where it was.
        place: String,
    },
    /// A job whose inputs cannot be read again was begun before: wrong usage.
    #[error(
        "job {0} was begun before, and its inputs (stdin or a pipe) cannot be read again: cancel \
         it, or choose another name with --job"
    )]
    Unrepeatable(JobName),
    /// Reading or publishing failed.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// The queues could not be made.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The file that the job needs could not be sent.
    #[error(transparent)]
    File(#[from] FileError),
    /// The log of jobs cannot be read or written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The broker went, before the job was in its log.
    #[error(
        "the broker is gone: {0}; the job is not in its log, and the same command begins it again"
    )]
    Gone(String),
}

impl SubmitError {
    /// Whether the command line is wrong, rather than the world.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            SubmitError::Different { .. }
                | SubmitError::OtherVersion { .. }
                | SubmitError::Unrepeatable(_)
        )
    }
}
