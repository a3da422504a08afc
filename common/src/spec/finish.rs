//! How the rows of a table become what is printed: figures worked out of merged columns.

use serde::{Deserialize, Serialize};

/// The printed side of a table whose columns are not printed as they are.
///
/// Fields of its keys are a mark and the value: [`ABSENT`], [`NULL`] or [`TEXT`] and the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// Names of the printed columns, and how each is worked out.
    pub figures: Vec<(String, Figure)>,
    /// Fields of members: a tag and a value. Tag 1 is the first of so many that count distinct
    /// values.
    pub distinct: u8,
    /// So many tags after those are of numbers in buckets ([`crate::bucket`]), which are counted.
    pub quantiles: u8,
    /// Names of the columns after the figures, whose values are texts. Each has a tag after those:
    /// its members are places in the input ([`place`]) and the value there.
    pub texts: Vec<(String, Edge)>,
    /// The figure by which the first rows are chosen.
    pub rank: usize,
    /// What a finished row must satisfy to be printed ([`crate::condition`]).
    pub having: Option<String>,
    /// The first line has the columns' names.
    pub header: bool,
}

/// Which of a field's values in a group is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edge {
    /// The first in input order.
    First,
    /// The last.
    Last,
}

/// Length of a place in the input.
pub const PLACE: usize = 16;

/// A place in the input, such that input order is byte order: split, number of the document in it,
/// and offset in the document.
#[must_use]
pub fn place(split: u32, ordinal: u32, offset: u64) -> [u8; PLACE] {
    let place = u128::from(split) << 96 | u128::from(ordinal) << 64 | u128::from(offset);
    place.to_be_bytes()
}

/// Mark of a key's field: the record does not have it.
pub const ABSENT: u8 = 1;
/// Mark of a key's field: it is there, but it has no value.
pub const NULL: u8 = 2;
/// Mark of a key's field: a text follows.
pub const TEXT: u8 = 3;

/// How a printed value comes of a row's merged columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Figure {
    /// A column as it is.
    Count(usize),
    /// The sum of decimals: null without any, like the three after it.
    Sum(Numbers),
    /// The least of them.
    Min(Numbers),
    /// The greatest of them.
    Max(Numbers),
    /// Their sum by their number, rounded half to even.
    Avg(Numbers),
    /// How many distinct values: the members of this tag.
    Distinct(u8),
    /// The number that a share of the numbers is not above: the middle of its bucket.
    Quantile {
        /// The tag of the buckets.
        tag: u8,
        /// Billionths.
        nanos: u32,
    },
}

/// Where the merged columns of one field's numbers are.
///
/// A decimal is its whole part, rounded down, and billionths above that. Whole parts below zero are
/// summed apart, so that every column only grows. None can overflow: 2^64 times 10^18 is below
/// 2^124.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// How many numbers there were; the next column counts values that were none.
    pub count: usize,
    /// Whole parts above zero; the two columns after it: those below, and billionths.
    pub sum: Option<usize>,
    /// The least and the greatest number, as [`Figure::decimal`] has them.
    pub min: Option<usize>,
    /// See [`Numbers::min`].
    pub max: Option<usize>,
}

impl Figure {
    /// Whether its values are decimals ([`Figure::decimal`]), not counts.
    #[must_use]
    pub fn is_decimal(self) -> bool {
        !matches!(self, Figure::Count(_) | Figure::Distinct(_))
    }

    /// A finished decimal, in units of its last place, as the value of a row: order is kept, and
    /// zero is left for no value.
    #[must_use]
    pub fn decimal(scaled: Option<i128>) -> u128 {
        scaled.map_or(0, |scaled| scaled as u128 ^ (1 << 127))
    }

    /// What [`Figure::decimal`] was made of.
    #[must_use]
    pub fn scaled(value: u128) -> Option<i128> {
        (value != 0).then_some((value ^ (1 << 127)) as i128)
    }
}
