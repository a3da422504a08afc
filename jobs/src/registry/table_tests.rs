//! The fold of the log: who comes first, what is over, what is hostile.

use super::*;
use crate::registry::{Phase, SplitDone, Totals, job::MAX_TEXT};
use gristmill_common::id::ChunkId;
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::progress::Role;
use gristmill_common::spec::{Grep, JobSpec, Kind};

const TOTALS: Totals = Totals {
    records: 9,
    quarantined: 2,
    skipped_chunks: 0,
    foreign_messages: 0,
};

fn submission(run: u64) -> Box<Submission> {
    let spec = JobSpec {
        partitions: 2,
        ..JobSpec::of(Kind::Grep(Grep::of("x")))
    };
    let plan_summary = PlanSummary {
        sources: vec![serde_bytes::ByteBuf::from(b"a".to_vec())],
        splits: 3,
        ..PlanSummary::default()
    };
    Box::new(Submission {
        plan: 5,
        after: run.checked_sub(1),
        ..Submission::of(spec, plan_summary, run)
    })
}

#[test]
fn a_submission_is_read_as_it_was_written() {
    // Of an option that is not set, nothing may be left out: the encoding does not say what is
    // there.
    for max_count in [None, std::num::NonZeroU64::new(7)] {
        let mut submission = submission(3);
        if let Kind::Grep(grep) = &mut submission.spec.kind {
            grep.max_count = max_count;
        }
        let event = Event::Submitted(submission);
        let bytes = crate::registry::encode_event(&event).unwrap();
        assert_eq!(crate::registry::decode_event(&bytes).unwrap(), event);
    }
}

#[derive(Default)]
struct Fold(JobTable);

impl Fold {
    fn apply(&mut self, name: &str, run: u64, event: Event) -> Applied {
        self.0.apply(Entry {
            job: name.parse().unwrap(),
            run,
            at: 7,
            event,
        })
    }

    fn submit(&mut self, name: &str, run: u64) -> Applied {
        self.apply(name, run, Event::Submitted(submission(run)))
    }

    fn job(&self, name: &str) -> &Job {
        self.0.get(&name.parse().unwrap()).unwrap()
    }
}

fn claim(directory: &str) -> Event {
    Event::Claimed {
        directory: directory.into(),
        place: "host:/results".into(),
    }
}

fn claimed(fold: &Fold, name: &str) -> Option<String> {
    let claim = fold.job(name).claim.as_ref();
    claim.map(|claim| claim.directory.clone())
}

fn split(split: u32) -> Event {
    Event::SplitsComplete(vec![SplitDone {
        split,
        chunks: 4,
        records: vec![(0, 9)],
        passed_over: 0,
    }])
}

#[test]
fn the_first_claim_wins() {
    let mut fold = Fold::default();
    assert_eq!(fold.submit("j", 1), Applied::Started);
    assert_eq!(fold.apply("j", 1, claim("one")), Applied::Changed);
    assert_eq!(fold.apply("j", 1, claim("two")), Applied::Ignored);
    assert_eq!(fold.apply("j", 1, claim("one")), Applied::Ignored);
    assert_eq!(claimed(&fold, "j").as_deref(), Some("one"));
}

#[test]
fn a_job_lives_from_its_submission_to_its_end() {
    let mut fold = Fold::default();
    assert_eq!(fold.apply("j", 1, split(0)), Applied::Ignored);
    fold.submit("j", 1);
    assert_eq!(fold.apply("j", 1, split(0)), Applied::Changed);
    assert_eq!(fold.apply("j", 1, split(0)), Applied::Ignored);
    assert_eq!(
        fold.apply("j", 1, Event::Sealed { chunks: 4 }),
        Applied::Changed
    );
    assert_eq!(
        fold.apply("j", 1, Event::Sealed { chunks: 9 }),
        Applied::Ignored
    );
    for partition in [1, 0] {
        let closed = Event::PartitionClosed { partition };
        assert_eq!(fold.apply("j", 1, closed), Applied::Changed);
    }
    let job = fold.job("j");
    assert_eq!(
        (job.sealed, job.closed.len(), job.splits.len()),
        (Some(4), 2, 1)
    );
    assert!(job.is_active());
    assert_eq!(
        fold.apply("j", 1, Event::Finished(TOTALS)),
        Applied::Changed
    );
    assert_eq!(fold.apply("j", 1, Event::Cancelled), Applied::Ignored);
    let job = fold.job("j");
    assert_eq!(job.phase, Phase::Finished(TOTALS));
    assert!(
        job.submission.plan_summary.sources.is_empty(),
        "it needs no room now"
    );
}

#[test]
fn another_run_waits_until_the_first_is_over() {
    let mut fold = Fold::default();
    fold.submit("j", 1);
    assert_eq!(fold.submit("j", 2), Applied::Ignored);
    assert_eq!(fold.apply("j", 2, claim("two")), Applied::Ignored);
    fold.apply("j", 1, Event::Cancelled);
    assert_eq!(
        fold.submit("j", 1),
        Applied::Ignored,
        "a cancelled run stays cancelled"
    );
    assert_eq!(fold.submit("j", 2), Applied::Started);
    assert_eq!(
        fold.apply("j", 1, Event::Finished(Totals::default())),
        Applied::Ignored
    );
    assert!(fold.job("j").is_active());
    assert_eq!(fold.job("j").claim, None);
}

#[test]
fn a_failed_run_goes_on_when_it_is_submitted_again() {
    let mut fold = Fold::default();
    fold.submit("j", 1);
    fold.apply("j", 1, claim("one"));
    fold.apply("j", 1, split(0));
    let failed = Event::Failed {
        reason: "ä".repeat(MAX_TEXT),
    };
    assert_eq!(fold.apply("j", 1, failed), Applied::Changed);
    assert!(!fold.job("j").is_active());
    assert_eq!(fold.submit("j", 1), Applied::Changed);
    let job = fold.job("j");
    assert!(job.is_active());
    assert!(
        job.splits.is_empty(),
        "the queue that held them may be gone"
    );
    assert_eq!(claimed(&fold, "j").as_deref(), Some("one"));
    // With another spec it is another job.
    let mut other = submission(1);
    other.plan += 1;
    assert_eq!(
        fold.apply("j", 1, Event::Submitted(other)),
        Applied::Ignored
    );
}

#[test]
fn a_stalled_job_goes_on_when_it_is_submitted_again() {
    let mut fold = Fold::default();
    fold.submit("j", 1);
    let missing = vec![ChunkId { split: 0, index: 1 }];
    let stalled = Event::Stalled {
        missing: missing.clone(),
        count: 1,
    };
    assert_eq!(fold.apply("j", 1, stalled), Applied::Changed);
    assert_eq!(fold.job("j").missing, Some((missing, 1)));
    fold.submit("j", 1);
    assert_eq!(fold.job("j").missing, None);
}

#[test]
fn of_several_splits_those_that_fit_the_job_and_are_new_count() {
    let mut fold = Fold::default();
    fold.submit("j", 1);
    fold.apply("j", 1, split(1));
    let done = |split, chunks| SplitDone {
        split,
        chunks,
        records: vec![(0, 9)],
        passed_over: 0,
    };
    let event = Event::SplitsComplete(vec![done(0, 7), done(1, 7), done(3, 7), done(2, 7)]);
    assert_eq!(fold.apply("j", 1, event.clone()), Applied::Changed);
    let known = |fold: &Fold| -> Vec<(u32, u32)> {
        let splits = fold.job("j").splits.iter();
        splits.map(|(&split, done)| (split, done.chunks)).collect()
    };
    assert_eq!(known(&fold), [(0, 7), (1, 4), (2, 7)]);
    assert_eq!(fold.apply("j", 1, event), Applied::Ignored);
    assert_eq!(known(&fold), [(0, 7), (1, 4), (2, 7)]);
}

#[test]
fn what_does_not_fit_the_job_is_ignored() {
    let mut fold = Fold::default();
    fold.submit("j", 1);
    let many = Event::SplitsComplete(vec![SplitDone {
        split: 0,
        chunks: 1,
        records: vec![(0, 0); 5],
        passed_over: 0,
    }]);
    for event in [
        split(3),
        many,
        Event::PartitionClosed { partition: 2 },
        claim(""),
        claim(&"x".repeat(MAX_TEXT + 1)),
        Event::Marker { id: 1 },
        Event::Submitted(submission(9)),
    ] {
        assert_eq!(
            fold.apply("j", 1, event.clone()),
            Applied::Ignored,
            "{event:?}"
        );
    }
}

/// A producer that was away writes what it decided before other runs came and went.
#[test]
fn an_earlier_run_does_not_come_back() {
    let mut fold = Fold::default();
    for run in 1..4 {
        assert_eq!(fold.submit("j", run), Applied::Started);
        assert_eq!(fold.apply("j", run, Event::Cancelled), Applied::Changed);
    }
    for late in [1, 2, 3, 9] {
        assert_eq!(fold.submit("j", late), Applied::Ignored, "{late}");
    }
    assert_eq!(fold.job("j").submission.run, 3);
    assert_eq!(fold.submit("j", 4), Applied::Started);
}

#[test]
fn the_table_is_bounded_and_forgets_the_oldest_that_is_over() {
    let mut fold = Fold::default();
    for number in 0..MAX_JOBS as u64 {
        assert_eq!(fold.submit(&format!("j{number}"), number), Applied::Started);
    }
    assert_eq!(fold.submit("one-more", 1), Applied::Ignored);
    fold.apply("j7", 7, Event::Cancelled);
    fold.apply("j3", 3, Event::Cancelled);
    assert_eq!(fold.submit("one-more", 1), Applied::Started);
    assert!(fold.0.get(&"j7".parse().unwrap()).is_none());
    assert!(fold.0.get(&"j3".parse().unwrap()).is_some());
    assert_eq!(fold.0.iter().count(), MAX_JOBS);
}

#[test]
fn only_a_finished_job_with_skipped_chunks_can_be_replayed() {
    let mut fold = Fold::default();
    fold.submit("j", 1);
    fold.apply("j", 1, claim("one"));
    fold.apply("j", 1, Event::Sealed { chunks: 9 });
    assert_eq!(fold.apply("j", 1, Event::Replayed), Applied::Ignored);
    let skipped = Totals {
        skipped_chunks: 1,
        ..TOTALS
    };
    fold.apply("j", 1, Event::PartitionClosed { partition: 0 });
    fold.apply("j", 1, Event::Finished(skipped));
    assert!(!fold.job("j").is_over() && !fold.job("j").is_active());
    // Nothing else wakes it.
    assert_eq!(fold.submit("j", 1), Applied::Ignored);
    assert_eq!(
        fold.apply("j", 1, Event::queue_lost("results", Role::Map)),
        Applied::Ignored
    );
    assert_eq!(fold.apply("j", 1, Event::Replayed), Applied::Changed);
    let job = fold.job("j");
    assert!(job.is_active() && job.closed.is_empty());
    assert_eq!((job.replays, job.sealed), (1, Some(9)));
    assert_eq!(claimed(&fold, "j").as_deref(), Some("one"));
    assert_eq!(job.submission.plan_summary.sources.len(), 1);
    fold.apply("j", 1, Event::Finished(TOTALS));
    assert!(fold.job("j").is_over());
    assert_eq!(fold.apply("j", 1, Event::Replayed), Applied::Ignored);
    assert_eq!(fold.apply("j", 1, Event::Cancelled), Applied::Ignored);
}

#[test]
fn a_run_has_ended_when_it_was_seen_to_end_or_to_be_replaced() {
    let mut fold = Fold::default();
    let run = |number| JobRun::new(&"j".parse().unwrap(), number);
    fold.submit("j", 1);
    fold.apply("j", 1, Event::queue_lost("results", Role::Map));
    // A failed run may go on, and of one that is not known nobody knows.
    assert_eq!(fold.0.ended(&run(1)), None);
    assert_eq!(fold.0.ended(&run(2)), None);
    fold.submit("j", 2);
    let partitions = 2;
    let first = Ended {
        run: run(1),
        partitions,
    };
    assert_eq!(fold.0.take_ended(), std::slice::from_ref(&first));
    assert_eq!(fold.0.ended(&run(1)), Some(first));
    assert_eq!(fold.0.ended(&run(2)), None);
    fold.apply("j", 2, Event::Finished(TOTALS));
    assert!(fold.0.ended(&run(2)).is_some());
    fold.submit("j", 3);
    fold.apply("j", 3, Event::Cancelled);
    let ended = fold.0.take_ended();
    let runs: Vec<u64> = ended.iter().map(|ended| ended.run.run).collect();
    assert_eq!(runs, [2, 3]);
}

#[test]
fn whether_an_output_is_there_is_known_of_finished_jobs() {
    let mut fold = Fold::default();
    fold.submit("j", 1);
    let gone = Event::Output { there: false };
    assert_eq!(fold.apply("j", 1, gone.clone()), Applied::Ignored);
    fold.apply("j", 1, Event::Finished(TOTALS));
    assert_eq!(fold.apply("j", 1, Event::OutputSought), Applied::Ignored);
    assert_eq!(fold.apply("j", 1, gone.clone()), Applied::Changed);
    assert_eq!(fold.apply("j", 1, gone), Applied::Ignored);
    assert_eq!(fold.job("j").output_there, Some(false));
}

#[test]
fn a_job_of_another_version_is_known_by_name_until_one_of_this_version_takes_it() {
    let mut fold = Fold::default();
    let foreign = Event::Foreign { version: 3 };
    assert_eq!(fold.apply("old", 1, foreign), Applied::Ignored);
    let found: Vec<_> = fold.0.foreign().map(|(_, job)| *job).collect();
    let (version, latest) = (3, 7);
    assert_eq!(found, [ForeignJob { version, latest }]);
    fold.submit("old", 2);
    assert_eq!(fold.0.foreign().count(), 0);
}
