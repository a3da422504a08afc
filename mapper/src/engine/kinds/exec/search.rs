//! Where the program of a name is: the first on the `PATH` that this user may start.

use std::path::{Path, PathBuf};

/// Whether a path leads to a program that this user may start.
pub(crate) fn runs(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// The program of a bare name. Folders of the `PATH` that are not absolute start at `folder`;
/// without it they are passed over.
pub(crate) fn on_path(program: &str, folder: Option<&Path>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|place| folder.is_some() || place.is_absolute())
        .map(|place| match folder {
            Some(folder) => folder.join(place).join(program),
            None => place.join(program),
        })
        .find(|path| runs(path))
}
