//! The mapper role over a transport: everything is mapped, published, acknowledged; a stop is
//! clean.

mod support;

use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::plan_summary::Sent;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::spec::{Grep, JobSpec, Kind};
use gristmill_common::wire::{BodyForm, Check, Message, decode, encode_chunk};
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::{Capacity, Embedded, Faulty, Transport};
use gristmill_mapper::{Assignment, Limits, MapError, Prepared, work};
use support::{Merged, cut, document, spec};
use tokio::runtime::Runtime;

fn numbered(pattern: &str) -> JobSpec {
    spec(Kind::Grep(Grep {
        line_number: true,
        ..support::grep(pattern)
    }))
}

fn text() -> String {
    (0..5000).map(|n| format!("line {n}\n")).collect()
}

fn run(transport: &Transport, runtime: &Runtime, shutdown: &Shutdown) -> Result<u64, MapError> {
    let job = numbered("7");
    let progress = Arc::new(Progress::default());
    let job = Assignment {
        name: None,
        number: 0,
        transport: transport.clone(),
        prepared: Arc::new(Prepared::new(&job).unwrap()),
        replays: 0,
        spec: job,
        splits: 1,
        sent: Sent::Chunks,
        check: Check::Head,
        strict: true,
        limits: Limits::default(),
        reading: None,
        cost: None,
        progress: Arc::clone(&progress),
        counters: None,
    };
    work(job, 3, runtime.handle(), shutdown)?;
    Ok(Progress::get(&progress.records))
}

fn collect(transport: &Transport, runtime: &Runtime) -> Merged {
    let job = numbered("7");
    let mut outcomes = std::collections::BTreeMap::new();
    runtime.block_on(async {
        while let Some(delivery) = transport.next(Queue::Results(0)).await.unwrap() {
            let message = delivery.payload().clone();
            delivery.ack().await;
            let Ok(Message::Outcome(outcome)) = decode(&message, Check::Full) else {
                panic!("not an outcome");
            };
            outcomes.insert(outcome.head.id, message);
        }
    });
    let mut merged = Merged::default();
    for (chunk, message) in support::cut(&[document("d", text())], &job.records, 700)
        .iter()
        .zip(outcomes.into_values())
    {
        support::merge(&job.kind.shape(), &job, chunk, &[(0, message)], &mut merged);
    }
    merged
}

fn filled(transport: &Transport, runtime: &Runtime) {
    for chunk in cut(&[document("d", text())], &numbered("7").records, 700) {
        let (message, _) = encode_chunk(&chunk.head, chunk.body.to_vec(), BodyForm::Raw).unwrap();
        runtime
            .block_on(transport.publish(Queue::Chunks, message.into()))
            .unwrap();
    }
    transport.finish(Queue::Chunks);
}

fn queues() -> Embedded {
    Embedded::new(
        1,
        Capacity {
            chunks: 1 << 20,
            results: 1 << 20,
        },
    )
}

#[test]
fn every_chunk_is_mapped_whatever_the_transport_does() {
    let runtime = Runtime::new().unwrap();
    let expected = support::map(
        &numbered("7"),
        &cut(&[document("d", text())], &numbered("7").records, 1 << 20),
    );
    for transport in [
        Transport::Embedded(queues()),
        Transport::Faulty(Faulty::new(queues(), 1)),
        Transport::Faulty(Faulty::new(queues(), 2)),
    ] {
        filled(&transport, &runtime);
        let records = run(&transport, &runtime, &Shutdown::new()).unwrap();
        assert!(records >= 5000);
        transport.finish(Queue::Results(0));
        let merged = collect(&transport, &runtime);
        assert_eq!(merged, expected);
        assert_eq!(transport.dead_letter_reasons(), Vec::<String>::new());
    }
}

#[test]
fn a_message_that_is_no_chunk_is_dead_lettered_and_named() {
    let runtime = Runtime::new().unwrap();
    let transport = Transport::Embedded(queues());
    let junk = Bytes::from_static(b"no chunk");
    runtime
        .block_on(transport.publish(Queue::Chunks, junk))
        .unwrap();
    // Not finished: the other threads must stop all the same.
    let error = run(&transport, &runtime, &Shutdown::new()).unwrap_err();
    assert!(matches!(error, MapError::Undecodable(_)), "{error}");
    assert_eq!(transport.dead_letter_reasons(), ["not a Gristmill message"]);
}

#[test]
fn a_stop_ends_the_work_without_an_error() {
    let runtime = Runtime::new().unwrap();
    let transport = Transport::Embedded(queues());
    let shutdown = Shutdown::new();
    let stopper = shutdown.clone();
    std::thread::scope(|scope| {
        // The queue is empty and open: only the stop can end this.
        let worker = scope.spawn(|| run(&transport, &runtime, &shutdown));
        stopper.advance(Stage::Draining);
        assert_eq!(worker.join().unwrap().unwrap(), 0);
    });
    let chunk = Bytes::from_static(b"left alone");
    runtime
        .block_on(transport.publish(Queue::Chunks, chunk))
        .unwrap();
    assert_eq!(run(&transport, &runtime, &shutdown).unwrap(), 0);
}
