//! The files of a split as this mapper finds them: whether it may open them, and whether they are
//! what they were when the job was planned.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use gristmill_common::name::on_one_line;
use gristmill_common::split_task::{FileVersion, ObjectVersion, SourceState, SplitTask};
use gristmill_input::{Located, ObjectSource, path_of, version_of};

use crate::work::assignment::{Inputs, MapError};

/// Finds the sources of a split, each by its path without links, or in the bytes `attached` that
/// came with it. Those that were unreadable when the job was planned are not looked for.
///
/// # Errors
/// [`MapError::Unable`] when one cannot be opened here, or is none of `inputs`;
/// [`MapError::Hopeless`] when one has changed.
pub(super) fn find(
    task: &SplitTask,
    attached: &Bytes,
    inputs: &Inputs,
) -> Result<Vec<Located>, MapError> {
    let mut paths = Vec::with_capacity(task.sources.len());
    let mut parts = attached_parts(task, attached);
    for source in &task.sources {
        let path = path_of(task, source);
        paths.push(match &source.state {
            SourceState::File(version) => Located::File(found(&path, *version, &inputs.folders)?),
            SourceState::Unreadable(_) => Located::File(path),
            SourceState::Object(version) => object(&source.name, version, inputs)?,
            SourceState::Attached(_) => {
                parts.next().unwrap_or_else(|| Located::bytes(Bytes::new()))
            }
        });
    }
    Ok(paths)
}

/// The sources that came with a split, in order.
pub(super) fn attached_parts(task: &SplitTask, attached: &Bytes) -> impl Iterator<Item = Located> {
    let mut rest = attached.clone();
    let sizes = task.sources.iter().filter_map(|source| match source.state {
        SourceState::Attached(size) => Some(size),
        _ => None,
    });
    // The message was checked: they are as long as it says.
    sizes.map(move |size| {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Located::bytes(rest.split_to(size.min(rest.len())))
    })
}

/// An object that may be read here. Whether it still is what it was, each answer of its store
/// tells.
fn object(name: &[u8], version: &ObjectVersion, inputs: &Inputs) -> Result<Located, MapError> {
    let shown = on_one_line(name);
    let unable = |what: &str| MapError::Unable(format!("{shown}: {what}"));
    let url = std::str::from_utf8(name).map_err(|_| unable("is no URL"))?;
    if !(inputs.urls.iter()).any(|folder| inputs.objects.is_in(url, folder)) {
        return Err(unable(
            "is in none of the places that this mapper may read (map --inputs URL)",
        ));
    }
    let object = inputs.objects.at(url, version.size, &version.version);
    let object = object.map_err(|error| unable(&error.to_string()))?;
    Ok(Located::Object(ObjectSource(object)))
}

/// Checks that the sources are still what they were.
///
/// # Errors
/// [`MapError::Hopeless`] when one has changed.
pub(super) fn check_unchanged(task: &SplitTask, paths: &[Located]) -> Result<(), MapError> {
    for (source, path) in task.sources.iter().zip(paths) {
        if let (SourceState::File(version), Located::File(path)) = (&source.state, path) {
            let file =
                std::fs::metadata(path).map_err(|error| changed(path, &error.to_string()))?;
            check(path, &file, *version)?;
        }
    }
    Ok(())
}

fn found(path: &Path, version: FileVersion, folders: &[PathBuf]) -> Result<PathBuf, MapError> {
    let shown = path.display();
    let unable = |what: String| MapError::Unable(format!("{shown}: {what}"));
    let real = std::fs::canonicalize(path)
        .map_err(|error| unable(format!("cannot be found here: {error}")))?;
    if !folders.iter().any(|folder| real.starts_with(folder)) {
        let what = "is in none of the folders that this mapper may read (map --inputs)";
        return Err(unable(what.into()));
    }
    let file = std::fs::metadata(&real);
    let file = file.map_err(|error| unable(format!("cannot be found here: {error}")))?;
    if !file.is_file() {
        return Err(changed(path, "it is no regular file any more"));
    }
    check(path, &file, version)?;
    std::fs::File::open(&real).map_err(|error| unable(format!("cannot be opened: {error}")))?;
    Ok(real)
}

fn check(path: &Path, file: &Metadata, planned: FileVersion) -> Result<(), MapError> {
    let now = version_of(file);
    // Some ways of sharing a folder keep no fractions of a second.
    let whole_seconds = now.nanos == 0 || planned.nanos == 0;
    let same_time = now.seconds == planned.seconds && (whole_seconds || now.nanos == planned.nanos);
    if now.size == planned.size && same_time {
        return Ok(());
    }
    let what = match now.size == planned.size {
        true => "its time of change differs".into(),
        false => format!("it has {} bytes and had {}", now.size, planned.size),
    };
    Err(changed(path, &what))
}

fn changed(path: &Path, what: &str) -> MapError {
    MapError::Hopeless(format!(
        "input changed: {}: {what} since the job was planned; run the job again with --force once \
         nothing writes to its inputs",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use gristmill_common::extent::Extent;
    use gristmill_common::split_task::SourceRef;
    use gristmill_input::NoObjects;
    use std::os::unix::ffi::OsStrExt;
    use std::sync::Arc;

    use super::*;

    fn task(path: &Path) -> SplitTask {
        let version = version_of(&std::fs::metadata(path).unwrap());
        SplitTask {
            split: 0,
            chunk_size: 1 << 20,
            folder: b"/".to_vec().into(),
            first_source: 0,
            sources: vec![SourceRef {
                name: path.as_os_str().as_bytes().to_vec().into(),
                chosen: false,
                state: SourceState::File(version),
            }],
            extent: Extent::Whole,
        }
    }

    fn inputs(folders: &[PathBuf]) -> Inputs {
        Inputs {
            folders: folders.to_vec(),
            urls: Vec::new(),
            objects: Arc::new(NoObjects),
        }
    }

    fn reason(found: Result<Vec<Located>, MapError>) -> String {
        found.unwrap_err().to_string()
    }

    #[test]
    fn only_files_in_the_folders_are_found_also_through_links() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folders = [inside.path().canonicalize().unwrap()];
        let (good, bad) = (inside.path().join("a"), outside.path().join("secret"));
        std::fs::write(&good, "text").unwrap();
        std::fs::write(&bad, "text").unwrap();
        assert_eq!(
            find(&task(&good), &Bytes::new(), &inputs(&folders)).unwrap(),
            [Located::File(folders[0].join("a"))]
        );
        let link = inside.path().join("link");
        std::os::unix::fs::symlink(&bad, &link).unwrap();
        let dots = inside
            .path()
            .join("../")
            .join(outside.path().file_name().unwrap());
        for path in [&bad, &link, &dots.join("secret")] {
            let found = find(&task(path), &Bytes::new(), &inputs(&folders));
            assert!(matches!(found, Err(MapError::Unable(_))), "{path:?}");
            assert!(reason(found).contains("--inputs"), "{path:?}");
        }
        assert!(find(&task(&good), &Bytes::new(), &inputs(&[])).is_err());
    }

    #[test]
    fn a_file_that_changed_or_went_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let folders = [dir.path().canonicalize().unwrap()];
        let path = dir.path().join("a.log");
        std::fs::write(&path, "text").unwrap();
        let task = task(&path);
        let paths = find(&task, &Bytes::new(), &inputs(&folders)).unwrap();
        check_unchanged(&task, &paths).unwrap();
        std::fs::write(&path, "text and more").unwrap();
        let found = find(&task, &Bytes::new(), &inputs(&folders));
        assert!(matches!(found, Err(MapError::Hopeless(_))));
        assert!(reason(found).contains("a.log: it has 13 bytes and had 4"));
        assert!(check_unchanged(&task, &paths).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(
            find(&task, &Bytes::new(), &inputs(&folders)),
            Err(MapError::Unable(_))
        ));
        let gone = check_unchanged(&task, &paths);
        assert!(matches!(gone, Err(MapError::Hopeless(_))));
    }
}
