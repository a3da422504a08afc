//! The pairs of one chunk, for a reduction by the user's own program.
//!
//! They are kept in the order in which they came, and leave sorted by key, those of one key in that
//! order: so a reducer has long sorted runs, and an outcome is a pure function of its chunk (I2).
//! It must not know about messages.

/// Past this many bytes, [`Grouped::clear`] gives the memory back.
const KEEP: usize = 8 << 20;

/// Pairs in the order in which they came.
#[derive(Debug, Default)]
pub struct Grouped {
    pairs: Vec<Pair>,
    bytes: Vec<u8>,
}

/// Where a pair is: its key, and behind it its value.
#[derive(Clone, Copy, Debug)]
struct Pair {
    at: u32,
    key: u32,
    value: u32,
}

impl Grouped {
    /// Adds a pair.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.pairs.push(Pair {
            at: self.bytes.len() as u32,
            key: key.len() as u32,
            value: value.len() as u32,
        });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        assert!(
            self.bytes.len() < u32::MAX as usize,
            "4 GiB of pairs in a chunk"
        );
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// About how much memory they take, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + size_of_val(&self.pairs[..])
    }

    /// The pairs in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|pair| self.parts(*pair))
    }

    /// The pairs sorted by key, those of one key in the order in which they came.
    pub(crate) fn sorted(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut pairs = self.pairs.clone();
        pairs.sort_by(|a, b| self.parts(*a).0.cmp(self.parts(*b).0));
        pairs.into_iter().map(|pair| self.parts(pair))
    }

    /// Takes all out again but the first `keep`.
    pub(crate) fn truncate(&mut self, keep: usize) {
        if let Some(first) = self.pairs.get(keep) {
            self.bytes.truncate(first.at as usize);
            self.pairs.truncate(keep);
        }
    }

    pub(crate) fn append(&mut self, other: &Grouped) {
        for (key, value) in other.iter() {
            self.add(key, value);
        }
    }

    pub(crate) fn clear(&mut self) {
        if self.bytes.capacity() > KEEP || self.pairs.capacity() > KEEP / size_of::<Pair>() {
            *self = Self::default();
        }
        self.pairs.clear();
        self.bytes.clear();
    }

    fn parts(&self, pair: Pair) -> (&[u8], &[u8]) {
        let whole = &self.bytes[pair.at as usize..][..pair.key as usize + pair.value as usize];
        whole.split_at(pair.key as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_leave_sorted_by_key_and_keep_the_order_of_a_keys_values() {
        let mut grouped = Grouped::default();
        for (key, value) in [("b", "2"), ("a", "9"), ("b", "1"), ("", "x"), ("a", "3")] {
            grouped.add(key.as_bytes(), value.as_bytes());
        }
        let text = |pairs: Vec<(&[u8], &[u8])>| -> String {
            let show = |(key, value): &(&[u8], &[u8])| [*key, b"=", *value].concat();
            String::from_utf8(pairs.iter().map(show).collect::<Vec<_>>().join(&b' ')).unwrap()
        };
        assert_eq!(text(grouped.sorted().collect()), "=x a=9 a=3 b=2 b=1");
        assert_eq!(text(grouped.iter().collect()), "b=2 a=9 b=1 =x a=3");
        grouped.truncate(2);
        assert_eq!(text(grouped.iter().collect()), "b=2 a=9");
        grouped.truncate(2);
        grouped.add(b"c", b"");
        assert_eq!(text(grouped.iter().collect()), "b=2 a=9 c=");
    }
}
