//! The quantiles of a field in each group, and what they tell of how its numbers are spread.
//!
//! It must not know how that is drawn.

use gristmill_common::spec::GroupBy;

use crate::cell::Cell;
use crate::rows::{Row, RowFormat};

/// One point of a field's distribution: so large a share of a group's numbers is not above `value`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    /// The column's short name: `q0.5`, `min`, `max`.
    pub(crate) name: String,
    /// From 0 to 1.
    pub(crate) share: f64,
    pub(crate) value: f64,
}

/// The distribution of a field's numbers in one group, as far as its quantiles tell it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) group: String,
    /// By share, and by value; empty where the group has no numbers.
    pub(crate) points: Vec<Point>,
}

/// What a share of the numbers lies between.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bin {
    pub(crate) from: f64,
    /// The same as `from` where two quantiles or more are one number.
    pub(crate) to: f64,
    pub(crate) share: f64,
}

impl Spread {
    /// The shares of the numbers between neighbouring points.
    pub(crate) fn bins(&self) -> Vec<Bin> {
        let between = |pair: &[Point]| Bin {
            from: pair[0].value,
            to: pair[1].value,
            share: pair[1].share - pair[0].share,
        };
        let mut bins: Vec<Bin> = Vec::new();
        for bin in self.points.windows(2).map(between) {
            match bins.last_mut() {
                // Three quantiles at one number are two shares of the same.
                Some(last) if last.from == last.to && bin.from == bin.to => last.share += bin.share,
                _ => bins.push(bin),
            }
        }
        bins
    }

    /// The shares below the first point and above the last: where they lie, nobody knows.
    pub(crate) fn outside(&self) -> (f64, f64) {
        let first = self.points.first().map_or(0.0, |point| point.share);
        let last = self.points.last().map_or(1.0, |point| point.share);
        (first, 1.0 - last)
    }
}

/// Where a row has the quantiles of one field.
#[derive(Debug)]
pub(crate) struct QuantileColumns {
    pub(crate) field: String,
    /// Their places among the cells, short names and shares, the smallest share first.
    columns: Vec<(usize, String, f64)>,
}

impl QuantileColumns {
    /// Those of each field that has at least two points, with its extremes if the rows have them.
    pub(crate) fn all(options: &GroupBy, format: &RowFormat) -> Vec<Self> {
        let place = |name: String| {
            let at = format.values.iter().position(|value| *value == name)?;
            Some(format.keys.len() + at)
        };
        let mut all = Vec::new();
        for one in options.quantiles() {
            let field = one.field;
            let mut columns = Vec::new();
            for (typed, nanos) in one.wanted {
                let at = place(format!("q{typed}_{field}"));
                columns.extend(at.map(|at| (at, format!("q{typed}"), nanos as f64 / 1e9)));
            }
            let lowest = place(format!("min_{field}"));
            columns.extend(lowest.map(|at| (at, "min".to_owned(), 0.0)));
            if let Some(at) = place(format!("max_{field}")) {
                // The greatest number itself, not the middle of its bucket.
                columns.retain(|(_, _, share)| *share < 1.0);
                columns.push((at, "max".to_owned(), 1.0));
            }
            columns.sort_by(|a, b| a.2.total_cmp(&b.2));
            if columns.len() > 1 {
                all.push(Self { field, columns });
            }
        }
        all
    }

    /// The spread of a row's group.
    pub(crate) fn spread(&self, row: &Row, group: String) -> Spread {
        let value = |at: usize| {
            let value: f64 = row.cells.get(at).and_then(Cell::text)?.parse().ok()?;
            value.is_finite().then_some(value)
        };
        let mut points: Vec<Point> = (self.columns.iter())
            .filter_map(|(at, name, share)| {
                let (name, value) = (name.clone(), value(*at)?);
                let share = *share;
                Some(Point { name, share, value })
            })
            .collect();
        // A quantile is the middle of a bucket, and may be beyond the extremes by half of it.
        let greatest = points.last().map_or(0.0, |point| point.value);
        let mut before = f64::NEG_INFINITY;
        for point in &mut points {
            point.value = point.value.min(greatest).max(before);
            before = point.value;
        }
        Spread { group, points }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(points: &[(f64, f64)]) -> Spread {
        let point = |&(share, value): &(f64, f64)| Point {
            name: String::new(),
            share,
            value,
        };
        Spread {
            group: "g".into(),
            points: points.iter().map(point).collect(),
        }
    }

    #[test]
    fn a_bin_is_the_share_between_two_quantiles() {
        let bins = spread(&[(0.25, 10.0), (0.5, 20.0), (0.75, 100.0)]).bins();
        let bin = |from, to, share| Bin { from, to, share };
        assert_eq!(bins, [bin(10.0, 20.0, 0.25), bin(20.0, 100.0, 0.25)]);
        assert_eq!(
            spread(&[(0.25, 10.0), (0.75, 20.0)]).outside(),
            (0.25, 0.25)
        );
    }

    #[test]
    fn quantiles_at_one_number_are_one_bin_without_width() {
        let bins = spread(&[(0.0, 1.0), (0.25, 5.0), (0.5, 5.0), (0.75, 5.0), (1.0, 9.0)]).bins();
        let seen: Vec<_> = bins.iter().map(|b| (b.from, b.to, b.share)).collect();
        assert_eq!(seen, [(1.0, 5.0, 0.25), (5.0, 5.0, 0.5), (5.0, 9.0, 0.25)]);
        assert!(spread(&[]).bins().is_empty());
    }
}
