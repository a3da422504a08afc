//! The rows with the largest first value.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::rows::Row;

/// Keeps the heaviest rows; of equal ones those that came first.
#[derive(Debug)]
pub(crate) struct Top {
    keep: usize,
    heap: BinaryHeap<Ranked>,
    seen: u64,
}

#[derive(Debug)]
struct Ranked {
    row: Row,
    number: u64,
}

impl Top {
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            keep,
            heap: BinaryHeap::new(),
            seen: 0,
        }
    }

    pub(crate) fn push(&mut self, row: Row) {
        let number = self.seen;
        self.seen += 1;
        self.heap.push(Ranked { row, number });
        if self.heap.len() > self.keep {
            self.heap.pop();
        }
    }

    /// How many rows there were.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// The rows, heaviest first.
    pub(crate) fn into_rows(self) -> Vec<Row> {
        (self.heap.into_sorted_vec().into_iter())
            .map(|ranked| ranked.row)
            .collect()
    }
}

impl Ord for Ranked {
    /// The lightest is the greatest, because the heap drops its greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.row.weight.total_cmp(&self.row.weight)).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;

    #[test]
    fn the_heaviest_stay_and_equal_ones_keep_their_order() {
        let mut top = Top::new(3);
        for (name, weight) in [("a", 1.0), ("b", 5.0), ("c", 2.0), ("d", 5.0), ("e", 2.0)] {
            let cells = vec![Cell::Text(name.to_owned())];
            top.push(Row { cells, weight });
        }
        assert_eq!(top.seen(), 5);
        let names: Vec<String> = (top.into_rows().into_iter())
            .map(|row| row.cells[0].label().to_owned())
            .collect();
        assert_eq!(names, ["b", "d", "c"]);
    }
}
