//! The worker for Python functions: one file, built into this program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use gristmill_common::code::is_local_module;
use gristmill_common::spec::{Exec, Program};

use super::host::Host;
use super::recipe::{Recipe, inside, passed_on};
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

/// The recipe of a program that reads `key TAB value` lines: a command, or a Python function.
///
/// # Errors
/// When it is not here.
pub(super) fn reducer(
    program: &Program,
    exec: &Exec,
    host: &Host,
    rooms: &Path,
) -> Result<Recipe, SpecError> {
    let mut recipe = Recipe::of(program, exec, host)?;
    if is_python(program) {
        let cannot = |error| SpecError(format!("exec: cannot start programs: {error}"));
        recipe.run_reducer(&write(rooms).map_err(cannot)?);
    }
    Ok(recipe)
}

/// Whether a program runs in the worker for Python.
pub(super) fn is_python(program: &Program) -> bool {
    matches!(program, Program::Python { .. } | Program::Code(_))
}

/// The interpreter behind a version manager's shim (pyenv, asdf), or `found` itself.
///
/// A shim is a script that looks for the interpreter anew each time: that takes longer than
/// Python's start, and it looks for `.python-version` in the program's folder, not in the user's.
pub(super) fn interpreter(found: String, host: &Host) -> String {
    let folder = Path::new(&found).parent().and_then(Path::file_name);
    if folder.is_none_or(|folder| folder != "shims") {
        return found;
    }
    // It is not confined: no file of a job's may tell it what to run.
    let place = match host.from_elsewhere {
        true => Path::new("/"),
        false => &host.folder,
    };
    let asked = Command::new(&found)
        .args(["-c", "import sys; print(sys.executable, end='')"])
        .current_dir(place)
        .env_clear()
        .envs(passed_on())
        .stdin(Stdio::null())
        .output();
    let said = asked.ok().filter(|output| output.status.success());
    let path = said.and_then(|output| String::from_utf8(output.stdout).ok());
    path.filter(|path| Path::new(path).is_file())
        .unwrap_or(found)
}

/// What the worker is to load: a file by its absolute path, or a module by its name, with the
/// folder before it if it is one of the user's own.
///
/// # Errors
/// When there is no such file.
pub(super) fn module(named: &str, host: &Host) -> Result<String, SpecError> {
    let not_utf8 = |_| SpecError(format!("exec: --python {named}: its path is not UTF-8"));
    if !named.ends_with(".py") {
        if !is_local_module(named, &host.folder) {
            return Ok(named.into());
        }
        let path = host.folder.join(named).into_os_string().into_string();
        return path.map_err(not_utf8);
    }
    inside(named, host)?;
    let path = host.folder.join(named);
    if !path.is_file() {
        return Err(SpecError(format!("exec: --python {named}: no such file")));
    }
    let path = path.into_os_string().into_string();
    path.map_err(not_utf8)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_shim_is_asked_where_no_file_of_a_job_is() {
        let folder = tempfile::tempdir().unwrap();
        let shims = folder.path().join("shims");
        fs::create_dir(&shims).unwrap();
        fs::write(folder.path().join(".python-version"), "/bin/false").unwrap();
        let shim = shims.join("python3");
        let script = "#!/bin/sh\nprintf %s \"$(cat .python-version || echo /bin/true)\"\n";
        fs::write(&shim, script).unwrap();
        fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
        let found = shim.to_str().unwrap();
        let asked = |from_elsewhere| {
            let host = Host {
                folder: folder.path().to_owned(),
                from_elsewhere,
                ..Host::here()
            };
            interpreter(found.into(), &host)
        };
        assert_eq!(asked(false), "/bin/false");
        assert_eq!(asked(true), "/bin/true");
    }
}
