//! Whole jobs through the embedded queues.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use gristmill_common::chunk::Chunk;
use gristmill_common::transport::{Embedded, Room};
use gristmill_common::wire::{Check, Message, decode};

use super::*;
use crate::testing::{gzip, spec};

/// Produces a job and returns its chunks in order, and its seal.
fn run(inputs: &[&Path], spec: &JobSpec, size: usize, threads: usize) -> (Vec<Chunk>, Seal) {
    let inputs: Vec<OsString> = inputs.iter().map(|path| path.as_os_str().into()).collect();
    let plan = Plan::new(&inputs, spec, size).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let room = Room {
        chunks: 1 << 20,
        results: 1 << 20,
    };
    let transport = Transport::Embedded(Embedded::new(1, room));
    let queues = transport.clone();
    let consumer = runtime.spawn(async move {
        let mut chunks = Vec::new();
        while let Some(delivery) = queues.next(Queue::Chunks).await.unwrap() {
            match decode(delivery.payload(), Check::Full).unwrap() {
                Message::Chunk(chunk) => chunks.push(chunk),
                other => panic!("{other:?}"),
            }
            delivery.ack().await;
        }
        let seal = queues.next(Queue::Results(0)).await.unwrap().unwrap();
        let message = decode(seal.payload(), Check::Full).unwrap();
        (chunks, message)
    });
    let settings = Settings {
        threads: NonZeroUsize::new(threads).unwrap(),
        tmp: std::env::temp_dir(),
    };
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let handle = runtime.handle();
    let seal = produce(
        &plan, spec, &transport, handle, &settings, &progress, &shutdown,
    )
    .unwrap();
    let recounted = crate::recount(&plan, spec, &settings, &Progress::default(), &shutdown);
    assert_eq!(recounted.unwrap(), seal.records);
    assert_eq!(
        Progress::get(&progress.bytes_read),
        plan.total_bytes().unwrap()
    );
    let (mut chunks, message) = runtime.block_on(consumer).unwrap();
    assert_eq!(message, Message::Seal(seal.clone()));
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
    let (one, seal) = run(&[dir.path()], &spec(), 4 << 10, 1);
    let all: Vec<u8> = one.iter().flat_map(|chunk| chunk.body.to_vec()).collect();
    assert_eq!(all, expected);
    assert_eq!(seal.records.len(), 30);
    assert_eq!(seal.records[7], 280);
    let (three, _) = run(&[dir.path()], &spec(), 4 << 10, 3);
    assert_eq!(one, three);
}
