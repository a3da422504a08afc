//! What is known of words beforehand: Brown cluster and ambiguity class (the set of tags a word was
//! seen with), by hashed form. Must not know of features or weights.

use crate::word::WordView;

/// Key of a form in the lexicon: 32 bits of its hash, never 0.
pub(crate) fn key(hash: u64) -> u32 {
    ((hash >> 32) as u32).max(1)
}

/// What the lexicon says of one form; 0 means nothing known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Brown cluster, as its position in the table of clusters plus 1.
    pub cluster: u16,
    /// Ambiguity class, numbered from 1.
    pub class: u16,
}

/// A read-only hash table from form to [`Entry`], linear probing, at most half full.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lexicon {
    slots: Vec<(u32, Entry)>,
    shift: u32,
}

impl Lexicon {
    /// Builds the table from pairs of key and entry; of equal keys the first stays.
    pub(crate) fn new(entries: &[(u32, Entry)]) -> Self {
        let bits = (entries.len() * 2)
            .max(2)
            .next_power_of_two()
            .trailing_zeros();
        let mut lexicon = Self {
            slots: vec![(0, Entry::default()); 1 << bits],
            shift: 32 - bits.min(31),
        };
        let mask = lexicon.slots.len() - 1;
        for &(key, entry) in entries {
            let mut at = lexicon.start(key) & mask;
            while lexicon.slots[at].0 != 0 && lexicon.slots[at].0 != key {
                at = (at + 1) & mask;
            }
            if lexicon.slots[at].0 == 0 {
                lexicon.slots[at] = (key, entry);
            }
        }
        lexicon
    }

    fn start(&self, key: u32) -> usize {
        (key.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }

    fn get(&self, key: u32) -> Option<Entry> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = self.start(key) & mask;
        loop {
            let (found, entry) = self.slots[at];
            if found == key {
                return Some(entry);
            }
            if found == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// What is known of a word: from its form as written, and what is missing there from its
    /// lower-case form.
    pub(crate) fn look_up(&self, view: &WordView) -> Entry {
        let mut entry = self.get(key(view.exact)).unwrap_or_default();
        if (entry.cluster == 0 || entry.class == 0)
            && view.exact != view.lower
            && let Some(lower) = self.get(key(view.lower))
        {
            if entry.cluster == 0 {
                entry.cluster = lower.cluster;
            }
            if entry.class == 0 {
                entry.class = lower.class;
            }
        }
        entry
    }
}
