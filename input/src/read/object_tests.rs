//! Objects: read as files are, and never passed over when they cannot be read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gristmill_common::extent::Extent;
use gristmill_common::split_task::{ObjectVersion, SourceRef, SourceState, SplitTask};

use crate::testing::{Outcome, TestObject, Zip, gzip, read_plan, spec, tar};
use crate::{Halt, Located, ObjectError, ObjectSource, Plan};

const NAME: &str = "s3://bucket/key";

/// Reads an object as one source.
fn read(content: &[u8], broken: Option<(u64, ObjectError)>) -> Result<Outcome, Halt> {
    let task = SplitTask {
        split: 0,
        chunk_size: 1 << 20,
        folder: Vec::new().into(),
        first_source: 0,
        sources: vec![SourceRef {
            name: NAME.as_bytes().to_vec().into(),
            chosen: false,
            state: SourceState::Object(ObjectVersion {
                size: content.len() as u64,
                version: "\"1\"".into(),
            }),
        }],
        extent: Extent::Whole,
    };
    let object = TestObject {
        content: content.to_vec(),
        broken,
    };
    let located = [Located::Object(ObjectSource(Arc::new(object)))];
    read_plan(&Plan::of_task(&task, &located), &spec())
}

fn read_file(folder: &Path, content: &[u8]) -> Outcome {
    let path: PathBuf = folder.join("file");
    std::fs::write(&path, content).unwrap();
    let mut outcome = crate::testing::read_in(&[&path], &spec(), 1 << 20).unwrap();
    for name in (outcome.documents.iter_mut().map(|document| &mut document.0))
        .chain(outcome.faults.iter_mut().map(|fault| &mut fault.0))
    {
        *name = name.replacen(path.to_str().unwrap(), NAME, 1);
    }
    outcome
}

/// Contents of all sorts, sound and damaged.
fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let text: Vec<u8> = (0..900)
        .flat_map(|n| format!("line {n}\n").into_bytes())
        .collect();
    let mut zip = Zip::default();
    for number in 0..5 {
        zip.add(&format!("{number}.txt"), &text[..2000 + number]);
    }
    let zip = zip.finish();
    let packed = gzip(&text);
    let tar = tar(&[("a.txt", &text), ("b.zip", &zip)]);
    vec![
        ("empty", Vec::new()),
        ("plain", text),
        ("gzip", packed.clone()),
        ("cut gzip", packed[..packed.len() / 2].to_vec()),
        ("zip", zip.clone()),
        ("cut zip", zip[..zip.len() - 40].to_vec()),
        ("tar with a zip", tar.clone()),
        ("gzip of a tar", gzip(&tar)),
        ("image", b"\x89PNG\r\n\x1a\n and more".to_vec()),
    ]
}

#[test]
fn an_object_gives_what_a_file_gives() {
    let folder = tempfile::tempdir().unwrap();
    for (what, content) in contents() {
        assert_eq!(
            read(&content, None).unwrap(),
            read_file(folder.path(), &content),
            "{what}"
        );
    }
}

#[test]
fn an_object_that_cannot_be_read_to_its_end_ends_the_job() {
    for (what, content) in contents() {
        for at in (0..content.len() as u64).step_by(61) {
            let failed = ObjectError::Failed("no answer".into());
            let halt = read(&content, Some((at, failed))).unwrap_err();
            assert!(matches!(halt, Halt::Store { .. }), "{what} at {at}: {halt}");
            assert_eq!(
                halt.to_string(),
                format!("{NAME}: no answer"),
                "{what} at {at}"
            );
            let changed = ObjectError::Changed("another version".into());
            let halt = read(&content, Some((at, changed))).unwrap_err();
            assert!(
                matches!(halt, Halt::Changed { .. }),
                "{what} at {at}: {halt}"
            );
        }
    }
}
