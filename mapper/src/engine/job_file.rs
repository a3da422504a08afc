//! The file that a job needs besides the program: its bytes, and what they hold, loaded once.
//!
//! Jobs with the same hash share it. It must not know how the bytes came here.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::code::unbundle;
use gristmill_common::id::content_hash;
use gristmill_common::spec::{Exec, JobSpec, Kind};
use gristmill_common::temp_folder::TempFolder;
use gristmill_tagger::Model;

use crate::engine::prepared::SpecError;

/// A loaded file. Clones share it.
#[derive(Clone)]
pub struct JobFile {
    hash: u64,
    /// For child processes, and for who sends it on; none of code, which is on disk.
    bytes: Bytes,
    content: Content,
}

/// What a file holds.
#[derive(Clone)]
enum Content {
    Model(Arc<Model>),
    /// The folder with the user's program.
    Code(Arc<TempFolder>),
}

impl JobFile {
    /// Unpacks the bundle of a job's program into a folder of its own in `tmp`.
    ///
    /// # Errors
    /// When it is not the one of the job, or the disk refuses.
    pub fn of_code(exec: &Exec, bundle: &[u8], tmp: &Path) -> Result<Self, SpecError> {
        let wrong = |error: &dyn fmt::Display| SpecError(format!("exec: {error}"));
        let folder = TempFolder::new(tmp, "code").map_err(|error| wrong(&error))?;
        unbundle(bundle, &exec.files, folder.path()).map_err(|error| wrong(&error))?;
        Ok(Self {
            hash: content_hash(bundle),
            bytes: Bytes::new(),
            content: Content::Code(Arc::new(folder)),
        })
    }

    /// Loads the file that came for a job.
    ///
    /// # Errors
    /// When it is not the one that the job names, or not what a job of this kind needs.
    pub fn of_job(spec: &JobSpec, bytes: Bytes) -> Result<Self, SpecError> {
        let (name, hash) = (spec.kind.name(), content_hash(&bytes));
        if spec.kind.file() != Some(hash) {
            return Err(SpecError(format!(
                "{name}: the file with hash {hash:016x} is not the one of the job"
            )));
        }
        match &spec.kind {
            Kind::Pos(_) => Self::of_model(bytes).map_err(|error| {
                SpecError(format!("{name}: the model with hash {hash:016x}: {error}"))
            }),
            _ => Err(SpecError(format!("{name} needs no file"))),
        }
    }

    pub(crate) fn of_model(bytes: Bytes) -> Result<Self, SpecError> {
        let model = Model::from_bytes(&bytes).map_err(|error| SpecError(error.to_string()))?;
        Ok(Self {
            hash: model.hash(),
            bytes,
            content: Content::Model(Arc::new(model)),
        })
    }

    /// The hash of its bytes: files have no other name.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether somebody has a clone of it.
    pub(crate) fn is_used(&self) -> bool {
        match &self.content {
            Content::Model(model) => Arc::strong_count(model) > 1,
            Content::Code(folder) => Arc::strong_count(folder) > 1,
        }
    }

    pub(crate) fn model(&self) -> Option<&Arc<Model>> {
        match &self.content {
            Content::Model(model) => Some(model),
            Content::Code(_) => None,
        }
    }

    /// The folder with the user's program, if that is what it holds.
    pub(crate) fn code(&self) -> Option<&Path> {
        match &self.content {
            Content::Code(folder) => Some(folder.path()),
            Content::Model(_) => None,
        }
    }
}

impl fmt::Debug for JobFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobFile")
            .field("hash", &self.hash)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
