//! The worker for Python functions: one file, built into this program.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::host::Host;
use crate::engine::prepared::SpecError;

/// The worker, in Python 3.9 and later, with nothing but its standard library.
const WORKER: &str = include_str!("worker.py");

/// Writes the worker into a folder.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join("gristmill_worker.py");
    fs::write(&path, WORKER)?;
    Ok(path)
}

/// What the worker is to load: a file by its absolute path, or a module by its name.
///
/// # Errors
/// When there is no such file.
pub(super) fn module(named: &str, host: &Host) -> Result<String, SpecError> {
    if !named.ends_with(".py") {
        return Ok(named.into());
    }
    let path = host.folder.join(named);
    if !path.is_file() {
        return Err(SpecError(format!("exec: --python {named}: no such file")));
    }
    let path = path.into_os_string().into_string();
    path.map_err(|_| SpecError(format!("exec: --python {named}: its path is not UTF-8")))
}
