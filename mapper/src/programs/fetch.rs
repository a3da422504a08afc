//! The file that a job needs, fetched from its stream and made what the job needs of it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use gristmill_common::job::JobRun;
use gristmill_common::sha256::Sha256;
use gristmill_common::spec::{JobSpec, Kind};
use gristmill_jobs::file::{FileError, fetch};
use gristmill_jobs::programs::NotReady;
use gristmill_jobs::registry::{Bundle, Submission};
use gristmill_rabbitmq::Broker;

use crate::engine::job_file::JobFile;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Missing {
    /// The stream could not be read.
    #[error(transparent)]
    Stream(#[from] FileError),
    /// The file is not what the job needs.
    #[error("{0}")]
    Unusable(String),
    /// It cannot be had on this machine.
    #[error("{0}")]
    Here(String),
}

impl From<Missing> for NotReady {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Stream(FileError::Closed) => NotReady::Stopped,
            Missing::Stream(FileError::Gone) => NotReady::Gone,
            Missing::Stream(FileError::NotWhole { .. }) | Missing::Unusable(_) => {
                NotReady::Job(missing.to_string())
            }
            // The trouble is this worker's.
            Missing::Stream(_) | Missing::Here(_) => NotReady::Here(missing.to_string()),
        }
    }
}

/// Makes of a file what the job needs.
fn load(
    spec: &JobSpec,
    bundle: Option<Bundle>,
    bytes: Bytes,
    tmp: &Path,
) -> Result<JobFile, Missing> {
    let Kind::Exec(exec) = &spec.kind else {
        return JobFile::of_job(spec, bytes).map_err(|error| Missing::Unusable(error.0));
    };
    if bundle.is_none_or(|bundle| bundle.sha256 != Sha256::of(&bytes)) {
        let what = "exec: the job's code is not the one that its submission names";
        return Err(Missing::Unusable(what.into()));
    }
    JobFile::of_code(exec, &bytes, tmp).map_err(|error| Missing::Here(error.0))
}

/// Fetches the file with a hash from a job's stream; code is unpacked into `tmp`. Dropping the
/// future ends it.
///
/// # Errors
/// When it cannot be had, or is not what the job needs.
pub(crate) async fn fetch_file(
    broker: &Broker,
    run: &JobRun,
    submission: &Submission,
    hash: u64,
    tmp: &Path,
) -> Result<JobFile, Missing> {
    let bytes = fetch(broker, run, hash).await?;
    let (spec, tmp) = (submission.spec.clone(), PathBuf::from(tmp));
    let bundle = (submission.code.as_ref()).and_then(|code| code.bundle);
    let loading = move || load(&spec, bundle, bytes, &tmp);
    let loaded = tokio::task::spawn_blocking(loading).await;
    loaded.map_err(|error| Missing::Unusable(error.to_string()))?
}
