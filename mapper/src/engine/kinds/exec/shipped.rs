//! The files of a job's programs, as a program finds them in its folder: by links to files that are
//! nobody's but the job's.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gristmill_common::code::{is_inside, plain};
use gristmill_common::spec::Exec;

use super::host::Host;

/// Names in a program's folder, and where they lead. Files of a job that came from elsewhere are
/// its own; the user's are copied into `folder` first, so that no program writes into them.
///
/// # Errors
/// When one cannot be copied.
pub(super) fn links(
    exec: &Exec,
    host: &Host,
    folder: &Path,
) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let mut links = Vec::new();
    for file in &exec.files {
        let name = plain(Path::new(&file.name));
        if !is_inside(&name) {
            continue;
        }
        let mut place = host.folder.join(&name);
        if !host.from_elsewhere {
            let copy = folder.join(&name);
            let copied = copy_file(&place, &copy, file.executable);
            copied.map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", name.display()))
            })?;
            place = copy;
        }
        links.push((name, place));
    }
    Ok(links)
}

/// Copies a file, not writable: by reference, where the file system does that.
fn copy_file(from: &Path, to: &Path, executable: bool) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to)?;
    let mode = if executable { 0o555 } else { 0o444 };
    fs::set_permissions(to, Permissions::from_mode(mode))
}
