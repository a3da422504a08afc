//! What is asked for before its turn: the next objects, each once, and no more than may be.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use gristmill_common::extent::Extent;
use gristmill_common::shutdown::Shutdown;

use super::objects_ahead::{ObjectsAhead, ReaderAhead};
use crate::object::{Object, ObjectError, ObjectSource, ObjectStream};
use crate::plan::{Plan, Source, SourceKind, Split};

/// Which ranges were asked for, by the number of the object.
type Asked = Arc<Mutex<HashMap<u32, Vec<Range<u64>>>>>;

#[derive(Debug)]
struct Counted {
    number: u32,
    size: u64,
    asked: Asked,
}

impl Object for Counted {
    fn size(&self) -> u64 {
        self.size
    }

    fn version(&self) -> &'static str {
        "\"1\""
    }

    fn open(&self, range: Range<u64>) -> Box<dyn ObjectStream> {
        Box::new(Begun {
            number: self.number,
            range,
            asked: Arc::clone(&self.asked),
        })
    }
}

struct Begun {
    number: u32,
    range: Range<u64>,
    asked: Asked,
}

impl ObjectStream for Begun {
    fn begin(&mut self) {
        let mut asked = self.asked.lock().unwrap();
        asked
            .entry(self.number)
            .or_default()
            .push(self.range.clone());
    }

    fn pull(&mut self, _: &mut Vec<u8>, _: usize, _: &Shutdown) -> Result<usize, ObjectError> {
        Ok(0)
    }
}

/// A plan of objects of these sizes and names; each split has so many.
fn plan(objects: &[(u64, &str)], split: usize) -> (Plan, Asked) {
    let asked = Asked::default();
    let sources = objects
        .iter()
        .enumerate()
        .map(|(number, &(size, name))| Source {
            name: name.as_bytes().to_vec(),
            path: PathBuf::new(),
            kind: SourceKind::Object(ObjectSource(Arc::new(Counted {
                number: number as u32,
                size,
                asked: Arc::clone(&asked),
            }))),
            chosen: false,
            ahead: None,
        });
    let starts = (0..objects.len()).step_by(split);
    let splits = starts.map(|start| Split {
        sources: start as u32..(start + split).min(objects.len()) as u32,
        extent: Extent::Whole,
    });
    (
        Plan::of(sources.collect(), splits.collect(), 1 << 20),
        asked,
    )
}

fn take(reader: &mut ReaderAhead<'_>, plan: &Plan, number: u32) {
    let source = plan.source(number).unwrap();
    let SourceKind::Object(object) = &source.kind else {
        panic!("no object");
    };
    reader.take(number, object.0.as_ref(), &source.name);
}

/// Whether an object was asked for once, from its start to `end`.
fn is_only(asked: &[Range<u64>], end: u64) -> bool {
    matches!(asked, [range] if *range == (0..end))
}

fn readers(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// The objects that were asked for.
fn numbers(asked: &Asked) -> Vec<u32> {
    let mut numbers: Vec<u32> = asked.lock().unwrap().keys().copied().collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn each_object_is_asked_for_once_in_order_and_never_too_many() {
    let (plan, asked) = plan(&[(100, "a.log"); 1000], 300);
    let all = |_| true;
    let ahead = ObjectsAhead::new(&plan, &all, readers(1));
    let mut reader = ahead.reader(0);
    let mut taken = 0;
    for split in 0..plan.splits().len() as u32 {
        reader.begin(split);
        for number in plan.split(split).unwrap().sources.clone() {
            take(&mut reader, &plan, number);
            taken += 1;
            let expected: Vec<u32> = (0..(taken + 64).min(1000)).collect();
            assert_eq!(numbers(&asked), expected);
        }
    }
    assert!(
        asked
            .lock()
            .unwrap()
            .values()
            .all(|ranges| is_only(ranges, 100))
    );
}

#[test]
fn threads_share_what_may_be_asked_for_and_none_takes_it_all() {
    let (plan, asked) = plan(&[(100, "a.log"); 3000], 1000);
    let all = |_| true;
    let ahead = ObjectsAhead::new(&plan, &all, readers(2));
    let (mut one, mut other) = (ahead.reader(0), ahead.reader(1));
    // Threads begin in any order.
    other.begin(1);
    one.begin(0);
    take(&mut one, &plan, 0);
    take(&mut other, &plan, 1000);
    let expected: Vec<u32> = (0..33).chain(1000..1033).collect();
    assert_eq!(numbers(&asked), expected);
    // One that is through its split asks for what comes after all that were begun.
    for number in 1..1000 {
        take(&mut one, &plan, number);
    }
    let expected: Vec<u32> = (0..1033).chain(2000..2032).collect();
    assert_eq!(numbers(&asked), expected);
    // It is for whoever comes there first, and the other's share is the other's.
    for number in 1001..2000 {
        take(&mut other, &plan, number);
    }
    other.begin(2);
    for number in 2000..3000 {
        take(&mut other, &plan, number);
    }
    assert_eq!(numbers(&asked), (0..3000).collect::<Vec<u32>>());
    assert!(
        asked
            .lock()
            .unwrap()
            .values()
            .all(|ranges| ranges.len() == 1)
    );
}

#[test]
fn bytes_are_bounded_and_of_a_large_object_only_the_first_are_asked_for() {
    let (large, packed) = ((50 << 20, "a.log"), (50 << 20, "a.log.gz"));
    let (plan, asked) = plan(&[[large; 200], [packed; 200]].concat(), 1);
    let all = |_| true;
    let ahead = ObjectsAhead::new(&plan, &all, readers(1));
    let mut reader = ahead.reader(0);
    let mut most = 0;
    for split in 0..400 {
        reader.begin(split);
        take(&mut reader, &plan, split);
        let asked = asked.lock().unwrap();
        let waiting = (split + 1..400).filter_map(|number| Some(asked.get(&number)?[0].end));
        most = most.max(waiting.sum::<u64>());
    }
    assert_eq!(most, 32 << 20);
    let asked = asked.lock().unwrap();
    assert!((0..200).all(|number| is_only(&asked[&number], 256 << 10)));
    assert!((200..400).all(|number| is_only(&asked[&number], 2 << 20)));
}

#[test]
fn what_is_not_read_is_not_asked_for() {
    let (plan, asked) = plan(&[(100, "a.log"), (0, "empty"), (100, "b.log")], 1);
    let not_the_last = |split| split < 2;
    let ahead = ObjectsAhead::new(&plan, &not_the_last, readers(1));
    let mut reader = ahead.reader(0);
    reader.begin(0);
    take(&mut reader, &plan, 0);
    assert_eq!(numbers(&asked), [0]);
    // Whoever reads one split knows of no other.
    let ahead = ObjectsAhead::alone(&plan);
    let mut reader = ahead.reader(0);
    reader.begin(1);
    take(&mut reader, &plan, 1);
    assert!(is_only(&asked.lock().unwrap()[&1], 0));
    assert_eq!(numbers(&asked), [0, 1]);
}
