//! A job made ready: options checked, what is built once built.

use std::fmt;

use gristmill_common::record::Splitter;
use gristmill_common::spec::{JobSpec, Shape};

use crate::engine::job_file::JobFile;
use crate::engine::kinds;
use crate::engine::processor::Processor;

/// Makes the processors of one job.
pub(crate) type Factory = Box<dyn Fn() -> Box<dyn Processor> + Send + Sync>;

/// A job whose options are checked; shared by all threads.
pub struct Prepared {
    splitter: Splitter,
    shape: Shape,
    factory: Factory,
    file: Option<JobFile>,
}

/// Options that cannot work: a usage error. The text names the option and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpecError(pub String);

impl Prepared {
    /// Checks a job's options and builds what its processors share.
    ///
    /// # Errors
    /// When an option cannot work.
    pub fn new(spec: &JobSpec) -> Result<Self, SpecError> {
        Self::with_file(spec, kinds::file(spec)?)
    }

    /// As [`Prepared::new`], for a job whose file came over a queue.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn with_file(spec: &JobSpec, file: Option<JobFile>) -> Result<Self, SpecError> {
        let factory = kinds::factory(spec, file.as_ref())?;
        let mut prepared = Self::with(spec, spec.kind.shape(), factory)?;
        prepared.file = file;
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
            file: None,
        })
    }

    /// A processor for one thread.
    #[must_use]
    pub fn processor(&self) -> Box<dyn Processor> {
        (self.factory)()
    }

    /// The file that the job needs besides the program.
    #[must_use]
    pub fn file(&self) -> Option<&JobFile> {
        self.file.as_ref()
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
