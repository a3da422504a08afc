//! The fold of reports: rates add up, the silent are forgotten, floods are bounded.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn report(worker: u64, role: Role, counts: Counts, pace: Pace) -> Report {
    Report {
        job: "j".parse().unwrap(),
        run: 7,
        worker,
        role,
        counts,
        pace,
        trouble: None,
    }
}

fn job() -> JobName {
    "j".parse().unwrap()
}

#[test]
fn the_reports_of_all_workers_add_up() {
    let mut crew = Crew::default();
    let now = Instant::now();
    let pace = Pace {
        millis: 2000,
        chunks: 20,
        bytes: 4000,
    };
    let mapping = Counts {
        chunks: 100,
        in_hand: 3,
        ..Counts::default()
    };
    for worker in 0..3 {
        crew.hear(report(worker, Role::Map, mapping, pace), now);
    }
    // The same worker again replaces what it said.
    crew.hear(report(2, Role::Map, mapping, pace), now);
    let reducing = Counts {
        chunks: 80,
        total: 200,
        quarantined: 4,
        partitions: 1,
        ..Counts::default()
    };
    for worker in 10..12 {
        crew.hear(report(worker, Role::Reduce, reducing, Pace::default()), now);
    }
    let producing = Counts {
        chunks: 150,
        bytes: 10,
        total: 40,
        ..Counts::default()
    };
    crew.hear(report(20, Role::Produce, producing, pace), now);
    let expected = Sum {
        producers: 1,
        mappers: 3,
        reducers: 2,
        published: 150,
        input: (10, 40),
        in_hand: 9,
        chunks_per_second: 30.0,
        bytes_per_second: 6000.0,
        outcomes: (160, 400),
        quarantined: 8,
    };
    assert_eq!(crew.of(&job(), 7), expected);
    // Another run or job is another matter.
    assert_eq!(crew.of(&job(), 8), Sum::default());
    assert_eq!(crew.of(&"k".parse().unwrap(), 7), Sum::default());
}

#[test]
fn the_silent_are_forgotten() {
    let mut crew = Crew::default();
    let start = Instant::now();
    let said = |worker| report(worker, Role::Map, Counts::default(), Pace::default());
    crew.hear(said(1), start);
    crew.hear(said(2), start);
    let later = start + Duration::from_secs(5);
    crew.hear(said(2), later);
    crew.forget(later);
    assert_eq!(crew.of(&job(), 7).mappers, 1);
}

#[test]
fn a_flood_of_workers_is_bounded() {
    let mut crew = Crew::default();
    let now = Instant::now();
    for worker in 0..2 * MAX_REPORTS as u64 {
        let said = report(worker, Role::Map, Counts::default(), Pace::default());
        crew.hear(said, now);
    }
    assert_eq!(crew.len(), MAX_REPORTS);
}

proptest! {
    #[test]
    fn sums_of_hostile_numbers_are_finite(numbers in prop::collection::vec(any::<[u64; 8]>(), 0..9)) {
        let mut crew = Crew::default();
        for (worker, [chunks, bytes, total, in_hand, quarantined, millis, a, b]) in
            numbers.into_iter().enumerate()
        {
            let counts = Counts { chunks, bytes, total, in_hand, quarantined, partitions: 1 };
            let pace = Pace { millis, chunks: a, bytes: b };
            let role = [Role::Produce, Role::Map, Role::Reduce][worker % 3];
            crew.hear(report(worker as u64, role, counts, pace), Instant::now());
        }
        let sum = crew.of(&job(), 7);
        prop_assert!(sum.chunks_per_second.is_finite() && sum.bytes_per_second.is_finite());
    }
}
