//! Which members of a zip share bytes with an earlier one: such a zip was made to be a bomb (D.
//! Fifield, "A better zip bomb", 2019), or its directory is damaged. Info-ZIP refuses it.

use std::collections::BTreeMap;

/// The bytes of the members seen so far. Members that stand in the directory's order, which is how
/// nearly all zips are written, take no memory.
#[derive(Default)]
pub(super) struct Extents {
    /// Where the members end that stand in order.
    end: u64,
    /// Where they begin and end, once one was out of order; those that share bytes are one.
    all: Option<BTreeMap<u64, u64>>,
}

impl Extents {
    /// Whether a member shares bytes with one that was taken before. `earlier` gives all of those.
    pub(super) fn overlaps(
        &mut self,
        (start, end): (u64, u64),
        earlier: impl FnOnce() -> Vec<(u64, u64)>,
    ) -> bool {
        if self.all.is_none() && start >= self.end {
            self.end = end;
            return false;
        }
        let all = self.all.get_or_insert_with(|| {
            let mut all = BTreeMap::new();
            for extent in earlier() {
                cover(&mut all, extent);
            }
            all
        });
        cover(all, (start, end))
    }
}

/// Adds an extent to those that share no bytes; whether it shared some with them.
fn cover(all: &mut BTreeMap<u64, u64>, (mut start, mut end): (u64, u64)) -> bool {
    let mut overlaps = false;
    while let Some((&before, &until)) = all.range(..end).next_back()
        && until > start
    {
        all.remove(&before);
        (start, end) = (start.min(before), end.max(until));
        overlaps = true;
    }
    all.insert(start, end);
    overlaps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these share bytes with an earlier one.
    fn overlapping(members: &[(u64, u64)]) -> Vec<usize> {
        let mut extents = Extents::default();
        (0..members.len())
            .filter(|&at| extents.overlaps(members[at], || members[..at].to_vec()))
            .collect()
    }

    #[test]
    fn members_out_of_order_are_told_from_those_that_share_bytes() {
        assert_eq!(overlapping(&[(0, 10), (10, 20), (25, 30)]), [0; 0]);
        assert_eq!(
            overlapping(&[(10, 20), (25, 30), (0, 10), (20, 25)]),
            [0; 0]
        );
        assert_eq!(overlapping(&[(0, 10), (0, 10), (0, 10)]), [1, 2]);
        assert_eq!(overlapping(&[(0, 100), (10, 100), (200, 300)]), [1]);
        assert_eq!(
            overlapping(&[(50, 60), (0, 51), (60, 70), (55, 58)]),
            [1, 3]
        );
    }
}
