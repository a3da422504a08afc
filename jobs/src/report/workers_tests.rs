//! The fold of reports: rates add up, the silent are forgotten, floods are bounded.

use std::time::Duration;

use gristmill_common::progress::Counts;
use proptest::prelude::*;

use super::super::Rate;
use super::*;

fn report(worker: u64, role: Role, counts: Counts, rate: Rate) -> Report {
    Report {
        worker,
        role,
        facts: Facts::default(),
        work: Some(work("j", counts, rate)),
    }
}

fn work(job: &str, counts: Counts, rate: Rate) -> Work {
    Work {
        job: job.parse().unwrap(),
        run: 7,
        counts,
        rate,
        trouble: None,
        left_alone: false,
        reasons: Vec::new(),
    }
}

/// The same, leaving the job alone or held up.
fn troubled(mut report: Report, reason: &str, left_alone: bool) -> Report {
    let work = report.work.as_mut().unwrap();
    work.trouble = Some(reason.into());
    work.left_alone = left_alone;
    report
}

fn run(run: u64) -> JobRun {
    JobRun::new(&"j".parse().unwrap(), run)
}

#[test]
fn the_reports_of_all_workers_add_up() {
    let mut workers = Workers::default();
    let now = Instant::now();
    let rate = Rate {
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
        workers.hear(report(worker, Role::Map, mapping, rate), now);
    }
    // The same worker again replaces what it said.
    workers.hear(report(2, Role::Map, mapping, rate), now);
    let reducing = Counts {
        chunks: 80,
        total: 200,
        quarantined: 4,
        partitions: 1,
        ..Counts::default()
    };
    for worker in 10..12 {
        let mut said = report(worker, Role::Reduce, reducing, rate);
        let reason = |reason: &str, times| (reason.to_owned(), times);
        said.work.as_mut().unwrap().reasons = vec![reason("a", 1), reason("b", worker)];
        workers.hear(said, now);
    }
    let producing = Counts {
        chunks: 150,
        bytes: 10,
        total: 40,
        ..Counts::default()
    };
    workers.hear(report(20, Role::Produce, producing, rate), now);
    let expected = JobStats {
        producers: 1,
        mappers: 3,
        unable: 0,
        reducers: 2,
        unable_reducers: 0,
        published: 150,
        input: (10, 40),
        in_hand: 9,
        bytes_read_per_second: 2000.0,
        outcomes_per_second: 20.0,
        chunks_per_second: 30.0,
        bytes_per_second: 6000.0,
        outcomes: (160, 400),
        quarantined: 8,
        ..JobStats::default()
    };
    assert_eq!(workers.of(&run(7)), expected);
    let reasons = [("b".to_owned(), 21), ("a".to_owned(), 2)];
    assert_eq!(workers.reasons(&run(7)), reasons);
    assert!(workers.reasons(&run(8)).is_empty());
    // Another run or job is another matter.
    assert_eq!(workers.of(&run(8)), JobStats::default());
    assert_eq!(
        workers.of(&JobRun::new(&"k".parse().unwrap(), 7)),
        JobStats::default()
    );
}

#[test]
fn workers_that_leave_a_job_alone_are_counted_apart_by_their_reasons() {
    let mut workers = Workers::default();
    let now = Instant::now();
    for (worker, reason) in (0..).zip(["off", "off", "no awk"]) {
        let said = report(worker, Role::Map, Counts::default(), Rate::default());
        workers.hear(troubled(said, reason, true), now);
    }
    let held_up = report(9, Role::Map, Counts::default(), Rate::default());
    workers.hear(troubled(held_up, "a full queue", false), now);
    let stats = workers.of(&run(7));
    assert_eq!((stats.mappers, stats.unable), (1, 3));
    let reasons = workers.left_alone(Role::Map, &run(7));
    assert_eq!(
        reasons.into_iter().collect::<Vec<_>>(),
        [("no awk".to_owned(), 1), ("off".to_owned(), 2)]
    );
    assert!(workers.left_alone(Role::Reduce, &run(7)).is_empty());
    let reducer = report(10, Role::Reduce, Counts::default(), Rate::default());
    workers.hear(troubled(reducer, "off", true), now);
    let stats = workers.of(&run(7));
    assert_eq!((stats.reducers, stats.unable_reducers), (0, 1));
    let reasons = workers.left_alone(Role::Reduce, &run(7));
    assert_eq!(reasons, [("off".to_owned(), 1)].into());
    let troubles = workers.troubles(&run(7));
    assert_eq!(troubles, [(Role::Map, "a full queue".to_owned())].into());
}

#[test]
fn the_silent_are_forgotten() {
    let mut workers = Workers::default();
    let start = Instant::now();
    let said = |worker| report(worker, Role::Map, Counts::default(), Rate::default());
    workers.hear(said(1), start);
    workers.hear(said(2), start);
    let later = start + Duration::from_secs(5);
    workers.hear(said(2), later);
    workers.forget(later);
    assert_eq!(workers.of(&run(7)).mappers, 1);
}

#[test]
fn a_worker_without_a_job_is_known_and_has_none() {
    let mut workers = Workers::default();
    let start = Instant::now();
    let idle = |worker| Report {
        work: None,
        ..report(worker, Role::Map, Counts::default(), Rate::default())
    };
    let on = |job| Report {
        work: Some(work(job, Counts::default(), Rate::default())),
        ..report(1, Role::Map, Counts::default(), Rate::default())
    };
    let jobs = |workers: &Workers| {
        let jobs = workers.all().into_iter().map(|worker| worker.jobs);
        jobs.map(|jobs| jobs.iter().map(ToString::to_string).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    workers.hear(idle(1), start);
    assert_eq!((jobs(&workers), workers.len()), (vec![vec![]], 1));
    // Two jobs, then only one of them.
    workers.hear(on("j"), start);
    workers.hear(on("k"), start + Duration::from_millis(3));
    assert_eq!(jobs(&workers), [["j", "k"]]);
    assert_eq!((workers.len(), workers.of(&run(7)).mappers), (2, 1));
    let later = start + Duration::from_secs(2);
    workers.hear(on("k"), later);
    assert_eq!(jobs(&workers), [["k"]]);
    // None, which it says itself.
    workers.hear(idle(1), later);
    assert_eq!((jobs(&workers), workers.len()), (vec![vec![]], 1));
    assert_eq!(workers.of(&run(7)).mappers, 0);
    workers.hear(idle(2), later);
    workers.forget(later + Duration::from_secs(1));
    assert!(workers.is_empty());
}

#[test]
fn a_flood_of_workers_is_bounded() {
    let mut workers = Workers::default();
    let now = Instant::now();
    for worker in 0..2 * MAX_REPORTS as u64 {
        let said = report(worker, Role::Map, Counts::default(), Rate::default());
        workers.hear(said, now);
    }
    assert_eq!(workers.len(), MAX_REPORTS);
}

proptest! {
    #[test]
    fn sums_of_hostile_numbers_are_finite(numbers in prop::collection::vec(any::<[u64; 8]>(), 0..9)) {
        let mut workers = Workers::default();
        for (worker, [chunks, bytes, total, in_hand, quarantined, millis, a, b]) in
            numbers.into_iter().enumerate()
        {
            let counts = Counts { chunks, bytes, total, in_hand, quarantined, partitions: 1 };
            let rate = Rate { millis, chunks: a, bytes: b };
            let role = [Role::Produce, Role::Map, Role::Reduce][worker % 3];
            workers.hear(report(worker as u64, role, counts, rate), Instant::now());
        }
        let stats = workers.of(&run(7));
        prop_assert!(stats.chunks_per_second.is_finite() && stats.bytes_per_second.is_finite());
    }
}
