//! A job made ready: options checked, what is built once built.

use std::fmt;
use std::sync::Arc;

use gristmill_common::record::Splitter;
use gristmill_common::spec::{JobSpec, Shape};

use crate::engine::job_file::JobFile;
use crate::engine::kinds;
use crate::engine::kinds::exec::{Fatal, Host, Verdict};
use crate::engine::processor::Processor;

/// Makes the processors of one job.
pub(crate) type Factory = Box<dyn Fn() -> Box<dyn Processor> + Send + Sync>;

/// A job whose options are checked; shared by all threads.
pub struct Prepared {
    splitter: Splitter,
    shape: Shape,
    factory: Factory,
    files: Vec<JobFile>,
    verdict: Arc<Verdict>,
}

/// Options that cannot work: a usage error. The text names the option and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpecError(pub String);

impl Prepared {
    /// Checks a job's options and builds what its processors share, for a job without files.
    ///
    /// # Errors
    /// When an option cannot work.
    pub fn new(spec: &JobSpec) -> Result<Self, SpecError> {
        Self::with_files(spec, Vec::new())
    }

    /// As [`Prepared::new`], for a job with these files.
    ///
    /// # Errors
    /// As [`Prepared::new`], and when a file that the job needs is missing.
    pub fn with_files(spec: &JobSpec, files: Vec<JobFile>) -> Result<Self, SpecError> {
        Self::on(spec, files, &Host::here())
    }

    /// As [`Prepared::with_files`]; `host` is for a job that runs the user's own program.
    ///
    /// # Errors
    /// As [`Prepared::with_files`], and when the program cannot be run here.
    pub fn on(spec: &JobSpec, files: Vec<JobFile>, host: &Host) -> Result<Self, SpecError> {
        let verdict = Arc::new(Verdict::new(host.keep_going, &host.shutdown));
        let factory = kinds::factory(spec, &files, host, &verdict)?;
        let mut prepared = Self::with(spec, spec.kind.shape(), factory)?;
        prepared.files = files;
        prepared.verdict = verdict;
        Ok(prepared)
    }

    /// A job whose records go through a processor that is not built in; `shape` says what its
    /// results are.
    ///
    /// # Errors
    /// When the spec's record mode cannot work.
    pub fn custom(
        spec: &JobSpec,
        shape: Shape,
        factory: impl Fn() -> Box<dyn Processor> + Send + Sync + 'static,
    ) -> Result<Self, SpecError> {
        Self::with(spec, shape, Box::new(factory))
    }

    fn with(spec: &JobSpec, shape: Shape, factory: Factory) -> Result<Self, SpecError> {
        let splitter = Splitter::new(&spec.records).map_err(|error| {
            SpecError(format!(
                "--record-start: not a regular expression; escape special characters with a \
                 backslash\n{error}"
            ))
        })?;
        Ok(Self {
            splitter,
            shape,
            factory,
            files: Vec::new(),
            verdict: Arc::default(),
        })
    }

    /// A processor for one thread.
    #[must_use]
    pub fn processor(&self) -> Box<dyn Processor> {
        (self.factory)()
    }

    /// Why the job cannot go on, if a processor has found that: what has come of its chunks since
    /// is nothing.
    #[must_use]
    pub fn cannot_go_on(&self) -> Option<&str> {
        self.fatal().map(Fatal::reason)
    }

    /// The same, and whether that is so everywhere.
    pub(crate) fn fatal(&self) -> Option<&Fatal> {
        self.verdict.fatal()
    }

    /// Whether the job was asked to stop: what its programs made of a chunk since is not to be
    /// used.
    pub(crate) fn is_stopping(&self) -> bool {
        self.verdict.is_stopping()
    }

    /// The files that the job needs besides the program.
    #[must_use]
    pub fn files(&self) -> &[JobFile] {
        &self.files
    }

    /// What the job's results are.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Where the job's records begin and end.
    #[must_use]
    pub fn splitter(&self) -> &Splitter {
        &self.splitter
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("splitter", &self.splitter)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}
