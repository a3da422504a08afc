//! Snapshots that no fold can have made: each is refused.

use super::super::*;
use super::{AT, name, one_job};
use crate::registry::{Event, SplitDone};
use gristmill_common::id::ChunkId;

fn bytes_of(table: &JobTable) -> Vec<u8> {
    let written = Written {
        entries: table.entries,
        jobs: table.iter().collect(),
        foreign: table.foreign.iter().collect(),
        ended: (table.ended.iter())
            .map(|(run, partitions)| (&run.job, run.run, partitions))
            .collect(),
    };
    encode_value::<MAX_EVENT>(&written).unwrap()
}

fn is_refused(table: &JobTable) -> bool {
    Snapshot::hostile(FOLD, bytes_of(table)).table().is_err()
}

type Change = fn(&mut Job);

/// What no entries make of a job that is active, or of one that is over.
fn changes<'a>(
    active: &'a JobTable,
    over: &'a JobTable,
) -> [(&'static str, &'a JobTable, Change); 14] {
    [
        ("no partition", active, |job| {
            job.submission.spec.partitions = 0;
        }),
        ("too many partitions", active, |job| {
            job.submission.spec.partitions = MAX_PARTITIONS + 1;
        }),
        ("a claim of nobody", active, |job| {
            job.claim.as_mut().unwrap().directory.clear();
        }),
        ("a long directory", active, |job| {
            job.claim.as_mut().unwrap().directory = "x".repeat(MAX_TEXT + 1);
        }),
        ("a long place", active, |job| {
            job.claim.as_mut().unwrap().place = "x".repeat(MAX_TEXT + 1);
        }),
        ("a long reason", active, |job| {
            job.phase = Phase::Failed {
                reason: "x".repeat(MAX_TEXT + 1),
            };
        }),
        ("another partition", active, |job| {
            job.closed.insert(2);
        }),
        ("many replays", active, |job| {
            job.replays = MAX_REPLAYS + 1;
        }),
        ("much missing", active, |job| {
            let one = ChunkId { split: 0, index: 1 };
            job.missing = Some((vec![one; MAX_MISSING + 1], 1));
        }),
        ("another split", active, |job| {
            let done = SplitDone {
                split: 3,
                chunks: 1,
                records: vec![],
                passed_over: 0,
            };
            job.splits.insert(3, done);
        }),
        ("a split under another number", active, |job| {
            let done = SplitDone {
                split: 0,
                chunks: 1,
                records: vec![],
                passed_over: 0,
            };
            job.splits.insert(1, done);
        }),
        ("an end of an active job", active, |job| job.ended = 1),
        ("an end in the future", over, |job| job.ended = 3),
        ("the sources of a job that is over", over, |job| {
            job.submission.plan_summary.sources = vec![vec![1].into()];
        }),
    ]
}

#[test]
fn what_no_entries_can_make_is_refused() {
    let active = one_job(vec![Event::Claimed {
        directory: "d".into(),
        place: "host:/d".into(),
    }]);
    assert!(!is_refused(&active));
    let over = one_job(vec![Event::Cancelled]);
    assert!(!is_refused(&over));
    for (what, table, change) in changes(&active, &over) {
        let mut table = table.clone();
        change(table.jobs.get_mut(&name("j")).unwrap());
        assert!(is_refused(&table), "{what}");
    }
    let bytes = bytes_of(&active);
    assert!(Snapshot::hostile(FOLD, bytes.clone()).table().is_ok());
    assert!(
        Snapshot::hostile(FOLD + 1, bytes.clone()).table().is_err(),
        "another fold"
    );
    let stray = [bytes, vec![0]].concat();
    assert!(Snapshot::hostile(FOLD, stray).table().is_err());
}

#[test]
fn more_than_the_fold_keeps_is_refused() {
    let refused = |jobs: usize, foreign: usize, ended: usize, partitions: u32| {
        let table = one_job(vec![]);
        let numbers = 0..jobs.max(foreign).max(1);
        let all = numbers.map(|number| Job {
            name: name(&format!("j{number}")),
            ..table.get(&name("j")).unwrap().clone()
        });
        let all: Vec<Job> = all.collect();
        let version = ForeignJob {
            version: 5,
            latest: AT,
        };
        let written = Written {
            entries: 9,
            jobs: all[..jobs].iter().collect(),
            foreign: (all[..foreign].iter())
                .map(|job| (&job.name, &version))
                .collect(),
            ended: (0..ended as u64)
                .map(|run| (&all[0].name, run, partitions))
                .collect(),
        };
        let bytes = encode_value::<MAX_EVENT>(&written).unwrap();
        Snapshot::hostile(FOLD, bytes).table().is_err()
    };
    assert!(!refused(MAX_JOBS, MAX_JOBS, MOST, 2));
    assert!(refused(MAX_JOBS + 1, 0, 0, 2));
    assert!(refused(0, MAX_JOBS + 1, 0, 2));
    assert!(refused(0, 0, MOST + 1, 2));
    assert!(refused(0, 0, 1, 0));
    assert!(refused(0, 0, 1, MAX_PARTITIONS + 1));
    let table = one_job(vec![]);
    let job = table.get(&name("j")).unwrap();
    let twice = Written {
        entries: 9,
        jobs: vec![job, job],
        foreign: vec![],
        ended: vec![],
    };
    let bytes = encode_value::<MAX_EVENT>(&twice).unwrap();
    assert!(Snapshot::hostile(FOLD, bytes).table().is_err());
}
