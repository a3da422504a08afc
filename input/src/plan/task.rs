//! Splits by reference: from a plan to the messages that name its splits, and back to what a mapper
//! reads.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::plan_summary::Sent;
use gristmill_common::split_task::{ObjectVersion, SourceRef, SourceState, SplitTask};
use serde_bytes::ByteBuf;

use super::{Plan, PlannedFile, Source, SourceKind, Split};
use crate::in_memory::InMemory;
use crate::object::ObjectSource;

/// Where a source of a task is.
#[must_use]
pub fn path_of(task: &SplitTask, source: &SourceRef) -> PathBuf {
    let folder = Path::new(OsStr::from_bytes(&task.folder));
    folder.join(OsStr::from_bytes(&source.name))
}

/// Where a source of a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// A file, or what cannot be read.
    File(PathBuf),
    /// An object, or bytes in memory.
    Object(ObjectSource),
}

impl Located {
    /// A source whose bytes are in memory.
    #[must_use]
    pub fn bytes(bytes: Bytes) -> Self {
        Self::Object(ObjectSource(Arc::new(InMemory(bytes))))
    }
}

impl Plan {
    /// The message that names a split; `folder` is the absolute path that relative names begin at.
    /// `None` if there is no such split, or a source is a stream, which nobody else can read.
    #[must_use]
    pub fn task(&self, number: u32, folder: &Path) -> Option<SplitTask> {
        let split = self.split(number)?;
        let sources = split.sources.clone().map(|number| {
            let source = self.source(number)?;
            let state = match &source.kind {
                SourceKind::File(file) => SourceState::File(file.version),
                SourceKind::Object(object) if !object.0.is_named() => return None,
                SourceKind::Object(object) => SourceState::Object(ObjectVersion {
                    size: object.0.size(),
                    version: object.0.version().to_owned(),
                }),
                SourceKind::Unreadable { reason } => SourceState::Unreadable(reason.clone()),
                SourceKind::Stream | SourceKind::Stdin => return None,
            };
            Some(SourceRef {
                name: ByteBuf::from(source.name.clone()),
                chosen: source.chosen,
                state,
            })
        });
        Some(SplitTask {
            split: number,
            chunk_size: self.chunk_size as u64,
            folder: ByteBuf::from(folder.as_os_str().as_bytes()),
            first_source: split.sources.start,
            sources: sources.collect::<Option<_>>()?,
            extent: split.extent.clone(),
        })
    }

    /// The plan of one split of a job, as a message names it; `located` is where its sources are.
    #[must_use]
    pub fn of_task(task: &SplitTask, located: &[Located]) -> Self {
        let unreadable = |reason: &str| SourceKind::Unreadable {
            reason: reason.to_owned(),
        };
        let sources: Vec<Source> = (task.sources.iter().zip(located))
            .map(|(source, located)| Source {
                name: source.name.to_vec(),
                path: match located {
                    Located::File(path) => path.clone(),
                    Located::Object(_) => PathBuf::new(),
                },
                kind: match (&source.state, located) {
                    (SourceState::File(version), _) => {
                        SourceKind::File(PlannedFile::elsewhere(*version))
                    }
                    (SourceState::Unreadable(reason), _) => unreadable(reason),
                    (
                        SourceState::Object(_) | SourceState::Attached(_),
                        Located::Object(object),
                    ) => SourceKind::Object(object.clone()),
                    (SourceState::Object(_), Located::File(_)) => unreadable("is no object"),
                    (SourceState::Attached(_), Located::File(_)) => unreadable("did not come"),
                },
                chosen: source.chosen,
                ahead: None,
            })
            .collect();
        let end = (task.first_source).saturating_add(sources.len() as u32);
        Self {
            splits: vec![Split {
                sources: task.first_source..end,
                extent: task.extent.clone(),
            }],
            sources,
            chunk_size: usize::try_from(task.chunk_size).unwrap_or(usize::MAX),
            first_source: task.first_source,
            first_split: task.split,
            sent: Sent::Splits,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use gristmill_common::extent::Extent;

    use super::*;
    use crate::testing::spec;

    #[test]
    fn a_split_is_the_same_when_a_message_has_named_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.log", "b.log"] {
            std::fs::write(dir.path().join(name), "one\ntwo\n".repeat(100_000)).unwrap();
        }
        let inputs = [OsString::from(dir.path())];
        let plan = Plan::new(&inputs, &spec(), 1000).unwrap();
        assert_eq!(plan.splits().len(), 2);
        let task = plan.task(1, Path::new("/elsewhere")).unwrap();
        let located = |source| Located::File(path_of(&task, source));
        let paths: Vec<Located> = task.sources.iter().map(located).collect();
        let back = Plan::of_task(&task, &paths);
        assert_eq!(back.split(1), plan.split(1));
        assert_eq!(back.split(0), None);
        let mut there = plan.source(1).unwrap().clone();
        // What a file's number is, is this machine's business.
        let SourceKind::File(planned) = there.kind else {
            panic!("no file: {there:?}");
        };
        there.kind = SourceKind::File(PlannedFile::elsewhere(planned.version));
        assert_eq!(back.source(1), Some(&there));
        assert_eq!(back.source(0), None);
        assert_eq!(plan.task(2, dir.path()), None);
    }

    #[test]
    fn relative_names_begin_at_the_folder_and_streams_cannot_be_named() {
        let plan = Plan::new(&[OsString::from("-")], &spec(), 1000).unwrap();
        assert_eq!(plan.task(0, Path::new("/data")), None);
        let source = SourceRef {
            name: ByteBuf::from("logs/a.gz"),
            chosen: false,
            state: SourceState::Unreadable("locked".into()),
        };
        let task = SplitTask {
            split: 0,
            chunk_size: 1,
            folder: ByteBuf::from("/data"),
            first_source: 0,
            sources: vec![source],
            extent: Extent::Whole,
        };
        assert_eq!(
            path_of(&task, &task.sources[0]),
            Path::new("/data/logs/a.gz")
        );
    }
}
