//! The plan of a job: its sources in order, and the splits that they are read in.
//!
//! A pure function of the inputs and the spec (I1). It must not know how chunks are cut.

mod attached;
mod globs;
mod inputs;
mod planned_file;
mod ranges;
mod splits;
mod task;
mod urls;
mod walk;

pub(crate) use globs::{Globs, Take};

use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use gristmill_common::extent::Extent;
use gristmill_common::id::content_hash;
use gristmill_common::plan_summary::{PlanSummary, Sent};
use gristmill_common::spec::JobSpec;

pub(crate) use globs::Patterns;
pub use planned_file::{PlannedFile, version_of};
pub(crate) use ranges::is_packed;
pub use task::{Located, path_of};

use crate::head::Ahead;
use crate::object::{NoObjects, ObjectError, ObjectSource, Objects, is_url};

/// What will be read, and in which pieces of work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    sources: Vec<Source>,
    splits: Vec<Split>,
    chunk_size: usize,
    /// Numbers of the first source and of the first split: 0, but in the plan of one split that a
    /// message names.
    first_source: u32,
    first_split: u32,
    sent: Sent,
}

/// One file or stream named by the user, or found in a folder that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As it was typed; for a file in a folder, the folder as typed joined with the path in it.
    pub name: Vec<u8>,
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: SourceKind,
    /// Whether `--include` chose it by its name: an archive is read whole then.
    pub chosen: bool,
    /// Set for a stream of which some was read before its reader.
    pub ahead: Option<Ahead>,
}

/// What a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A regular file; what is appended later is not read.
    File(PlannedFile),
    /// An object of a store.
    Object(ObjectSource),
    /// A FIFO or device: read once, to its end.
    Stream,
    /// Standard input.
    Stdin,
    /// Found in a folder and not readable: one quarantine entry.
    Unreadable {
        /// Why, in words.
        reason: String,
    },
}

impl Source {
    /// Its size on disk at planning, in bytes; `None` for a stream or what cannot be read.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self.kind {
            SourceKind::File(file) => Some(file.version.size),
            SourceKind::Object(ref object) => Some(object.0.size()),
            _ => None,
        }
    }
}

/// A planned unit of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Numbers of the sources, read one after the other.
    pub sources: Range<u32>,
    /// Which part of them is read.
    pub extent: Extent,
}

/// Why a job cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A glob of `--include` or `--exclude` is malformed: wrong usage.
    #[error("{0}")]
    Glob(#[from] globset::Error),
    /// Standard input is named twice: wrong usage.
    #[error("standard input (-) can be read only once")]
    StdinTwice,
    /// A named input is the folder for the output: wrong usage.
    #[error("{}: the folder for the output is no input", .0.display())]
    Output(PathBuf),
    /// A named input cannot be opened.
    #[error("{}: {error}", path.display())]
    Input {
        /// As it was typed.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Objects that a URL names cannot be found.
    #[error("{name}: {error}")]
    Object {
        /// The URL, without anything secret.
        name: String,
        /// Why.
        error: ObjectError,
    },
    /// A named list of inputs cannot be read, or a path in it cannot be opened.
    #[error("{}, line {line}: {error}", list.display())]
    List {
        /// The list.
        list: PathBuf,
        /// The line of the path, from 1; 0 for the list itself.
        line: usize,
        /// What is wrong with it.
        error: Box<PlanError>,
    },
    /// There are more sources or splits than can be numbered.
    #[error("more than {} sources", u32::MAX)]
    TooMany,
}

impl PlanError {
    /// Whether the command line is wrong, rather than a file.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            PlanError::Glob(_) | PlanError::StdinTwice | PlanError::Output(_)
        )
    }
}

impl Plan {
    /// Plans a job over `inputs` as they were typed: files, folders, `-` and `@list`. `chunk_size`
    /// is the length of a chunk's body that is aimed at, in bytes.
    ///
    /// # Errors
    /// When a named input cannot be opened or a glob is malformed.
    pub fn new(inputs: &[OsString], spec: &JobSpec, chunk_size: usize) -> Result<Self, PlanError> {
        Self::with_lists(inputs, spec, chunk_size, b'\n')
    }

    /// As [`Plan::new`]; the paths in a list end with `separator`.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn with_lists(
        inputs: &[OsString],
        spec: &JobSpec,
        chunk_size: usize,
        separator: u8,
    ) -> Result<Self, PlanError> {
        Self::with_objects(inputs, spec, chunk_size, separator, &NoObjects, None)
    }

    /// As [`Plan::with_lists`]; URLs, typed or listed, name `objects`. The folder `output` is not
    /// walked where it lies in another: what an earlier run wrote there is no input.
    ///
    /// # Errors
    /// As [`Plan::new`], when a URL's objects cannot be found, and when an input is `output`.
    pub fn with_objects(
        inputs: &[OsString],
        spec: &JobSpec,
        chunk_size: usize,
        separator: u8,
        objects: &dyn Objects,
        output: Option<&Path>,
    ) -> Result<Self, PlanError> {
        let sources = inputs::list(inputs, spec, separator, objects, output)?;
        u32::try_from(sources.len()).map_err(|_| PlanError::TooMany)?;
        let splits = splits::group(&sources, spec)?;
        Ok(Self::of(sources, splits, chunk_size))
    }

    /// A plan of these sources and splits.
    pub(crate) fn of(sources: Vec<Source>, splits: Vec<Split>, chunk_size: usize) -> Self {
        Self {
            sources,
            splits,
            chunk_size,
            ..Self::default()
        }
    }

    /// The plan of the same sources for another spec, which says more of what is in them.
    ///
    /// # Errors
    /// When a glob is malformed, or a large object cannot be looked into.
    pub fn for_spec(self, spec: &JobSpec) -> Result<Self, PlanError> {
        let splits = splits::group(&self.sources, spec)?;
        Ok(Self { splits, ..self })
    }

    pub(crate) fn sources_mut(&mut self) -> &mut [Source] {
        &mut self.sources
    }

    /// The same plan, its splits travelling so.
    #[must_use]
    pub fn sent_as(self, sent: Sent) -> Self {
        Self { sent, ..self }
    }

    /// A source by its number.
    #[must_use]
    pub fn source(&self, number: u32) -> Option<&Source> {
        let at = number.checked_sub(self.first_source)?;
        self.sources.get(at as usize)
    }

    /// A split by its number.
    #[must_use]
    pub fn split(&self, number: u32) -> Option<&Split> {
        let at = number.checked_sub(self.first_split)?;
        self.splits.get(at as usize)
    }

    /// How its splits travel.
    #[must_use]
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// The sources, in input order.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The splits, in input order.
    #[must_use]
    pub fn splits(&self) -> &[Split] {
        &self.splits
    }

    /// The same plan, with chunks whose bodies are so long.
    #[must_use]
    pub fn with_chunk_size(self, chunk_size: usize) -> Self {
        Self { chunk_size, ..self }
    }

    /// The length of a chunk's body that is aimed at, in bytes.
    #[must_use]
    pub fn chunk_size(&self) -> usize {
        self.chunk_size
    }

    /// What the other roles need to know of the plan.
    #[must_use]
    pub fn summary(&self) -> PlanSummary {
        PlanSummary {
            sources: (self.sources.iter())
                .map(|source| serde_bytes::ByteBuf::from(source.name.clone()))
                .collect(),
            splits: self.splits.len() as u32,
            sent: self.sent,
        }
    }

    /// A hash of what is to be read and how it is cut: each source's name, size and time of its
    /// last change, the size of chunks, and how splits travel. The same job name with another plan
    /// is another job.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut told = Vec::new();
        told.extend_from_slice(&(self.chunk_size as u64).to_le_bytes());
        for source in &self.sources {
            told.extend_from_slice(&(source.name.len() as u64).to_le_bytes());
            told.extend_from_slice(&source.name);
            match &source.kind {
                SourceKind::File(file) => {
                    told.push(0);
                    told.extend_from_slice(&file.version.size.to_le_bytes());
                    told.extend_from_slice(&file.version.seconds.to_le_bytes());
                    told.extend_from_slice(&file.version.nanos.to_le_bytes());
                }
                SourceKind::Object(object) => {
                    told.push(5);
                    told.extend_from_slice(&object.0.size().to_le_bytes());
                    told.extend_from_slice(object.0.version().as_bytes());
                    told.push(0);
                }
                SourceKind::Stream => told.push(1),
                SourceKind::Stdin => told.push(2),
                SourceKind::Unreadable { .. } => told.push(3),
            }
        }
        match self.sent {
            Sent::Chunks => {}
            Sent::Splits => told.push(4),
            Sent::Files => told.push(6),
        }
        content_hash(&told)
    }

    /// Whether all sources can be read again.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        !self
            .sources
            .iter()
            .any(|source| matches!(source.kind, SourceKind::Stream | SourceKind::Stdin))
    }

    /// Whether all sources are objects of stores that others can ask for by their names.
    #[must_use]
    pub fn is_of_objects(&self) -> bool {
        let named = |source: &Source| match &source.kind {
            SourceKind::Object(object) => object.0.is_named(),
            // One whose key cannot be asked for.
            SourceKind::Unreadable { .. } => is_url(&source.name),
            _ => false,
        };
        !self.sources.is_empty() && self.sources.iter().all(named)
    }

    /// Whether others can read all sources by their names.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.sources.iter().all(|source| match &source.kind {
            SourceKind::Object(object) => object.0.is_named(),
            SourceKind::Stream | SourceKind::Stdin => false,
            SourceKind::File(_) | SourceKind::Unreadable { .. } => true,
        })
    }

    /// Bytes of all sources as they lie on disk; `None` if one is a stream.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        let mut total = 0_u64;
        for source in &self.sources {
            match source.kind {
                SourceKind::Stream | SourceKind::Stdin => return None,
                _ => total = total.saturating_add(source.size().unwrap_or(0)),
            }
        }
        Some(total)
    }
}
