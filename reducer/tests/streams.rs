//! Output to a stream, compressed output, and destinations that take no more.

mod support;

use std::fs;
use std::io::{self, Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::spec::Compress;
use gristmill_jobs::environment::Environment;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::{Capacity, Embedded, Transport};
use gristmill_reducer::*;
use support::*;

/// A stream whose bytes can be looked at afterwards.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ordered(lines: usize) -> Job {
    ordered_job(&[2, 3], 1, |id| {
        format!("{id}\n").repeat(lines).into_bytes()
    })
}

#[test]
fn a_stream_takes_the_same_bytes_as_the_part_file() {
    for job in [
        ordered(1000),
        table_job(word_count(Some(2)), 1, &[vec![(b"a".to_vec(), vec![1])]]),
    ] {
        let (dir, report) = run_to_dir(&job, &Way::default());
        let expected = report.unwrap();
        let part = fs::read(out_of(&dir).join(part_name(0, &job.spec))).unwrap();
        let stream = Shared::default();
        let (quarantine, manifest) = (dir.path().join("q.jsonl"), dir.path().join("m.json"));
        let destination = Destination::stream(
            Box::new(stream.clone()),
            Some(quarantine.clone()),
            Some(manifest.clone()),
        )
        .unwrap();
        assert!(!quarantine.exists(), "only when it is complete");
        let report = run(&job, &Way::default(), destination, dir.path()).unwrap();
        assert_eq!(*stream.0.lock().unwrap(), part);
        assert_eq!(fs::read(quarantine).unwrap(), b"");
        assert_eq!(Manifest::read(&manifest).unwrap().files, report.files);
        assert_eq!(report.files[0], expected.files[0]);
        // No temporary file is left beside them.
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}

/// Reduces the first partition of a job.
fn reduce_first(
    job: &Job,
    transport: &Transport,
    runtime: &tokio::runtime::Runtime,
    destination: &Destination,
    shutdown: &Shutdown,
) -> Result<PartitionResult, ReduceError> {
    let settings = Settings {
        memory: 1 << 20,
        tmp: std::env::temp_dir(),
        program: None,
        threads: 1,
    };
    reduce(
        0,
        Environment {
            transport,
            runtime: runtime.handle(),
            progress: &Progress::default(),
            shutdown,
        },
        &job.spec,
        &job.plan_summary,
        &settings,
        destination,
    )
}

#[test]
fn ordered_output_streams_before_the_job_ends() {
    // The reader sees the first chunk while the second one has not been sent.
    let (mut reader, writer) = io::pipe().unwrap();
    let job = ordered_job(&[2], 1, |id| format!("{id}\n").into_bytes());
    let destination = Destination::stream(Box::new(writer), None, None).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let transport = Transport::Embedded(Embedded::new(
        1,
        Capacity {
            chunks: 1,
            results: 1,
        },
    ));
    let send = |at: usize| {
        let (head, body) = &job.outcomes[at];
        let message = gristmill_common::wire::encode_outcome(head, body.clone()).unwrap();
        runtime
            .block_on(transport.publish(Queue::Results(0), message))
            .unwrap();
    };
    std::thread::scope(|scope| {
        let reducing = scope
            .spawn(|| reduce_first(&job, &transport, &runtime, &destination, &Shutdown::new()));
        send(0);
        let mut first = [0; 4];
        reader.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"0/0\n");
        send(1);
        let seal = gristmill_common::wire::encode_seal(&job.seal).unwrap();
        runtime
            .block_on(transport.publish(Queue::Results(0), seal))
            .unwrap();
        reducing.join().unwrap().unwrap();
    });
    drop(destination);
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "0/1\n");
}

#[test]
fn a_stop_ends_a_reducer_that_waits() {
    let job = ordered(1);
    let dir = tempfile::tempdir().unwrap();
    let destination = Destination::Dir(OutputDir::open(dir.path(), false).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let capacity = Capacity {
        chunks: 1,
        results: 1,
    };
    let transport = Transport::Embedded(Embedded::new(1, capacity));
    let shutdown = Shutdown::new();
    std::thread::scope(|scope| {
        let reducing =
            scope.spawn(|| reduce_first(&job, &transport, &runtime, &destination, &shutdown));
        shutdown.advance(Stage::Aborted);
        let ended = reducing.join().unwrap();
        assert!(
            matches!(ended, Err(ReduceError::Stopped { partition: 0, .. })),
            "{ended:?}"
        );
    });
    drop(destination);
    assert!(files_of(dir.path()).is_empty());
}

#[test]
fn a_closed_pipe_has_its_own_error() {
    for job in [
        ordered(100_000),
        table_job(word_count(None), 1, &[vec![(b"a".to_vec(), vec![1])]]),
    ] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let destination = Destination::stream(Box::new(writer), None, None).unwrap();
        let ended = run(&job, &Way::default(), destination, &std::env::temp_dir());
        assert!(
            matches!(&ended, Err(Failed::Reduce(error)) if error.is_closed_pipe()),
            "{ended:?}"
        );
    }
}

#[test]
fn a_full_device_is_an_error_by_its_name_with_the_way_out() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let destination = Destination::stream(Box::new(full), None, None).unwrap();
    let ended = run(
        &ordered(10),
        &Way::default(),
        destination,
        &std::env::temp_dir(),
    );
    let Err(Failed::Reduce(ReduceError::File(error))) = ended else {
        panic!("{ended:?}");
    };
    let error = error.to_string();
    assert!(error.contains("the output stream"), "{error}");
    assert!(error.contains("free some space"), "{error}");
}

#[test]
fn compressed_parts_hold_the_same_bytes_however_they_came() {
    let text =
        |id: gristmill_common::id::ChunkId| format!("{id} line\n").repeat(40_000).into_bytes();
    let plain = ordered_job(&[2, 3], 1, text);
    let (dir, report) = run_to_dir(&plain, &Way::default());
    report.unwrap();
    let expected = fs::read(out_of(&dir).join("part-00000.txt")).unwrap();
    for compress in [Compress::Gz, Compress::Zst] {
        let mut job = plain.clone();
        job.spec.compress = Some(compress);
        let (one, report) = run_to_dir(&job, &Way::default());
        report.unwrap();
        job.outcomes = job
            .outcomes
            .iter()
            .flat_map(|outcome| in_parts(outcome, 7))
            .collect();
        let way = Way {
            order: (0..job.outcomes.len()).rev().collect(),
            memory: 1000,
            room: 4 << 20,
            ..Way::default()
        };
        let (other, report) = run_to_dir(&job, &way);
        report.unwrap();
        assert_eq!(files_of(&out_of(&one)), files_of(&out_of(&other)));
        assert!(verify(&out_of(&one)).unwrap().findings.is_empty());
        let packed = fs::read(out_of(&one).join(part_name(0, &job.spec))).unwrap();
        let unpacked = match compress {
            Compress::Gz => {
                assert_eq!(&packed[..4], [0x1F, 0x8B, 8, 0]);
                assert_eq!(&packed[4..8], [0; 4], "no time");
                let body = &packed[10..packed.len() - 8];
                miniz_oxide::inflate::decompress_to_vec(body).unwrap()
            }
            Compress::Zst => zstd::decode_all(&packed[..]).unwrap(),
        };
        assert!(unpacked == expected);
        assert!(packed.len() < expected.len() / 10);
    }
}

/// Runs one of the ignored tests of this file under a file size limit.
fn under_a_limit(test: &str) {
    let dir = tempfile::tempdir().unwrap();
    // Without the trap, the limit kills the process; the command line installs its own handler.
    let status = Command::new("sh")
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 64; exec \"$0\" --ignored --exact \"$1\" >/dev/null")
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("GRISTMILL_TEST_DIR", dir.path())
        .status()
        .unwrap();
    assert!(status.success(), "{test} under a limit");
    assert!(dir.path().join("passed").exists(), "{test} did not run");
    assert!(files_of(&dir.path().join("out")).is_empty(), "leftovers");
}

fn limited(job: &Job, memory: usize, names: &str) {
    let Some(dir) = std::env::var_os("GRISTMILL_TEST_DIR") else {
        return;
    };
    let dir = std::path::PathBuf::from(dir);
    let destination = Destination::Dir(OutputDir::open(&dir.join("out"), false).unwrap());
    let way = Way {
        memory,
        order: (0..job.outcomes.len()).rev().collect(),
        room: 16 << 20,
        ..Way::default()
    };
    let error = match run(job, &way, destination, &dir).unwrap_err() {
        Failed::Reduce(ReduceError::File(error)) | Failed::Commit(CommitError::File(error)) => {
            error
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(error.error.kind(), io::ErrorKind::FileTooLarge);
    let error = error.to_string();
    assert!(error.contains(names) && error.contains("ulimit"), "{error}");
    fs::write(dir.join("passed"), "").unwrap();
}

#[test]
fn a_part_that_cannot_be_written_leaves_no_output() {
    under_a_limit("child_part");
}

#[test]
fn temporary_data_that_cannot_be_written_leaves_no_output() {
    under_a_limit("child_spill");
    under_a_limit("child_table");
}

#[test]
#[ignore = "run by another test, under a file size limit"]
fn child_part() {
    limited(&ordered(100_000), 64 << 20, "part-00000.txt");
}

#[test]
#[ignore = "run by another test, under a file size limit"]
fn child_spill() {
    limited(&ordered(100_000), 1000, "temporary data");
}

#[test]
#[ignore = "run by another test, under a file size limit"]
fn child_table() {
    let rows: Vec<(Vec<u8>, Vec<u128>)> = (0..20_000)
        .map(|at| (format!("word-{at}").into_bytes(), vec![1]))
        .collect();
    let job = table_job(word_count(None), 1, &[rows]);
    limited(&job, 64 << 10, "temporary data");
}
