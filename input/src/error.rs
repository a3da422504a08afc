//! Why reading ended early. It must not know how anything is read.

use std::path::PathBuf;

use gristmill_common::name::shown;
use gristmill_common::size::ByteSize;

/// Damage that fails the job because it was asked to (`--on-corrupt fail`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: {}, offset {offset}: {reason}",
    shown(source_name),
    shown(document)
)]
pub struct Failure {
    /// Name of the source, as it was typed.
    pub source_name: Vec<u8>,
    /// Name of the document in it.
    pub document: Vec<u8>,
    /// Offset of the damaged stretch in the (decompressed) document, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub reason: String,
}

fn too_much(most: u64) -> String {
    format!(
        "the inputs unfold to more than {} of text; raise --max-expanded, or leave inputs out",
        ByteSize(most)
    )
}

/// Why a split was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// A stop was asked for, or the sink wants no more.
    #[error("stopped")]
    Stopped,
    /// Damage, in a job that is to fail on it.
    #[error(transparent)]
    Corrupt(#[from] Failure),
    /// The inputs unfold to more than is allowed.
    #[error("{}", too_much(*.0))]
    TooMuch(u64),
    /// A temporary file cannot be written.
    #[error(
        "cannot write a temporary file in {}: {error}; free some space, or choose another folder \
         with --tmp", path.display()
    )]
    Temporary {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// An object is not what it was when the job was planned.
    #[error(
        "input changed: {}: {reason}; run the job again with --force once nothing writes to its \
         inputs",
        shown(source_name)
    )]
    Changed {
        /// Name of the source.
        source_name: Vec<u8>,
        /// What differs.
        reason: String,
    },
    /// A store does not give an object, after all tries.
    #[error("{}: {reason}", shown(source_name))]
    Store {
        /// Name of the source.
        source_name: Vec<u8>,
        /// What it or the network said.
        reason: String,
    },
    /// A glob is malformed.
    #[error("{0}")]
    Glob(#[from] globset::Error),
    /// The `--record-start` pattern is not a regular expression.
    #[error("--record-start: {0}")]
    RecordStart(#[from] regex::Error),
    /// A reader thread could not be started or panicked.
    #[error("reader thread: {0}")]
    Thread(String),
    /// The sink cannot go on: an error of its own.
    #[error(transparent)]
    Sink(Box<dyn std::error::Error + Send + Sync>),
}
