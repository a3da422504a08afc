//! Object storage for the commands that take inputs: the one place that knows whether it is built
//! in.

use std::ffi::OsString;
#[cfg(feature = "object-storage")]
use std::io;
use std::path::Path;
use std::sync::Arc;

use gristmill_common::spec::JobSpec;
use gristmill_input::{Objects, Plan, PlanError};
use gristmill_reducer::OutputFiles;

use crate::exit::usage;

/// The stores of this process.
#[cfg(feature = "object-storage")]
pub fn stores() -> &'static Arc<gristmill_store::Stores> {
    use gristmill_store::Stores;
    use std::sync::OnceLock;

    static STORES: OnceLock<Arc<Stores>> = OnceLock::new();
    STORES.get_or_init(|| Arc::new(Stores::new()))
}

/// Where URLs lead.
#[cfg(feature = "object-storage")]
#[must_use]
pub fn objects() -> Arc<dyn Objects> {
    Arc::clone(stores()) as Arc<dyn Objects>
}

/// Where URLs lead.
#[cfg(not(feature = "object-storage"))]
#[must_use]
pub fn objects() -> Arc<dyn Objects> {
    Arc::new(gristmill_input::NoObjects)
}

/// An output in object storage; asks for nothing yet.
///
/// # Errors
/// When the URL names no place for outputs.
#[cfg(feature = "object-storage")]
pub fn output(url: &str) -> anyhow::Result<Box<dyn OutputFiles>> {
    let folder = stores().folder(url);
    let folder = folder.map_err(|error| usage(format!("{}: {error}", stores().shown(url))))?;
    Ok(Box::new(Output(folder)))
}

/// An output in object storage.
///
/// # Errors
/// Always: no object storage is built in.
#[cfg(not(feature = "object-storage"))]
pub fn output(_: &str) -> anyhow::Result<Box<dyn OutputFiles>> {
    Err(usage(
        "this build reads no object storage: it lacks the feature `object-storage`",
    ))
}

/// An output in object storage.
#[cfg(feature = "object-storage")]
struct Output(gristmill_store::Folder);

#[cfg(feature = "object-storage")]
impl OutputFiles for Output {
    fn shown(&self) -> String {
        self.0.shown().to_owned()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names().map_err(io::Error::other)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn io::Read + '_>> {
        match self.0.open(name).map_err(io::Error::other)? {
            Some(file) => Ok(Box::new(file)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// The plan of a job over inputs as they were typed; paths in lists end with `separator`. The
/// folder `output` is no input.
///
/// # Errors
/// When an input cannot be opened or found, or a glob is malformed.
pub fn plan(
    inputs: &[OsString],
    spec: &JobSpec,
    chunk_size: usize,
    separator: u8,
    output: Option<&Path>,
) -> anyhow::Result<Plan> {
    let objects = objects();
    let plan = Plan::with_objects(inputs, spec, chunk_size, separator, &*objects, output);
    plan.map_err(|error: PlanError| match error.is_usage() {
        true => usage(error.to_string()),
        false => error.into(),
    })
}
