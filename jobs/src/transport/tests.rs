//! The conformance suite over the queues in memory, well-behaved and not.

use std::time::Duration;

use super::{Capacity, Embedded, Faulty, Transport, conformance};

fn queues(room: usize) -> Embedded {
    Embedded::new(
        2,
        Capacity {
            chunks: room,
            results: room,
        },
    )
}

/// Runs a case over every transport in memory; a hang is a failure, not a wait.
fn run(room: usize, case: impl AsyncFn(Transport)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let faulty = (0..4).map(|seed| Transport::Faulty(Faulty::new(queues(room), seed)));
    for transport in std::iter::once(Transport::Embedded(queues(room))).chain(faulty) {
        runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(30), case(transport))
                .await
                .expect("no hang");
        });
    }
}

conformance::cases!(run, wide: 100, patience: Duration::from_millis(50));
