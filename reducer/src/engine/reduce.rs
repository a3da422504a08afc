//! One partition: its messages in, its finished, unpublished part out.
//!
//! It must not know where messages come from. None is ever refused for coming early, so a later
//! split cannot hold the room of an earlier.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use gristmill_common::counters::{Counter, Counters};
use gristmill_common::id::ChunkId;
use gristmill_common::outcome::{Outcome, OutcomeHead};
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::progress::Progress;
use gristmill_common::seal::Seal;
use gristmill_common::spec::{JobSpec, Shape};
use gristmill_common::wire::{self, Check, Message, WireError};

use crate::engine::accounts::{self, Account};
use crate::engine::arrivals::Arrivals;
use crate::engine::attempts::Attempts;
use crate::engine::destination::Destination;
use crate::engine::parts::{Joined, MAX_PARTS, Parts};
use crate::engine::product::{Merging, Product, Settings};
use crate::engine::quarantine::{Quarantine, Reasons, SetAside};
use crate::engine::reduce_error::ReduceError;
use crate::engine::spill_buffer::{Held, SpillBuffer};

/// A finished partition, to be committed with the others.
#[derive(Debug)]
pub struct PartitionResult {
    pub(crate) partition: u32,
    pub(crate) product: Product,
    pub(crate) accounts: Vec<Account>,
    pub(crate) set_aside: SetAside,
    /// What the user's programs counted.
    pub(crate) counters: Counters,
    /// What the producer says of chunks and sources.
    pub(crate) seal: Seal,
    /// Which attempts at its chunks the outcomes are of, where a chunk has several partitions.
    pub(crate) attempts: Option<Attempts>,
    /// The chunks that could not be run at all.
    pub(crate) skipped: BTreeSet<ChunkId>,
    pub(crate) duplicates: u64,
    pub(crate) spilled: u64,
}

/// The state of one partition.
pub(crate) struct Reducer<'a> {
    partition: u32,
    plan_summary: &'a PlanSummary,
    progress: &'a Progress,
    arrivals: Arrivals,
    parts: Parts,
    spill: SpillBuffer,
    /// The outcomes of skipped chunks that have no other, as the messages that they came in.
    skipped: BTreeMap<ChunkId, Vec<Held>>,
    /// How often the job was replayed: outcomes skipped before the last replay do not count.
    replays: u32,
    merging: Merging,
    quarantine: Quarantine,
    accounts: Vec<Account>,
    counters: Counters,
    attempts: Option<Attempts>,
    /// Bytes spilled that progress knows of.
    shown: u64,
}

impl<'a> Reducer<'a> {
    pub(crate) fn new(
        partition: u32,
        spec: &JobSpec,
        plan_summary: &'a PlanSummary,
        settings: &Settings,
        destination: &Destination,
        progress: &'a Progress,
        replays: u32,
    ) -> Result<Self, ReduceError> {
        let shape = spec.kind.shape();
        // An eighth for what was set aside; for what waits a quarter of an ordered job's budget
        // (more would keep in memory what the page cache holds as well), and an eighth beside a
        // table or pairs, which take the rest.
        let eighth = settings.memory / 8;
        let waiting = match shape {
            Shape::Ordered => settings.memory / 4,
            Shape::Table(_) | Shape::Grouped => eighth,
        };
        Ok(Self {
            partition,
            plan_summary,
            progress,
            arrivals: Arrivals::new(partition, spec.partitions, shape.by_split(), plan_summary),
            parts: Parts::default(),
            spill: SpillBuffer::new(waiting, &settings.tmp),
            skipped: BTreeMap::new(),
            replays,
            quarantine: Quarantine::new(
                plan_summary.sources.len(),
                spec.max_quarantine,
                eighth,
                &settings.tmp,
            ),
            accounts: vec![Account::default(); plan_summary.sources.len()],
            counters: Counters::default(),
            attempts: (!shape.by_split() && spec.partitions > 1).then(Attempts::default),
            merging: Merging::new(partition, spec, shape, plan_summary, settings, destination)?,
            shown: 0,
        })
    }

    /// Which chunks came, and which must come.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// Entries that were set aside so far.
    pub(crate) fn quarantined(&self) -> u64 {
        self.quarantine.entries()
    }

    /// Why they were set aside.
    pub(crate) fn reasons(&self) -> &Reasons {
        self.quarantine.reasons()
    }

    /// Whether a message that comes from outside fits this job, and says anything new.
    ///
    /// # Errors
    /// [`ReduceError::Malformed`] when the message is to blame, else the job is.
    pub(crate) fn is_news(&self, message: &Message) -> Result<bool, ReduceError> {
        let outcome = match message {
            Message::Outcome(outcome) => outcome,
            Message::Seal(_) if self.arrivals.split_accounts().is_some() => {
                let what = "a seal in a job whose splits have accounts";
                return Err(ReduceError::Malformed(what.into()));
            }
            Message::Seal(seal) => {
                self.arrivals.check_seal(seal)?;
                return Ok(!self.arrivals.is_sealed());
            }
            // It says nothing that the seal does not say.
            Message::SplitEnd(_) => return Ok(false),
            Message::SplitAccount(account) => return self.arrivals.is_new_account(account),
            Message::Chunk(_) | Message::SplitTask(..) | Message::AtWork => return Err(misplaced()),
        };
        let head = &outcome.head;
        self.check(head)?;
        self.arrivals.check(head.id)?;
        if self.arrivals.has(head.id, head.hash)? || self.parts.has(head) || self.is_stale(head) {
            return Ok(false);
        }
        self.merging.check(&outcome.body)?;
        Ok(true)
    }

    /// Whether this is a skipped outcome that says nothing: of a time before the last replay, or a
    /// second.
    fn is_stale(&self, head: &OutcomeHead) -> bool {
        head.skipped
            .is_some_and(|replays| replays < self.replays || self.arrivals.is_skipped(head.id))
    }

    /// Checks that an outcome can be one of this partition, whatever came before it.
    fn check(&self, head: &OutcomeHead) -> Result<(), ReduceError> {
        let sources = self.plan_summary.sources.len();
        let mut named =
            (head.counts.iter().map(|count| count.source)).chain(head.quarantined.sources());
        let what = if head.partition != self.partition {
            let (of, here) = (head.partition, self.partition);
            format!("an outcome for partition {of} in the queue of {here}")
        } else if head.parts > MAX_PARTS {
            format!("chunk {}: an outcome in {} parts", head.id, head.parts)
        } else if let Some(source) = named.find(|&source| source as usize >= sources) {
            format!("chunk {}: source {source} of {sources}", head.id)
        } else {
            return Ok(());
        };
        Err(ReduceError::Malformed(what))
    }

    /// Takes a message that comes from this process or a segment: its head is check enough.
    pub(crate) fn message(&mut self, payload: &Bytes) -> Result<(), ReduceError> {
        let message = wire::decode(payload, Check::Head)?;
        if let Message::Outcome(outcome) = &message {
            self.check(&outcome.head)?;
        }
        self.apply(message, payload)
    }

    /// Takes a message that was checked; `payload` is what it was decoded from.
    pub(crate) fn apply(&mut self, message: Message, payload: &Bytes) -> Result<(), ReduceError> {
        match message {
            Message::Outcome(outcome) => self.outcome(outcome, payload)?,
            Message::Seal(seal) => {
                self.arrivals.seal(seal)?;
                self.merging.advance(&mut self.spill, &self.arrivals)?;
            }
            Message::SplitEnd(end) => {
                self.arrivals.split_end(end)?;
                self.merging.advance(&mut self.spill, &self.arrivals)?;
            }
            Message::SplitAccount(account) => {
                self.arrivals.split_account(account)?;
                self.merging.advance(&mut self.spill, &self.arrivals)?;
            }
            Message::Chunk(_) | Message::SplitTask(..) | Message::AtWork => return Err(misplaced()),
        }
        let spilled = self.spill.spilled() + self.merging.spilled();
        Progress::add(&self.progress.spilled, spilled - self.shown);
        self.shown = spilled;
        Ok(())
    }

    fn outcome(&mut self, outcome: Outcome, payload: &Bytes) -> Result<(), ReduceError> {
        let head = &outcome.head;
        let (id, hash) = (head.id, head.hash);
        if !self.arrivals.is_new(id, hash)? {
            return Ok(());
        }
        if self.is_stale(head) {
            self.arrivals.duplicate();
            return Ok(());
        }
        let skipped = head.skipped.is_some();
        if head.parts == 1 {
            if self.parts.hash_of(id).is_some_and(|before| before != hash) {
                return Err(ReduceError::InputChanged { id });
            }
            if skipped {
                let held = self.spill.put(payload.clone())?;
                return self.mark_skipped(id, hash, vec![held]);
            }
            self.parts.forget(id, &mut self.spill)?;
            return self.whole(outcome.head, vec![outcome.body]);
        }
        match self.parts.join(head, payload.clone(), &mut self.spill)? {
            Joined::Waiting => Ok(()),
            Joined::Duplicate => {
                self.arrivals.duplicate();
                Ok(())
            }
            Joined::Whole(parts) if skipped => self.mark_skipped(id, hash, parts),
            Joined::Whole(parts) => self.joined(parts),
        }
    }

    /// Keeps a skipped outcome that is whole; it counts for nothing once an ordinary one comes.
    fn mark_skipped(
        &mut self,
        id: ChunkId,
        hash: u64,
        parts: Vec<Held>,
    ) -> Result<(), ReduceError> {
        self.arrivals.mark_skipped(id, hash);
        self.skipped.insert(id, parts);
        Ok(())
    }

    /// Takes the parts of an outcome that is new and whole.
    fn joined(&mut self, parts: Vec<Held>) -> Result<(), ReduceError> {
        let mut heads: Option<OutcomeHead> = None;
        let mut bodies = Vec::with_capacity(parts.len());
        for held in parts {
            let part = self.spill.take(held)?;
            let Message::Outcome(part) = wire::decode(&part, Check::Head)? else {
                return Err(WireError::Damaged("kind").into());
            };
            bodies.push(part.body);
            match &mut heads {
                None => heads = Some(part.head),
                // The first part has the account; nothing forbids another to add to it.
                Some(first) => {
                    first.counts.extend(part.head.counts);
                    first.counters.extend(part.head.counters);
                    first.quarantined.append(&part.head.quarantined);
                }
            }
        }
        match heads {
            Some(head) => self.whole(head, bodies),
            None => Ok(()),
        }
    }

    /// Takes an outcome that is new and whole.
    fn whole(&mut self, head: OutcomeHead, bodies: Vec<Bytes>) -> Result<(), ReduceError> {
        for held in self.skipped.remove(&head.id).into_iter().flatten() {
            self.spill.take(held)?;
        }
        self.arrivals.take(head.id, head.hash);
        if let Some(attempts) = &mut self.attempts {
            attempts.take(head.id, head.whole);
        }
        accounts::add(&mut self.accounts, &head.counts);
        self.count(head.counters)?;
        self.quarantine.take(&head.quarantined, self.plan_summary)?;
        self.merging
            .take(head.id, bodies, &mut self.spill, &self.arrivals)
    }

    /// Adds what was counted in a chunk that is new.
    fn count(&mut self, counters: Vec<Counter>) -> Result<(), ReduceError> {
        for counter in counters {
            self.counters.add(counter);
        }
        self.counters
            .excess()
            .map_or(Ok(()), |excess| Err(ReduceError::Program(excess)))
    }

    /// Ends the intake; the partition must be complete.
    pub(crate) fn finish(mut self) -> Result<PartitionResult, ReduceError> {
        // No ordinary outcome came for these: what the skipped ones say is the result.
        let skipped = std::mem::take(&mut self.skipped);
        let ids = skipped.keys().copied().collect();
        for parts in skipped.into_values() {
            self.joined(parts)?;
        }
        let mut spilled = self.spill.spilled();
        let (seal, duplicates) = self.arrivals.finish();
        let product = self.merging.finish(&mut spilled, &mut self.counters)?;
        let set_aside = self.quarantine.finish();
        spilled += set_aside.sorted.spilled();
        Progress::add(&self.progress.spilled, spilled.saturating_sub(self.shown));
        Ok(PartitionResult {
            partition: self.partition,
            product,
            accounts: self.accounts,
            set_aside,
            counters: self.counters,
            seal,
            attempts: self.attempts,
            skipped: ids,
            duplicates,
            spilled,
        })
    }
}

fn misplaced() -> ReduceError {
    ReduceError::Malformed("work for a mapper in a queue of results".into())
}
