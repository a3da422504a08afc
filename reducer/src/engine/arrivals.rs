//! Which chunks' outcomes a partition has, and which it must have (I4, I5).
//!
//! It must not know what outcomes hold. Completion is a set: every id that came is one that the
//! seal lists, and there are as many.

use std::collections::{BTreeMap, HashMap};

use gristmill_common::id::{ChunkId, partition_of_split};
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::seal::{Seal, SplitEnd};
use gristmill_common::split_task::SplitAccount;

use crate::engine::reduce_error::ReduceError;

/// How many missing chunks an error lists.
const SHOWN: usize = 5;

/// The chunk ids of one partition.
#[derive(Debug)]
pub(crate) struct Arrivals {
    partition: u32,
    partitions: u32,
    by_split: bool,
    splits: u32,
    sources: usize,
    /// The ids that came whole, with their chunks' hashes.
    taken: HashMap<ChunkId, u64>,
    /// The ids of skipped chunks that have no other outcome yet, with their chunks' hashes.
    skipped: BTreeMap<ChunkId, u64>,
    ends: HashMap<u32, u32>,
    /// Of a job whose splits have accounts: these make the seal when all are here.
    accounts: Option<BTreeMap<u32, SplitAccount>>,
    /// Of such a job: the highest index that came of each split.
    highest: HashMap<u32, u32>,
    seal: Option<Seal>,
    expected: usize,
    duplicates: u64,
}

impl Arrivals {
    /// Nothing has come. `by_split` says that the partition takes a contiguous range of splits.
    pub(crate) fn new(
        partition: u32,
        partitions: u32,
        by_split: bool,
        plan_summary: &PlanSummary,
    ) -> Self {
        let has_accounts = plan_summary.sent.has_accounts();
        // Nothing will be said of no splits.
        let seal = (has_accounts && plan_summary.splits == 0).then(|| Seal {
            records: vec![0; plan_summary.sources.len()],
            ..Seal::default()
        });
        Self {
            partition,
            partitions,
            by_split,
            splits: plan_summary.splits,
            sources: plan_summary.sources.len(),
            taken: HashMap::new(),
            skipped: BTreeMap::new(),
            ends: HashMap::new(),
            accounts: has_accounts.then(BTreeMap::new),
            highest: HashMap::new(),
            seal,
            expected: 0,
            duplicates: 0,
        }
    }

    /// Whether the chunk's outcome is new; a duplicate is counted.
    ///
    /// # Errors
    /// When the chunk came before with another hash, or does not belong here.
    pub(crate) fn is_new(&mut self, id: ChunkId, hash: u64) -> Result<bool, ReduceError> {
        if self.has(id, hash)? {
            self.duplicates += 1;
            return Ok(false);
        }
        self.check(id)?;
        Ok(true)
    }

    /// Whether the chunk's outcome came whole.
    ///
    /// # Errors
    /// When it came with another hash.
    pub(crate) fn has(&self, id: ChunkId, hash: u64) -> Result<bool, ReduceError> {
        let taken = self.taken.get(&id);
        match taken.or_else(|| self.skipped.get(&id)) {
            Some(&before) if before != hash => Err(ReduceError::InputChanged { id }),
            _ => Ok(taken.is_some()),
        }
    }

    /// Whether the seal came.
    pub(crate) fn is_sealed(&self) -> bool {
        self.seal.is_some()
    }

    /// How many chunks came whole.
    pub(crate) fn count(&self) -> usize {
        self.taken.len() + self.skipped.len()
    }

    /// How many chunks must come, once the seal is known.
    pub(crate) fn expected(&self) -> Option<usize> {
        self.seal.as_ref().map(|_| self.expected)
    }

    /// The chunk's outcome is in hand, whole.
    pub(crate) fn take(&mut self, id: ChunkId, hash: u64) {
        self.skipped.remove(&id);
        self.taken.insert(id, hash);
        self.note(id);
    }

    fn note(&mut self, id: ChunkId) {
        if self.accounts.is_some() {
            let highest = self.highest.entry(id.split).or_default();
            *highest = id.index.max(*highest);
        }
    }

    /// The chunk's skipped outcome is in hand, whole: it completes the set until an ordinary one
    /// comes.
    pub(crate) fn mark_skipped(&mut self, id: ChunkId, hash: u64) {
        self.skipped.insert(id, hash);
        self.note(id);
    }

    /// Whether the chunk has a skipped outcome and no ordinary one.
    pub(crate) fn is_skipped(&self, id: ChunkId) -> bool {
        self.skipped.contains_key(&id)
    }

    fn came(&self, id: &ChunkId) -> bool {
        self.taken.contains_key(id) || self.skipped.contains_key(id)
    }

    /// Counts a duplicate that was found elsewhere.
    pub(crate) fn duplicate(&mut self) {
        self.duplicates += 1;
    }

    /// Takes the number of chunks of one split.
    pub(crate) fn split_end(&mut self, end: SplitEnd) -> Result<(), ReduceError> {
        if self.chunks_of(end.split).unwrap_or(end.chunks) != end.chunks {
            return Err(ReduceError::Malformed(format!(
                "two ends of split {}",
                end.split
            )));
        }
        self.check_split(end.split)?;
        self.ends.insert(end.split, end.chunks);
        Ok(())
    }

    /// Whether the account of a split is new.
    ///
    /// # Errors
    /// When it contradicts the one that came before, or does not belong to the job.
    pub(crate) fn is_new_account(&self, account: &SplitAccount) -> Result<bool, ReduceError> {
        let malformed = |what: &str| {
            let split = account.split;
            Err(ReduceError::Malformed(format!("split {split}: {what}")))
        };
        let Some(known) = &self.accounts else {
            return malformed("an account of a split in a job of chunks");
        };
        let sources = self.sources as u64;
        if account.split >= self.splits {
            return malformed("an account of a split that the job does not have");
        }
        if account.records.len() as u64 > sources
            || (account.records.iter()).any(|&(source, _)| u64::from(source) >= sources)
        {
            return malformed("an account of a source that the job does not have");
        }
        match known.get(&account.split) {
            Some(before) if before != account => Err(ReduceError::SplitChanged {
                split: account.split,
            }),
            before => Ok(before.is_none()),
        }
    }

    /// Takes the account of a split. The last one makes the seal.
    pub(crate) fn split_account(&mut self, account: SplitAccount) -> Result<(), ReduceError> {
        if !self.is_new_account(&account)? {
            self.duplicates += 1;
            return Ok(());
        }
        if let Some(&index) = self.highest.get(&account.split)
            && index >= account.chunks
        {
            let split = account.split;
            return Err(ReduceError::InputChanged {
                id: ChunkId { split, index },
            });
        }
        self.ends.insert(account.split, account.chunks);
        let Some(accounts) = &mut self.accounts else {
            return Ok(());
        };
        accounts.insert(account.split, account);
        if accounts.len() < self.splits as usize {
            return Ok(());
        }
        let mut seal = Seal {
            chunks: vec![0; self.splits as usize],
            records: vec![0; self.sources],
            passed_over: 0,
        };
        for account in accounts.values() {
            seal.chunks[account.split as usize] = account.chunks;
            seal.passed_over = seal.passed_over.saturating_add(account.passed_over);
            for &(source, records) in &account.records {
                let total = &mut seal.records[source as usize];
                *total = total.saturating_add(records);
            }
        }
        self.seal(seal)
    }

    /// Of a job whose splits have accounts: of how many it is here, and how many there are.
    pub(crate) fn split_accounts(&self) -> Option<(usize, usize)> {
        let accounts = self.accounts.as_ref()?;
        Some((accounts.len(), self.splits as usize))
    }

    /// Whether a seal fits the job and what has come.
    pub(crate) fn check_seal(&self, seal: &Seal) -> Result<(), ReduceError> {
        if self.seal.as_ref().is_some_and(|before| before != seal) {
            return Err(ReduceError::Malformed("two different seals".into()));
        }
        if seal.chunks.len() != self.splits as usize || seal.records.len() != self.sources {
            return Err(ReduceError::Malformed(format!(
                "a seal of {} splits and {} sources for {} and {}",
                seal.chunks.len(),
                seal.records.len(),
                self.splits,
                self.sources
            )));
        }
        if let Some((split, _)) = self
            .ends
            .iter()
            .find(|&(&split, &chunks)| seal.chunks.get(split as usize) != Some(&chunks))
        {
            return Err(ReduceError::Malformed(format!(
                "the seal contradicts the end of split {split}"
            )));
        }
        Ok(())
    }

    /// Takes the seal.
    pub(crate) fn seal(&mut self, seal: Seal) -> Result<(), ReduceError> {
        self.check_seal(&seal)?;
        if self.seal.is_some() {
            return Ok(());
        }
        self.expected = (0..self.splits)
            .filter(|&split| self.is_mine(split))
            .map(|split| seal.chunks[split as usize] as usize)
            .sum();
        self.seal = Some(seal);
        // From here on, ids are checked as they come; those that came before are checked now.
        let mut came = self.taken.keys().chain(self.skipped.keys());
        came.try_for_each(|&id| self.check(id))
    }

    /// Whether the set of chunks is what the seal says.
    pub(crate) fn is_complete(&self) -> bool {
        // Every id taken is one that the seal lists, so equal sizes are equal sets.
        self.seal.is_some() && self.count() == self.expected
    }

    /// The number of chunks of a split, once it is known.
    pub(crate) fn chunks_of(&self, split: u32) -> Option<u32> {
        match &self.seal {
            Some(seal) => seal.chunks.get(split as usize).copied(),
            None => self.ends.get(&split).copied(),
        }
    }

    /// The seal, the number of duplicates.
    pub(crate) fn finish(self) -> (Seal, u64) {
        (self.seal.unwrap_or_default(), self.duplicates)
    }

    /// The chunks that the seal lists and that did not come, the first `most` of them.
    pub(crate) fn missing_ids(&self, most: usize) -> Vec<ChunkId> {
        if let (Some(accounts), None) = (&self.accounts, &self.seal) {
            let unread = (0..self.splits).filter(|split| !accounts.contains_key(split));
            let first = unread.map(|split| ChunkId { split, index: 0 });
            return first.take(most).collect();
        }
        self.seal.as_ref().map_or_else(Vec::new, |seal| {
            seal.expected(self.partition, self.partitions, self.by_split)
                .filter(|id| !self.came(id))
                .take(most)
                .collect()
        })
    }

    /// What is missing, in words.
    pub(crate) fn missing(&self) -> String {
        let Some(seal) = &self.seal else {
            if let Some((here, all)) = self.split_accounts() {
                return format!("{} of {all} splits were not read to their end", all - here);
            }
            return format!(
                "{} chunks came and the input was not read to its end",
                self.count()
            );
        };
        let mut shown: Vec<String> = seal
            .expected(self.partition, self.partitions, self.by_split)
            .filter(|id| !self.came(id))
            .take(SHOWN)
            .map(|id| id.to_string())
            .collect();
        let missing = self.expected.saturating_sub(self.count());
        if missing > shown.len() {
            shown.push("…".into());
        }
        format!(
            "{missing} of {} chunks are missing: {}",
            self.expected,
            shown.join(", ")
        )
    }

    fn is_mine(&self, split: u32) -> bool {
        !self.by_split || partition_of_split(split, self.splits, self.partitions) == self.partition
    }

    fn check_split(&self, split: u32) -> Result<(), ReduceError> {
        if split < self.splits && self.is_mine(split) {
            return Ok(());
        }
        Err(ReduceError::Malformed(format!(
            "split {split} of {} does not belong to partition {}",
            self.splits, self.partition
        )))
    }

    pub(crate) fn check(&self, id: ChunkId) -> Result<(), ReduceError> {
        self.check_split(id.split)?;
        if self.chunks_of(id.split).is_some_and(|end| id.index >= end) {
            return Err(ReduceError::Malformed(format!(
                "chunk {id} is not in the seal"
            )));
        }
        Ok(())
    }
}
