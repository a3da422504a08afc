//! Whole jobs through the embedded queues.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use gristmill_common::chunk::Chunk;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::wire::{Check, Message, decode};
use gristmill_jobs::environment::Environment;
use gristmill_jobs::transport::{Capacity, Embedded};

use super::*;
use crate::testing::{gzip, spec};

fn settings(threads: usize, window: usize) -> Settings {
    Settings {
        threads: NonZeroUsize::new(threads).unwrap(),
        tmp: std::env::temp_dir(),
        window,
        large: None,
        max_expanded: None,
    }
}

/// Produces a job and returns its chunks in order, and its seal.
fn run(
    inputs: &[&Path],
    spec: &JobSpec,
    size: usize,
    (threads, window): (usize, usize),
) -> (Vec<Chunk>, Seal) {
    let inputs: Vec<OsString> = inputs.iter().map(|path| path.as_os_str().into()).collect();
    let plan = Plan::new(&inputs, spec, size).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let capacity = Capacity {
        chunks: 1 << 20,
        results: 1 << 20,
    };
    let transport = Transport::Embedded(Embedded::new(1, capacity));
    let queues = transport.clone();
    let consumer = runtime.spawn(async move {
        let mut chunks = Vec::new();
        while let Some(delivery) = queues.next(Queue::Chunks).await.unwrap() {
            match decode(delivery.payload(), Check::Head).unwrap() {
                Message::Chunk(chunk) => chunks.push(chunk),
                other => panic!("{other:?}"),
            }
            delivery.ack().await;
        }
        let mut ends = Vec::new();
        loop {
            let result = queues.next(Queue::Results(0)).await.unwrap().unwrap();
            let message = decode(result.payload(), Check::Full).unwrap();
            result.ack().await;
            match message {
                Message::SplitEnd(end) => ends.push((end.split, end.chunks)),
                other => return (chunks, ends, other),
            }
        }
    });
    let settings = settings(threads, window);
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let env = Environment {
        transport: &transport,
        runtime: runtime.handle(),
        progress: &progress,
        shutdown: &shutdown,
    };
    let seal = produce(&plan, spec, env, &settings, &FreshRun).unwrap();
    let recounted = gristmill_input::recount(
        &plan,
        spec,
        settings.threads,
        settings.tmp,
        &Progress::default(),
        &shutdown,
    );
    assert_eq!(recounted.unwrap(), seal.records);
    assert_eq!(
        Progress::get(&progress.bytes_read),
        plan.total_bytes().unwrap()
    );
    let (mut chunks, mut ends, message) = runtime.block_on(consumer).unwrap();
    assert_eq!(message, Message::Seal(seal.clone()));
    ends.sort_unstable();
    let sealed = seal.chunks.iter().copied().zip(0u32..);
    let sealed: Vec<(u32, u32)> = sealed.map(|(chunks, split)| (split, chunks)).collect();
    let by_split = spec.kind.shape().by_split();
    assert_eq!(ends, if by_split { sealed } else { Vec::new() });
    chunks.sort_by_key(|chunk| chunk.head.id);
    let ids: Vec<_> = chunks.iter().map(|chunk| chunk.head.id).collect();
    assert_eq!(ids, seal.expected(0, 1, true).collect::<Vec<_>>());
    (chunks, seal)
}

#[test]
fn a_folder_of_plain_and_gzip_files_is_the_same_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for number in 0..30 {
        let text: String = (0..number * 40)
            .map(|line| format!("{number} {line}\n"))
            .collect();
        let name = format!("f{number:02}.txt");
        let bytes = if number % 2 == 0 {
            gzip(text.as_bytes())
        } else {
            text.clone().into_bytes()
        };
        fs::write(dir.path().join(&name), bytes).unwrap();
        expected.extend_from_slice(text.as_bytes());
    }
    fs::write(dir.path().join(".hidden"), "no\n").unwrap();
    let (one, seal) = run(&[dir.path()], &spec(), 4 << 10, (1, 1));
    let all: Vec<u8> = one.iter().flat_map(|chunk| chunk.body.to_vec()).collect();
    assert_eq!(all, expected);
    assert_eq!(seal.records.len(), 30);
    assert_eq!(seal.records[7], 280);
    for (threads, window) in [(3, 1), (1, 8), (3, 8)] {
        let (other, _) = run(&[dir.path()], &spec(), 4 << 10, (threads, window));
        assert_eq!(
            one, other,
            "{threads} threads, {window} chunks on their way"
        );
    }
}

/// Notes for each split how many of its chunks were delivered when it was called complete.
struct Notes<'a> {
    delivered: &'a Mutex<BTreeMap<u32, u32>>,
    complete: Mutex<Vec<(SplitEnd, u32)>>,
}

impl Resume for Notes<'_> {
    fn done(&self, _: u32) -> Option<(SplitEnd, &[(u32, u64)])> {
        None
    }

    fn wants(&self, _: ChunkId) -> bool {
        true
    }

    fn complete(&self, end: SplitEnd, _: Vec<(u32, u64)>) -> Result<(), ProduceError> {
        let delivered = self.delivered.lock().unwrap().get(&end.split).copied();
        let note = (end, delivered.unwrap_or(0));
        self.complete.lock().unwrap().push(note);
        Ok(())
    }
}

#[test]
fn a_split_is_complete_when_its_chunks_are_taken_and_the_next_does_not_wait_for_it() {
    const SPLITS: u32 = 4;
    let dir = tempfile::tempdir().unwrap();
    for number in 0..SPLITS {
        let text = "a line of text\n".repeat(90_000);
        fs::write(dir.path().join(number.to_string()), text).unwrap();
    }
    let plan = Plan::new(&[dir.path().into()], &spec(), 512 << 10).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // For one chunk and no more.
    let capacity = Capacity {
        chunks: 1,
        results: 1 << 20,
    };
    let transport = Transport::Embedded(Embedded::new(1, capacity));
    let settings = settings(1, 8);
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let delivered = Mutex::default();
    let notes = Notes {
        delivered: &delivered,
        complete: Mutex::default(),
    };
    std::thread::scope(|scope| {
        let env = Environment {
            transport: &transport,
            runtime: runtime.handle(),
            progress: &progress,
            shutdown: &shutdown,
        };
        let (plan, notes, settings) = (&plan, &notes, &settings);
        let producing = scope.spawn(move || produce(plan, &spec(), env, settings, notes));
        // Past the first splits, though nothing was delivered.
        while Progress::get(&progress.chunks_cut) < 8 {
            std::thread::yield_now();
        }
        assert_eq!(*notes.complete.lock().unwrap(), []);
        runtime.block_on(async {
            while let Some(delivery) = transport.next(Queue::Chunks).await.unwrap() {
                let Message::Chunk(chunk) = decode(delivery.payload(), Check::Head).unwrap() else {
                    panic!("a chunk");
                };
                *(delivered.lock().unwrap())
                    .entry(chunk.head.id.split)
                    .or_default() += 1;
                delivery.ack().await;
            }
        });
        producing.join().unwrap().unwrap();
    });
    let complete = notes.complete.into_inner().unwrap();
    let splits: Vec<u32> = complete.iter().map(|(end, _)| end.split).collect();
    assert_eq!(splits, (0..SPLITS).collect::<Vec<_>>());
    for (end, delivered) in complete {
        // One may lie in the queue.
        assert!(
            end.chunks > 1 && delivered + 1 >= end.chunks,
            "{end:?} {delivered}"
        );
    }
}

/// What `produce` says of a job whose queue of chunks has room for little and no consumer, once
/// `stop` was called.
fn stopped(stop: impl FnOnce(&Transport, &Shutdown) + Send) -> ProduceError {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("text"), "a line of text\n".repeat(1 << 16)).unwrap();
    let plan = Plan::new(&[dir.path().into()], &spec(), 4 << 10).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let capacity = Capacity {
        chunks: 64 << 10,
        results: 1 << 10,
    };
    let transport = Transport::Embedded(Embedded::new(1, capacity));
    let settings = settings(1, 1);
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    std::thread::scope(|scope| {
        let (transport, shutdown, progress) = (&transport, &shutdown, &progress);
        let env = Environment {
            transport,
            runtime: runtime.handle(),
            progress,
            shutdown,
        };
        let producing =
            scope.spawn(move || produce(&plan, &spec(), env, &settings, &FreshRun).unwrap_err());
        // Chunks are cut until the queue is full.
        while Progress::get(&progress.chunks_cut) < 10 {
            std::thread::yield_now();
        }
        stop(transport, shutdown);
        producing.join().unwrap()
    })
}

#[test]
fn a_stop_ends_a_producer_that_waits_for_room() {
    let error = stopped(|_, shutdown| shutdown.advance(Stage::Draining));
    assert!(matches!(error, ProduceError::Stopped), "{error}");
    let error = stopped(|transport, _| transport.stop());
    assert!(matches!(error, ProduceError::Stopped), "{error}");
}

#[test]
fn damage_on_one_thread_fails_the_job() {
    let dir = tempfile::tempdir().unwrap();
    let whole = gzip("text\n".repeat(1 << 16).as_bytes());
    fs::write(dir.path().join("a"), &whole[..whole.len() - 3]).unwrap();
    fs::write(dir.path().join("b"), &whole).unwrap();
    let spec = JobSpec {
        on_corrupt: gristmill_common::spec::OnCorrupt::Fail,
        ..spec()
    };
    let plan = Plan::new(&[dir.path().into()], &spec, 4 << 10).unwrap();
    let settings = settings(2, 1);
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let error = gristmill_input::recount(
        &plan,
        &spec,
        settings.threads,
        settings.tmp,
        &progress,
        &shutdown,
    )
    .unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Halt::Corrupt(_)), "{message}");
    assert!(
        message.contains("/a") && message.contains("truncated trailer"),
        "{message}"
    );
}
