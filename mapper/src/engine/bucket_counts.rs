//! How many numbers of a chunk are in which bucket, by row: a row of a table for each would cost
//! more than all else that is done with a record.
//!
//! Values of one kind are in buckets near each other, so neighbouring buckets share a page of
//! counts, and it is pages that are looked up: those of a few hundred groups stay in a processor's
//! caches. They are kept in order of arrival, so that an outcome is a pure function of its chunk
//! (I2).

use hashbrown::HashTable;

/// Bits of a bucket's number that tell the buckets of a page apart.
const BITS: u32 = 5;
/// Buckets of a page.
const PAGE: usize = 1 << BITS;

/// Counts of buckets.
#[derive(Debug, Default)]
pub(crate) struct BucketCounts {
    /// Places in `names` and `pages`, by the page's name.
    index: HashTable<u32>,
    /// What is counted, as one word, without the last [`BITS`].
    names: Vec<u64>,
    pages: Vec<[u32; PAGE]>,
    /// Counts that became too large for their page.
    beyond: Vec<(BucketOf, u64)>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BucketOf {
    /// Number of the group's row.
    pub(crate) row: u32,
    /// Whose numbers they are: a tag of the group's members.
    pub(crate) tag: u8,
    /// The bucket ([`gristmill_common::bucket`]).
    pub(crate) bucket: u16,
}

impl BucketOf {
    /// It as the field of a key, behind those of its group.
    #[inline]
    pub(crate) fn field(self) -> [u8; 3] {
        let [high, low] = self.bucket.to_be_bytes();
        [self.tag, high, low]
    }

    /// The name of its page, and its place there.
    #[inline]
    fn place(self) -> (u64, usize) {
        let word = u64::from(self.row) << 24 | u64::from(self.tag) << 16 | u64::from(self.bucket);
        (word >> BITS, self.bucket as usize % PAGE)
    }

    fn of(page: u64, place: usize) -> Self {
        let word = page << BITS | place as u64;
        Self {
            row: (word >> 24) as u32,
            tag: (word >> 16) as u8,
            bucket: word as u16,
        }
    }
}

impl BucketCounts {
    /// Counts one number more; true if it is the first of its bucket.
    #[inline]
    pub(crate) fn add(&mut self, what: BucketOf) -> bool {
        let (name, place) = what.place();
        let page = self.page(name);
        let count = &mut self.pages[page][place];
        if *count == u32::MAX {
            self.beyond.push((what, u64::from(*count)));
            *count = 0;
        }
        *count += 1;
        *count == 1
    }

    /// Adds the counts of another, whose rows are here those that `places` says.
    pub(crate) fn append(&mut self, other: &BucketCounts, places: &[u32]) {
        let here = |what: BucketOf| BucketOf {
            row: places[what.row as usize],
            ..what
        };
        for (&name, counts) in other.names.iter().zip(&other.pages) {
            let (name, _) = here(BucketOf::of(name, 0)).place();
            let page = self.page(name);
            for (place, (total, &count)) in self.pages[page].iter_mut().zip(counts).enumerate() {
                *total = total.checked_add(count).unwrap_or_else(|| {
                    self.beyond
                        .push((BucketOf::of(name, place), u64::from(*total)));
                    count
                });
            }
        }
        let beyond = (other.beyond.iter()).map(|&(what, count)| (here(what), count));
        self.beyond.extend(beyond);
    }

    /// The place of a page.
    #[inline]
    fn page(&mut self, name: u64) -> usize {
        let is_it = |&place: &u32| self.names[place as usize] == name;
        match self.index.find(hash(name), is_it) {
            Some(&place) => place as usize,
            None => self.new_page(name),
        }
    }

    fn new_page(&mut self, name: u64) -> usize {
        let place = self.names.len();
        self.names.push(name);
        self.pages.push([0; PAGE]);
        let names = &self.names;
        let hash_of = |&place: &u32| hash(names[place as usize]);
        self.index.insert_unique(hash(name), place as u32, hash_of);
        place
    }

    /// All of them: pages in order of arrival. A bucket with very many numbers comes several times.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (BucketOf, u64)> {
        let pages = self.names.iter().zip(&self.pages);
        let counts = pages.flat_map(|(&name, counts)| {
            let counted = counts.iter().enumerate().filter(|&(_, &count)| count > 0);
            counted.map(move |(place, &count)| (BucketOf::of(name, place), u64::from(count)))
        });
        counts.chain(self.beyond.iter().copied())
    }

    /// About how much memory they take, in bytes.
    pub(crate) fn size(&self) -> usize {
        let page = size_of::<[u32; PAGE]>() + size_of::<u64>() + size_of::<u32>();
        self.pages.len() * page + size_of_val(&self.beyond[..])
    }

    /// How much memory there is room in, in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.pages.capacity() * size_of::<[u32; PAGE]>()
    }

    pub(crate) fn clear(&mut self) {
        self.index.clear();
        self.names.clear();
        self.pages.clear();
        self.beyond.clear();
    }
}

/// A folded multiplication (as in wyhash).
#[inline]
fn hash(word: u64) -> u64 {
    let product = u128::from(word ^ 0x9E37_79B9_7F4A_7C15) * 0xD1B5_4A32_D192_ED03;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn of(row: u32, tag: u8, bucket: u16) -> BucketOf {
        BucketOf { row, tag, bucket }
    }

    #[test]
    fn buckets_are_counted_page_by_page_in_order_of_arrival() {
        let mut counts = BucketCounts::default();
        let all = [
            of(7, 1, 31),
            of(7, 1, 32),
            of(u32::MAX, 255, u16::MAX),
            of(0, 0, 1),
            of(0, 0, 0),
            of(7, 1, 0),
        ];
        for round in 0..3 {
            for what in all {
                assert_eq!(counts.add(what), round == 0);
            }
        }
        let expected = [5, 0, 1, 2, 4, 3].map(|at| (all[at], 3));
        assert!(
            counts.iter().eq(expected),
            "{:?}",
            counts.iter().collect::<Vec<_>>()
        );
        counts.clear();
        assert_eq!((counts.iter().count(), counts.size()), (0, 0));
        assert!(counts.add(all[0]));
    }

    #[test]
    fn counts_past_32_bits_are_kept() {
        let mut counts = BucketCounts::default();
        counts.add(of(0, 1, 9));
        for _ in 0..34 {
            // Twice as many each time, in row 1 and row 0 by turns.
            let mut other = BucketCounts::default();
            other.append(&counts, &[1, 0]);
            counts.append(&other, &[1, 0]);
            other.add(of(0, 1, 9));
        }
        for _ in 0..3 {
            counts.add(of(0, 1, 9));
        }
        let mut sums = BTreeMap::<(u32, u16), u64>::new();
        for (what, count) in counts.iter() {
            *sums.entry((what.row, what.bucket)).or_default() += count;
        }
        assert_eq!(sums, BTreeMap::from([((0, 9), (1 << 34) + 3)]));
    }
}
