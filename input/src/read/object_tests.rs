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
    read_all(&[(NAME, content, broken)])
}

/// An object's name, its bytes, and where reading it fails with what.
type Fake<'a> = (&'a str, &'a [u8], Option<(u64, ObjectError)>);

/// Reads objects as the sources of one split.
fn read_all(objects: &[Fake<'_>]) -> Result<Outcome, Halt> {
    let sources = objects.iter().map(|(name, content, _)| SourceRef {
        name: name.as_bytes().to_vec().into(),
        chosen: false,
        state: SourceState::Object(ObjectVersion {
            size: content.len() as u64,
            version: "\"1\"".into(),
        }),
    });
    let task = SplitTask {
        split: 0,
        chunk_size: 1 << 20,
        folder: Vec::new().into(),
        first_source: 0,
        sources: sources.collect(),
        extent: Extent::Whole,
    };
    let located = objects.iter().map(|(_, content, broken)| {
        Located::Object(ObjectSource(Arc::new(TestObject {
            content: content.to_vec(),
            broken: broken.clone(),
        })))
    });
    let located: Vec<Located> = located.collect();
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
        ("last part of a split zip", {
            let mut part: Vec<u8> = (0..9000_u32).map(|n| (n * n % 251) as u8).collect();
            part.extend_from_slice(b"PK\x05\x06\x02\0\x02\0");
            part.resize(part.len() + 14, 0);
            part
        }),
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

#[test]
fn what_is_wrong_with_one_of_many_is_told_in_its_place() {
    let texts: Vec<String> = (0..100).map(|n| format!("{n}\n")).collect();
    let names: Vec<String> = (0..100).map(|n| format!("s3://bucket/{n}")).collect();
    let objects = |broken: &dyn Fn(usize) -> Option<ObjectError>| {
        let objects = (0..100).map(|n| {
            let broken = broken(n).map(|error| (0, error));
            (&names[n][..], texts[n].as_bytes(), broken)
        });
        read_all(&objects.collect::<Vec<_>>())
    };
    // Archived ones are set aside, each by its name, and the others are read.
    let archived = |n| n % 40 == 10;
    let outcome = objects(&|n| archived(n).then(|| ObjectError::Unusable("is archived".into())));
    let outcome = outcome.unwrap();
    let read: Vec<&str> = outcome
        .documents
        .iter()
        .map(|document| &document.1[..])
        .collect();
    let expected: Vec<&str> = (0..100)
        .filter(|&n| !archived(n))
        .map(|n| &texts[n][..])
        .collect();
    assert_eq!(read, expected);
    let told: Vec<&str> = outcome.faults.iter().map(|fault| &fault.0[..]).collect();
    assert_eq!(told, ["s3://bucket/10", "s3://bucket/50", "s3://bucket/90"]);
    // Of several that end the job, the first is told.
    let halt = objects(&|n| (n >= 60).then(|| ObjectError::Failed(format!("no answer, {n}"))));
    assert_eq!(
        halt.unwrap_err().to_string(),
        "s3://bucket/60: no answer, 60"
    );
}
