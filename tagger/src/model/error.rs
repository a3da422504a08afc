//! Why a model file was refused. Must not know of training.

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Reading the file failed.
    #[error("cannot read the model: {0}")]
    Io(#[from] std::io::Error),
    /// The file is larger than any model may be.
    #[error("larger than the {limit} bytes a model may have")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The file does not start with the magic bytes: it is something else.
    #[error("not a Gristmill tagger model")]
    Foreign,
    /// The file was written by another version of the format.
    #[error(
        "model format version {found}, this program reads versions 2 to {expected}: train it with this program, or use the one that made it"
    )]
    Version {
        /// The version in the file.
        found: u32,
        /// The newest version understood.
        expected: u32,
    },
    /// The file ends early.
    #[error("the model file is truncated")]
    Truncated,
    /// The content does not match its checksum.
    #[error("the model file is damaged: its checksum does not match")]
    Checksum,
    /// The checksum matches but the content makes no sense.
    #[error("the model file is malformed: {0}")]
    Malformed(&'static str),
}
