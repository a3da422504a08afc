//! What was given most often, as the reasons why records were set aside.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The texts that were given most often, at most `most` of them, and how often each was given: the
/// commonest first, and those that are equally common by their bytes. A text that comes more than
/// once is added up.
pub fn commonest<'a>(
    given: impl IntoIterator<Item = (&'a str, u64)>,
    most: usize,
) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (text, times) in given {
        let sum = sums.entry(text).or_default();
        *sum = sum.saturating_add(times);
    }
    let mut all: Vec<_> = sums.into_iter().collect();
    all.sort_by_key(|(_, times)| Reverse(*times));
    (all.into_iter().take(most))
        .map(|(text, times)| (text.to_owned(), times))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_come_first_and_ties_by_their_bytes() {
        let given = [("b", 2), ("c", 1), ("a", 1), ("d", 1), ("a", 1)];
        let two = |text: &str| (text.to_owned(), 2);
        assert_eq!(commonest(given, 2), [two("a"), two("b")]);
        assert_eq!(commonest(given, 9).len(), 4);
        let most = [("a", u64::MAX), ("a", 1)];
        assert_eq!(commonest(most, 1), [("a".to_owned(), u64::MAX)]);
    }
}
