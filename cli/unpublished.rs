//! In the place of `publish`, where object storage is not built in.

use std::path::Path;

use gristmill_common::job::JobName;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::JobSpec;
use gristmill_reducer::{NotPublished, Publish};

use crate::exit::usage;

/// There is none.
#[derive(Debug)]
pub enum Publication {}

/// There is none.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// A stop was asked for.
    #[error("interrupted")]
    Interrupted,
}

/// What may make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    Nothing,
    /// An earlier output.
    Output,
}

/// There is none.
#[derive(Debug)]
pub enum Published {}

impl Published {
    /// Goes nowhere.
    ///
    /// # Errors
    /// Always.
    pub fn to(_: &str) -> anyhow::Result<Self> {
        Err(usage(
            "this build writes to no object storage: it lacks the feature `object-storage`",
        ))
    }
}

impl Publish for Published {
    fn publish(&self, _: &JobName, _: &Path, _: bool, _: &Shutdown) -> Result<(), NotPublished> {
        match *self {}
    }
}

impl Publication {
    /// Claims nothing.
    ///
    /// # Errors
    /// Always.
    pub fn claim(_: &str, _: &JobSpec, _: Over) -> anyhow::Result<Self> {
        Err(usage(
            "this build writes to no object storage: it lacks the feature `object-storage`",
        ))
    }

    /// Publishes nothing.
    ///
    /// # Errors
    /// Never: there is nothing to call it on.
    pub fn publish(self, _: &Path, _: &Shutdown) -> anyhow::Result<()> {
        match self {}
    }
}
