//! Why bytes are not a message.

use super::VERSION;

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    /// The magic is missing.
    #[error("not a Gristmill message")]
    Foreign,
    /// Another version wrote it.
    #[error("message format version {0}, this program reads version {VERSION}")]
    Version(u16),
    /// The lengths do not add up.
    #[error("truncated or overlong message of {0} bytes")]
    Length(usize),
    /// It is larger than what carries it takes.
    #[error("a message of {0} bytes, more than may be sent")]
    Oversized(usize),
    /// A hash does not match.
    #[error("damaged message: the {0} does not match its hash")]
    Damaged(&'static str),
    /// The head does not decode, or contradicts the body.
    #[error("malformed message: {0}")]
    Malformed(String),
}
