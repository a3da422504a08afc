//! Counters of the user's own programs, as Hadoop Streaming has them: a group, a name, and a sum.
//!
//! A chunk's counters travel with its account, so that they are counted once however often it is
//! run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most different counters of a job.
pub const MAX_COUNTERS: usize = 1000;

/// The longest group or name, in bytes.
pub const MAX_COUNTER_NAME: usize = 128;

/// One counter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Counter {
    /// What it belongs to.
    pub group: String,
    /// Its name in the group.
    pub name: String,
    /// How much was counted.
    pub count: u64,
}

impl Counter {
    /// A counter, if its names are neither empty nor too long.
    #[must_use]
    pub fn new(group: &[u8], name: &[u8], count: u64) -> Option<Self> {
        let text = |bytes: &[u8]| {
            let fits = !bytes.is_empty() && bytes.len() <= MAX_COUNTER_NAME;
            let text = std::str::from_utf8(bytes).ok();
            text.filter(|_| fits).map(str::to_owned)
        };
        Some(Self {
            group: text(group)?,
            name: text(name)?,
            count,
        })
    }

    /// The counter that a line on stderr says: `reporter:counter:group,name,amount`.
    #[must_use]
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let said = line.trim_ascii_end().strip_prefix(b"reporter:counter:")?;
        let mut fields = said.rsplitn(2, |&byte| byte == b',');
        let (amount, names) = (fields.next()?, fields.next()?);
        let comma = names.iter().position(|&byte| byte == b',')?;
        let amount = std::str::from_utf8(amount.trim_ascii()).ok()?;
        Self::new(&names[..comma], &names[comma + 1..], amount.parse().ok()?)
    }
}

/// Sums of counters; a sum stays at the largest number rather than wrap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counters(BTreeMap<String, BTreeMap<String, u64>>);

impl Counters {
    /// Adds what was counted.
    pub fn add(&mut self, counter: Counter) {
        let group = self.0.entry(counter.group).or_default();
        let sum = group.entry(counter.name).or_default();
        *sum = sum.saturating_add(counter.count);
    }

    /// Adds all of another's.
    pub fn append(&mut self, other: &Counters) {
        for counter in other.iter() {
            self.add(counter);
        }
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many different counters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// Why these are too many, if they are.
    #[must_use]
    pub fn excess(&self) -> Option<String> {
        (self.len() > MAX_COUNTERS).then(|| {
            format!(
                "the programs count under more than {MAX_COUNTERS} names: what is counted is the same for \
                 many records, what differs from record to record is a result"
            )
        })
    }

    /// The counters, by group and name.
    pub fn iter(&self) -> impl Iterator<Item = Counter> {
        self.0.iter().flat_map(|(group, names)| {
            names.iter().map(|(name, count)| Counter {
                group: group.clone(),
                name: name.clone(),
                count: *count,
            })
        })
    }
}

impl FromIterator<Counter> for Counters {
    fn from_iter<I: IntoIterator<Item = Counter>>(all: I) -> Self {
        let mut counters = Self::default();
        all.into_iter().for_each(|counter| counters.add(counter));
        counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_counter_or_none() {
        let shown = |line: &str| {
            Counter::of_line(line.as_bytes())
                .map(|counter| (counter.group, counter.name, counter.count))
        };
        let counter = |group: &str, name: &str, count| Some((group.into(), name.into(), count));
        assert_eq!(shown("reporter:counter:a,b c,3"), counter("a", "b c", 3));
        assert_eq!(shown("reporter:counter:a,b,c, 3\r"), counter("a", "b,c", 3));
        for none in [
            "reporter:counter:a,3",
            "reporter:counter:,b,3",
            "reporter:counter:a,,3",
            "reporter:counter:a,b,-3",
            "reporter:counter:a,b,3.5",
            "reporter:counter:a,b,",
            "reporter:status:a,b,3",
            "a reporter:counter:a,b,3",
        ] {
            assert_eq!(shown(none), None, "{none}");
        }
        let long = format!("reporter:counter:{},b,3", "x".repeat(MAX_COUNTER_NAME + 1));
        assert_eq!(shown(&long), None);
    }

    #[test]
    fn sums_stay_at_the_largest_number() {
        let counter = |count| Counter::new(b"g", b"n", count).unwrap();
        let sums: Counters = [counter(u64::MAX), counter(5)].into_iter().collect();
        assert_eq!(sums.iter().collect::<Vec<_>>(), [counter(u64::MAX)]);
    }
}
