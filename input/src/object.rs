//! Objects of a store: what is read by ranges over the network instead of from a disk.
//!
//! Only what a reader of them must be able to do. Who does it, with which protocol and runtime, is
//! another crate's matter (`store/`).

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use gristmill_common::shutdown::Shutdown;

/// Why an object cannot be read. The reason is in words, without the object's name and without
/// anything secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It is not what it was when it was found.
    #[error("{0}")]
    Changed(String),
    /// The store does not give it, after all tries.
    #[error("{0}")]
    Failed(String),
    /// It is there, but in a state in which it cannot be read.
    #[error("{0}")]
    Unusable(String),
    /// A stop was asked for while it was waited for.
    #[error("stopped")]
    Stopped,
}

/// One version of one object.
pub trait Object: Debug + Send + Sync {
    /// Its size, in bytes.
    fn size(&self) -> u64;

    /// What tells this version from others: an ETag, or else a time of change. Empty if the store
    /// says nothing of the kind.
    fn version(&self) -> &str;

    /// Whether its name is enough to ask for it. Else a part of its URL is secret, and only this
    /// process has it.
    fn is_named(&self) -> bool {
        true
    }

    /// Whether its bytes are in this process: looking at any place of it asks no store.
    fn is_here(&self) -> bool {
        false
    }

    /// Its bytes in a range, as a stream. Asks for nothing before the first pull or
    /// [`ObjectStream::begin`], and for nothing at all if the range is empty.
    fn open(&self, range: Range<u64>) -> Box<dyn ObjectStream>;
}

/// Some bytes of an object, in order.
pub trait ObjectStream: Send {
    /// Asks for the first bytes now, before they are pulled. Does not wait; what goes wrong, the
    /// first pull says.
    fn begin(&mut self) {}

    /// Appends at most `max` bytes (more than 0) to `out` and returns how many; 0 at the range's
    /// end. Waits for the network, but not past a stop.
    ///
    /// # Errors
    /// When the object has changed, or cannot be had.
    fn pull(
        &mut self,
        out: &mut Vec<u8>,
        max: usize,
        stop: &Shutdown,
    ) -> Result<usize, ObjectError>;
}

/// An object that was found.
#[derive(Debug)]
pub struct Found {
    /// Its name in outputs: its URL, without anything secret.
    pub name: Vec<u8>,
    /// Where the part of the name begins that globs of a job are about; none for an object that was
    /// named itself.
    pub inside: Option<usize>,
    /// The object, or why it cannot be read.
    pub object: Result<Arc<dyn Object>, String>,
}

/// A place with objects that are named by URLs.
pub trait Objects: Debug + Send + Sync {
    /// Calls `take` for each object that a URL names, in the order of their keys' bytes.
    ///
    /// # Errors
    /// When they cannot be listed, or there is none.
    fn find(&self, url: &str, take: &mut dyn FnMut(Found)) -> Result<(), ObjectError>;

    /// This version of the object that a URL names. Asks for nothing: whether there is such a
    /// version, reading will tell.
    ///
    /// # Errors
    /// When it is no URL of an object, or the settings for it make no sense.
    fn at(&self, url: &str, size: u64, version: &str) -> Result<Arc<dyn Object>, ObjectError>;

    /// Whether a URL is of an object in the folder that another URL names.
    fn is_in(&self, url: &str, folder: &str) -> bool;

    /// The URL as it may be shown: without anything secret.
    fn shown(&self, url: &str) -> String;
}

/// What begins a URL of an object.
const SCHEMES: [&[u8]; 5] = [b"s3://", b"gs://", b"az://", b"https://", b"http://"];

/// Whether an input as it was typed is a URL of objects.
#[must_use]
pub fn is_url(typed: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| typed.starts_with(scheme))
}

const NONE: &str = "this build reads no object storage: it lacks the feature `object-storage`";

/// Objects for whoever has none: every URL is an error.
#[derive(Clone, Copy, Debug)]
pub struct NoObjects;

impl Objects for NoObjects {
    fn find(&self, _: &str, _: &mut dyn FnMut(Found)) -> Result<(), ObjectError> {
        Err(ObjectError::Failed(NONE.into()))
    }

    fn at(&self, _: &str, _: u64, _: &str) -> Result<Arc<dyn Object>, ObjectError> {
        Err(ObjectError::Failed(NONE.into()))
    }

    fn is_in(&self, _: &str, _: &str) -> bool {
        false
    }

    fn shown(&self, url: &str) -> String {
        let end = url.find('?').unwrap_or(url.len());
        url[..end].to_owned()
    }
}

/// An object as a source: two are equal if they are the same version.
#[derive(Clone, Debug)]
pub struct ObjectSource(pub Arc<dyn Object>);

impl PartialEq for ObjectSource {
    fn eq(&self, other: &Self) -> bool {
        (self.0.size(), self.0.version()) == (other.0.size(), other.0.version())
    }
}

impl Eq for ObjectSource {}
