//! Objects that are asked for before their turn, so that the waits for many small ones overlap.
//!
//! Only when they are asked for changes: what is read, in which order, and what is said of it is
//! as if each were asked for at its turn.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use gristmill_common::extent::Extent;
use parking_lot::Mutex;

use crate::object::Object;
use crate::plan::{Plan, SourceKind, is_packed};
use crate::stream::FirstBytes;

/// An object of this size or less is asked for whole, in bytes.
const SMALL: u64 = 1 << 20;
/// How much of a larger one is asked for first: enough to see what it is.
const FIRST: u64 = 256 << 10;
/// The same if its name says that it is read from its beginning to its end.
const FIRST_PACKED: u64 = 2 << 20;

/// How much may be on its way or waiting for its turn.
#[derive(Clone, Copy, Debug)]
struct Most {
    objects: usize,
    bytes: u64,
}

/// Of all threads together.
const ALL: Most = Most {
    objects: 64,
    bytes: 32 << 20,
};
/// Of each thread at the least, however many there are.
const EACH: Most = Most {
    objects: 4,
    bytes: FIRST_PACKED,
};
/// Of a thread that reads single splits: others of its kind do not know of each other.
const ALONE: Most = Most {
    objects: 32,
    bytes: 8 << 20,
};

/// What is asked for ahead, by all threads that read a plan.
pub(super) struct ObjectsAhead<'a> {
    plan: &'a Plan,
    /// Whether a split is read by one of these threads at all; none if only one split is.
    wants: Option<&'a Wants<'a>>,
    most: Most,
    state: Mutex<State>,
}

/// Whether a split is read.
type Wants<'a> = dyn Fn(u32) -> bool + Sync + 'a;

#[derive(Default)]
struct State {
    /// What was asked for and not taken yet, by split and source.
    asked: HashMap<(u32, u32), Asked>,
    /// How much of that each thread has asked for.
    held: Vec<Held>,
    /// The first split that no thread has begun, and the first source in it that is not asked for.
    next: (u32, u32),
}

struct Asked {
    first: FirstBytes,
    /// The thread that asked.
    reader: usize,
}

#[derive(Clone, Copy, Default)]
struct Held {
    objects: usize,
    bytes: u64,
}

impl<'a> ObjectsAhead<'a> {
    /// Asks ahead for `readers` threads that read a plan together; `wants` says which splits.
    pub(super) fn new(plan: &'a Plan, wants: &'a Wants<'a>, readers: NonZeroUsize) -> Self {
        let most = Most {
            objects: (ALL.objects / readers).max(EACH.objects),
            bytes: (ALL.bytes / readers.get() as u64).max(EACH.bytes),
        };
        Self::of(plan, Some(wants), readers.get(), most)
    }

    /// Asks ahead for one thread, within one split.
    pub(super) fn alone(plan: &'a Plan) -> Self {
        Self::of(plan, None, 1, ALONE)
    }

    fn of(plan: &'a Plan, wants: Option<&'a Wants<'a>>, readers: usize, most: Most) -> Self {
        let state = State {
            held: vec![Held::default(); readers],
            ..State::default()
        };
        Self {
            plan,
            wants,
            most,
            state: Mutex::new(state),
        }
    }

    /// What one of the threads, by its number, asks with.
    pub(super) fn reader(&'a self, number: usize) -> ReaderAhead<'a> {
        ReaderAhead {
            ahead: self,
            number,
            split: 0,
            source: 0,
        }
    }

    /// An object to be asked for, and how many bytes of it; none if the source is no object, or
    /// empty.
    fn object(&self, source: u32) -> Option<(&'a dyn Object, u64)> {
        let source = self.plan.source(source)?;
        let SourceKind::Object(object) = &source.kind else {
            return None;
        };
        let first = first_of(object.0.size(), &source.name);
        (first > 0).then_some((object.0.as_ref(), first))
    }
}

/// How much of an object is asked for first.
pub(super) fn first_of(size: u64, name: &[u8]) -> u64 {
    match (size <= SMALL, is_packed(name)) {
        (true, _) => size,
        (false, true) => size.min(FIRST_PACKED),
        (false, false) => FIRST,
    }
}

/// Asks ahead for one thread.
pub(super) struct ReaderAhead<'a> {
    ahead: &'a ObjectsAhead<'a>,
    number: usize,
    /// The split that it reads, and the first source in it that is not asked for.
    split: u32,
    source: u32,
}

impl ReaderAhead<'_> {
    /// The thread begins with a split.
    pub(super) fn begin(&mut self, split: u32) {
        let plan = self.ahead.plan;
        self.split = split;
        self.source = plan.split(split).map_or(0, |split| split.sources.start);
        let mut state = self.ahead.state.lock();
        // What was asked for of it already is known by its number.
        if state.next.0 <= split {
            state.next = start_of(plan, split.saturating_add(1));
        }
    }

    /// The first bytes of an object of the split, whose turn is now; others are asked for behind.
    pub(super) fn take(&mut self, source: u32, object: &dyn Object, name: &[u8]) -> FirstBytes {
        let mut state = self.ahead.state.lock();
        let asked = state.asked.remove(&(self.split, source));
        if let Some(asked) = &asked {
            state.gave(asked);
        }
        self.source = self.source.max(source.saturating_add(1));
        let first = asked.map_or_else(
            || FirstBytes::ask(object, first_of(object.size(), name)),
            |asked| asked.first,
        );
        self.ask(&mut state);
        first
    }

    /// Asks for as much as this thread may: first of its own split, then of those that come after
    /// all that were begun.
    fn ask(&mut self, state: &mut State) {
        let plan = self.ahead.plan;
        let own = plan.split(self.split);
        while let Some(split) = own
            && self.source < split.sources.end
        {
            let spot = (self.split, self.source);
            if split.extent == Extent::Whole && !self.ask_one(state, spot) {
                return;
            }
            self.source += 1;
        }
        let Some(wants) = self.ahead.wants else {
            return;
        };
        while let Some(split) = plan.split(state.next.0) {
            let (number, source) = state.next;
            let skipped = split.extent != Extent::Whole || !wants(number);
            if skipped || source >= split.sources.end {
                state.next = start_of(plan, number.saturating_add(1));
                continue;
            }
            if !self.ask_one(state, (number, source)) {
                return;
            }
            state.next.1 += 1;
        }
    }

    /// Asks for one source, if it is an object that was not asked for; false if there is no room.
    fn ask_one(&self, state: &mut State, spot: (u32, u32)) -> bool {
        let Some((object, bytes)) = self.ahead.object(spot.1) else {
            return true;
        };
        if state.asked.contains_key(&spot) {
            return true;
        }
        let (held, most) = (&mut state.held[self.number], self.ahead.most);
        if held.objects >= most.objects || held.bytes + bytes > most.bytes {
            return false;
        }
        held.objects += 1;
        held.bytes += bytes;
        let asked = Asked {
            first: FirstBytes::ask(object, bytes),
            reader: self.number,
        };
        state.asked.insert(spot, asked);
        true
    }
}

impl State {
    /// Something that was asked for is taken.
    fn gave(&mut self, asked: &Asked) {
        let held = &mut self.held[asked.reader];
        held.objects -= 1;
        held.bytes -= asked.first.end();
    }
}

/// A split, and its first source.
fn start_of(plan: &Plan, split: u32) -> (u32, u32) {
    let sources = plan.split(split).map(|split| split.sources.start);
    (split, sources.unwrap_or(0))
}
