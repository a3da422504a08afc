//! Snapshots: the fold goes on from one as if it had read all, and nothing hostile passes.

#[path = "snapshot_bounds_tests.rs"]
mod bounds;

use proptest::prelude::*;

use super::*;
use crate::registry::{Entry, Event, SplitDone, Submission, Totals, decode_event, encode_event};
use gristmill_common::id::ChunkId;
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::progress::Role;
use gristmill_common::spec::{Grep, JobSpec, Kind};

/// The time of all entries.
const AT: u64 = 1_700_000_000;

fn submission(run: u64, partitions: u32) -> Event {
    let spec = JobSpec {
        partitions,
        ..JobSpec::of(Kind::Grep(Grep::of("x")))
    };
    let plan_summary = PlanSummary {
        sources: vec![serde_bytes::ByteBuf::from(b"a".to_vec())],
        splits: 3,
        ..PlanSummary::default()
    };
    Event::Submitted(Box::new(Submission {
        plan: run % 2,
        after: run.checked_sub(1),
        ..Submission::of(spec, plan_summary, run)
    }))
}

fn totals(skipped_chunks: u64) -> Totals {
    Totals {
        skipped_chunks,
        ..Totals::default()
    }
}

fn event() -> impl Strategy<Value = Event> {
    let splits = |split| {
        Event::SplitsComplete(vec![SplitDone {
            split,
            chunks: 2,
            records: vec![(0, 7)],
            passed_over: 0,
        }])
    };
    let claim = |number: u32| Event::Claimed {
        directory: format!("d{number}"),
        place: "host:/results".into(),
    };
    let stalled = |index| Event::Stalled {
        missing: vec![ChunkId { split: 0, index }],
        count: 1,
    };
    prop_oneof![
        4 => (0..4u64, 1..4u32).prop_map(|(run, partitions)| submission(run, partitions)),
        2 => (0..4u32).prop_map(splits),
        1 => (1..9u64).prop_map(|chunks| Event::Sealed { chunks }),
        1 => (0..2u32).prop_map(claim),
        2 => (0..4u32).prop_map(|partition| Event::PartitionClosed { partition }),
        2 => (0..2u64).prop_map(|skipped| Event::Finished(totals(skipped))),
        1 => Just(Event::queue_lost("results", Role::Map)),
        1 => Just(Event::Cancelled),
        1 => (0..4u32).prop_map(stalled),
        2 => Just(Event::Replayed),
        1 => any::<bool>().prop_map(|there| Event::Output { there }),
        1 => (5..7u16).prop_map(|version| Event::Foreign { version }),
        1 => Just(Event::Marker { id: 1 }),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    (0..3u32, 0..4u64, 0..100u64, event()).prop_map(|(job, run, later, event)| Entry {
        job: format!("j{job}").parse().unwrap(),
        run: match &event {
            // Most submissions are of the run that they say.
            Event::Submitted(submission) if later > 0 => submission.run,
            _ => run,
        },
        at: AT + later,
        event,
    })
}

fn fold(mut table: JobTable, entries: &[Entry]) -> JobTable {
    for entry in entries {
        table.apply(entry.clone());
    }
    table
}

/// The table that a reader gets out of a checkpoint.
fn travelled(table: &JobTable, now: u64) -> JobTable {
    let snapshot = Snapshot::of(table, 7, now).unwrap();
    let event = Event::Checkpoint(Box::new(snapshot));
    let bytes = encode_event(&event).unwrap();
    let Event::Checkpoint(snapshot) = decode_event(&bytes).unwrap() else {
        panic!("another event");
    };
    assert_eq!(snapshot.covers(), 7);
    snapshot.table().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whoever_begins_at_a_checkpoint_knows_what_whoever_read_all_knows(
        entries in prop::collection::vec(entry(), 0..120),
        at in any::<prop::sample::Index>(),
    ) {
        let at = at.index(entries.len() + 1);
        let (before, behind) = entries.split_at(at);
        let all = fold(JobTable::default(), &entries);
        let from = travelled(&fold(JobTable::default(), before), AT + 100);
        let mut found = fold(from, behind);
        prop_assert_eq!(&found, &all);
        // Whoever follows has taken those that ended; a checkpoint of his has them all the same.
        let mut followed = fold(JobTable::default(), before);
        followed.take_ended();
        found.take_ended();
        let again = fold(travelled(&followed, AT + 100), behind);
        prop_assert_eq!(again, all);
    }

    #[test]
    fn hostile_tables_never_panic(
        entries in prop::collection::vec(entry(), 0..20),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let table = fold(JobTable::default(), &entries);
        let mut bytes = Snapshot::of(&table, 0, AT).unwrap().table;
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for bytes in [bytes, noise] {
            if let Ok(mut table) = Snapshot::hostile(FOLD, bytes).table() {
                fold(table.clone(), &entries);
                table.take_ended();
            }
        }
    }
}

fn name(text: &str) -> JobName {
    text.parse().unwrap()
}

fn one_job(events: Vec<Event>) -> JobTable {
    let mut table = JobTable::default();
    for event in [vec![submission(1, 2)], events].concat() {
        table.apply(Entry {
            job: name("j"),
            run: 1,
            at: AT,
            event,
        });
    }
    table
}

#[test]
fn jobs_that_the_log_would_have_forgotten_are_left_out_unless_they_are_active() {
    let mut table = JobTable::default();
    let mut apply = |job: &str, at: u64, event: Event| {
        table.apply(Entry {
            job: name(job),
            run: 1,
            at,
            event,
        });
    };
    for (job, end) in [
        ("active", None),
        ("failed", Some(Event::queue_lost("results", Role::Map))),
        ("over", Some(Event::Cancelled)),
    ] {
        apply(job, AT, submission(1, 2));
        end.into_iter().for_each(|end| apply(job, AT, end));
    }
    apply("foreign", AT, Event::Foreign { version: 5 });
    let names = |table: &JobTable| -> Vec<String> {
        let foreign = table.foreign().map(|(name, _)| name.to_string());
        let jobs = table.iter().map(|job| job.name.to_string());
        jobs.chain(foreign).collect()
    };
    let all = ["active", "failed", "over", "foreign"];
    assert_eq!(names(&travelled(&table, AT + KEPT)), all);
    // A clock that is ahead makes nothing old.
    assert_eq!(names(&travelled(&table, AT + 9 * KEPT)), all);
    let mut later = table.clone();
    later.apply(Entry {
        job: name("new"),
        run: 1,
        at: AT + KEPT + 1,
        event: submission(1, 2),
    });
    let kept = travelled(&later, AT + KEPT + 1);
    assert_eq!(names(&kept), ["active", "new"]);
    // What is left of their runs may still be removed.
    let run = JobRun::new(&name("over"), 1);
    assert!(kept.ended(&run).is_some());
}

#[test]
fn a_finished_job_takes_a_line() {
    let mut job = one_job(vec![Event::Finished(totals(0))]);
    let one = Snapshot::of(&job, 0, AT).unwrap().table.len();
    let first = job.jobs.get(&name("j")).unwrap().clone();
    for number in 0..999 {
        let name = name(&format!("j{number}"));
        let next = Job {
            name: name.clone(),
            ..first.clone()
        };
        job.jobs.insert(name, next);
    }
    let all = Snapshot::of(&job, 0, AT).unwrap().table.len();
    assert!((all - one) / 999 < 100, "{} bytes", (all - one) / 999);
}
