//! Feature keys to row numbers: counts how often each key occurs, keeps the frequent ones. Must not
//! know what a feature means.

/// A growing hash table from 64-bit key to a 32-bit value, linear probing.
#[derive(Clone, Debug)]
pub(crate) struct KeyTable {
    slots: Vec<(u64, u32)>,
    used: usize,
}

impl KeyTable {
    pub(crate) fn with_capacity(keys: usize) -> Self {
        Self {
            slots: vec![(0, 0); (keys * 2).max(16).next_power_of_two()],
            used: 0,
        }
    }

    pub(crate) fn get(&self, key: u64) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = key as usize & mask;
        loop {
            let (found, value) = self.slots[at];
            if found == key {
                return Some(value);
            }
            if found == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// The value of a key, 0 for a new one. Key 0 stands for no key and must not be passed.
    pub(crate) fn entry(&mut self, key: u64) -> &mut u32 {
        if self.used * 3 > self.slots.len() * 2 {
            let mut bigger = Self::with_capacity(self.slots.len());
            for &(key, value) in self.slots.iter().filter(|slot| slot.0 != 0) {
                *bigger.entry(key) = value;
            }
            *self = bigger;
        }
        let mask = self.slots.len() - 1;
        let mut at = key as usize & mask;
        while self.slots[at].0 != 0 && self.slots[at].0 != key {
            at = (at + 1) & mask;
        }
        if self.slots[at].0 == 0 {
            self.slots[at].0 = key;
            self.used += 1;
        }
        &mut self.slots[at].1
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.slots.iter().copied().filter(|slot| slot.0 != 0)
    }
}
