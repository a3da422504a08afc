//! The figures of a finished row, worked out of its merged columns.

use gristmill_common::bucket;
use gristmill_common::condition::{self, Condition, Value};
use gristmill_common::decimal::UNIT;
use gristmill_common::key;
use gristmill_common::spec::{
    ABSENT, Edge, Figure, Finish, KeyedBy, NULL, Numbers, PLACE, TEXT, TableShape, having_of,
};

use crate::engine::reduce_error::ReduceError;

/// A key with its texts, and the figures.
type FinishedRow<'a> = (&'a [u8], &'a [u128]);

/// Works out the figures of rows, one after the other.
pub(super) struct Figures {
    finish: Finish,
    having: Option<Condition>,
    /// How many members of each tag the group at hand has; tags begin with 1.
    members: Vec<u128>,
    /// The buckets of each further tag that the group at hand has, in order, and their counts.
    buckets: Vec<Vec<(u16, u128)>>,
    row: Vec<u128>,
    /// The value of each text that the group at hand has.
    texts: Vec<Option<Vec<u8>>>,
    /// The group's key and its texts.
    key: Vec<u8>,
}

impl Figures {
    /// Works out what a table's finish says, if it has one.
    pub(super) fn new(shape: &TableShape) -> Result<Option<Self>, ReduceError> {
        let Some(finish) = shape.finish.clone() else {
            return Ok(None);
        };
        let having = match (&finish.having, &shape.keyed_by) {
            (Some(having), KeyedBy::Fields(fields)) => {
                let figures = finish.figures.iter().map(|(name, _)| name);
                let texts = finish.texts.iter().map(|(name, _)| name);
                let names: Vec<String> =
                    fields.iter().chain(figures).chain(texts).cloned().collect();
                Some(having_of(having, &names).map_err(ReduceError::Malformed)?)
            }
            _ => None,
        };
        Ok(Some(Self {
            having,
            members: vec![0; usize::from(finish.distinct)],
            buckets: vec![Vec::new(); usize::from(finish.quantiles)],
            row: Vec::new(),
            texts: vec![None; finish.texts.len()],
            key: Vec::new(),
            finish,
        }))
    }

    /// Takes a member of the group at hand: `field` is the last one of its key, as it is encoded.
    pub(super) fn member(&mut self, field: &[u8]) -> Result<(), ReduceError> {
        let tag = field.first().copied().unwrap_or(0);
        let at = usize::from(tag).wrapping_sub(1);
        match self.members.get_mut(at) {
            Some(count) => *count += 1,
            None => {
                let at = at.wrapping_sub(self.members.len() + self.buckets.len());
                self.text(at, field, tag)?;
            }
        }
        Ok(())
    }

    /// Takes a value of a text: they come in input order.
    fn text(&mut self, at: usize, field: &[u8], tag: u8) -> Result<(), ReduceError> {
        let wrong = || ReduceError::Malformed(format!("a member of tag {tag}"));
        let (text, (_, edge)) = (self.texts.get_mut(at))
            .zip(self.finish.texts.get(at))
            .ok_or_else(wrong)?;
        if *edge == Edge::First && text.is_some() {
            return Ok(());
        }
        let field = key::fields(field).and_then(|mut fields| fields.pop());
        let field = field.ok_or_else(wrong)?;
        let value = field.get(1 + PLACE..).ok_or_else(wrong)?;
        *text = Some(value.to_vec());
        Ok(())
    }

    /// Takes the count of a bucket of the group at hand; `field` is as for [`Figures::member`].
    pub(super) fn bucket(&mut self, field: &[u8], count: u128) -> Result<(), ReduceError> {
        let field = key::fields(field).and_then(|mut fields| fields.pop());
        let Some([tag, high, low]) = field.as_deref() else {
            return Err(ReduceError::Malformed("a bucket that is none".into()));
        };
        let at = usize::from(*tag).wrapping_sub(self.members.len() + 1);
        match self.buckets.get_mut(at) {
            Some(buckets) => buckets.push((u16::from_be_bytes([*high, *low]), count)),
            None => return Err(ReduceError::Malformed(format!("a bucket of tag {tag}"))),
        }
        Ok(())
    }

    /// The key of the group at hand, with its texts as further fields, and its figures, unless it
    /// is not wanted.
    pub(super) fn finish<'a>(
        &'a mut self,
        key: &'a [u8],
        values: &[u128],
    ) -> Result<Option<FinishedRow<'a>>, ReduceError> {
        self.row.clear();
        for (name, figure) in &self.finish.figures {
            let value = match *figure {
                Figure::Count(at) => values[at],
                Figure::Distinct(tag) => self.members[usize::from(tag) - 1],
                Figure::Quantile { tag, nanos } => {
                    let at = usize::from(tag) - 1 - self.members.len();
                    Figure::decimal(quantile(&self.buckets[at], nanos))
                }
                Figure::Sum(numbers) => Figure::decimal(sum(values, numbers, name)?),
                Figure::Avg(numbers) => Figure::decimal(avg(values, numbers, name)?),
                Figure::Min(numbers) => extreme(values, numbers, numbers.min),
                Figure::Max(numbers) => extreme(values, numbers, numbers.max),
            };
            self.row.push(value);
        }
        self.members.fill(0);
        self.buckets.iter_mut().for_each(Vec::clear);
        let key = match self.texts.is_empty() {
            true => key,
            false => {
                self.key.clear();
                self.key.extend_from_slice(key);
                for text in &mut self.texts {
                    match text.take() {
                        Some(text) => key::push_marked(&mut self.key, TEXT, &text),
                        None => key::push_field(&mut self.key, &[NULL]),
                    }
                }
                &self.key
            }
        };
        let finished = Some((key, &self.row[..]));
        let Some(having) = &self.having else {
            return Ok(finished);
        };
        let mut fields = key::fields(key)
            .ok_or_else(|| ReduceError::Malformed("a key of the wrong shape".into()))?;
        let texts = fields.split_off(fields.len().saturating_sub(self.texts.len()));
        let mut row = Row {
            fields,
            figures: &self.finish.figures,
            values: &self.row,
            texts,
        };
        Ok(finished.filter(|_| having.holds(&mut row)))
    }
}

/// A finished row, as conditions see it: the fields of its key, then its figures and its texts.
struct Row<'a> {
    fields: Vec<Vec<u8>>,
    figures: &'a [(String, Figure)],
    values: &'a [u128],
    texts: Vec<Vec<u8>>,
}

impl condition::Record for Row<'_> {
    fn value(&mut self, number: usize) -> Value<'_> {
        let after = number.checked_sub(self.fields.len() + self.figures.len());
        let field = match after {
            Some(at) => self.texts.get(at),
            None => self.fields.get(number),
        };
        if let Some(field) = field {
            return match &field[..] {
                [ABSENT] => Value::Absent,
                [TEXT, text @ ..] => Value::Text(text),
                _ => Value::Null,
            };
        }
        let at = number - self.fields.len();
        let value = self.values[at];
        match self.figures[at].1.is_decimal() {
            true => Figure::scaled(value).map_or(Value::Null, Value::Number),
            // What is too much for a decimal is above every number that is typed.
            false => Value::Number(
                i128::try_from(value).map_or(i128::MAX, |count| count.saturating_mul(UNIT.into())),
            ),
        }
    }
}

/// The middle of the bucket that the number of a rank is in: the first of which so many billionths
/// of all are not above.
fn quantile(buckets: &[(u16, u128)], nanos: u32) -> Option<i128> {
    let all: u128 = buckets.iter().map(|(_, count)| count).sum();
    let rank = (all * u128::from(nanos)).div_ceil(u128::from(UNIT));
    let mut before = 0;
    let found = buckets.iter().find(|(_, count)| {
        before += count;
        before >= rank
    });
    found.map(|(bucket, _)| bucket::middle(*bucket))
}

/// The least or greatest number, which is in a row as it is printed.
fn extreme(values: &[u128], numbers: Numbers, at: Option<usize>) -> u128 {
    at.filter(|_| values[numbers.count] > 0)
        .map_or(Figure::decimal(None), |at| values[at])
}

/// The average of a row's numbers, in units of the last place, rounded half to even.
fn avg(values: &[u128], numbers: Numbers, name: &str) -> Result<Option<i128>, ReduceError> {
    let Some(sum) = sum(values, numbers, name)? else {
        return Ok(None);
    };
    // A sum that fits has fewer numbers than that.
    let count = i128::try_from(values[numbers.count]).unwrap_or(i128::MAX);
    let (quotient, rest) = (sum.div_euclid(count), sum.rem_euclid(count));
    let up = match (rest * 2).cmp(&count) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
        std::cmp::Ordering::Greater => true,
    };
    Ok(Some(quotient + i128::from(up)))
}

/// The sum of a row's numbers, in units of the last place.
fn sum(values: &[u128], numbers: Numbers, name: &str) -> Result<Option<i128>, ReduceError> {
    let Some(at) = numbers.sum.filter(|_| values[numbers.count] > 0) else {
        return Ok(None);
    };
    let overflow = || {
        ReduceError::Overflow(format!(
            "{name}: a sum of 1.7 * 10^29 or more, which is too large to be exact; nothing was written"
        ))
    };
    // Neither can overflow here: 2^64 numbers below 10^18 are below 2^124.
    let whole = values[at] as i128 - values[at + 1] as i128;
    let places = i128::try_from(values[at + 2]).map_err(|_| overflow())?;
    let scaled = whole.checked_mul(i128::from(UNIT));
    // The least number has no place in a row, where it stands for none.
    let sum = scaled.and_then(|scaled| scaled.checked_add(places));
    sum.filter(|&sum| sum != i128::MIN)
        .map(Some)
        .ok_or_else(overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: Numbers = Numbers {
        count: 1,
        sum: Some(3),
        min: None,
        max: None,
    };

    fn sum_of(values: [u128; 3]) -> Result<Option<i128>, ReduceError> {
        let [above, below, places] = values;
        sum(&[1, 1, 0, above, below, places], NUMBERS, "sum_x")
    }

    #[test]
    fn sums_are_exact_or_fail() {
        assert_eq!(sum_of([2, 1, 500_000_000]).unwrap(), Some(1_500_000_000));
        assert_eq!(sum_of([0, 1, 1]).unwrap(), Some(-999_999_999));
        assert_eq!(sum(&[1, 0, 0, 0, 0, 0], NUMBERS, "sum_x").unwrap(), None);
        let most = i128::MAX as u128 / u128::from(UNIT);
        assert!(sum_of([most, 0, 0]).is_ok());
        assert!(sum_of([most + 1, 0, 0]).is_err());
        assert!(sum_of([most, 0, u128::from(UNIT)]).is_err());
        assert!(sum_of([0, most, 0]).is_ok());
        assert!(sum_of([0, most + 2, 0]).is_err());
        assert!(sum_of([1 << 123, 0, 0]).is_err());
    }

    #[test]
    fn averages_round_half_to_even() {
        for (above, below, places, count, expected) in [
            (1, 0, 0, 3, 333_333_333),
            (2, 0, 0, 3, 666_666_667),
            (0, 1, 0, 3, -333_333_333),
            (0, 0, 1, 2, 0),
            (0, 0, 3, 2, 2),
            (0, 0, 5, 2, 2),
            (0, 1, UNIT.into(), 2, 0),
            (0, 1, 999_999_999, 2, 0),
            (0, 1, 999_999_997, 2, -2),
            (7, 0, 0, 1, 7 * i128::from(UNIT)),
        ] {
            let values = [count, count, 0, above, below, places];
            assert_eq!(
                avg(&values, NUMBERS, "avg_x").unwrap(),
                Some(expected),
                "{values:?}"
            );
        }
    }

    #[test]
    fn a_decimal_keeps_its_order_in_a_row() {
        let row = [
            None,
            Some(i128::MIN + 1),
            Some(-1),
            Some(0),
            Some(1),
            Some(i128::MAX),
        ];
        let values = row.map(Figure::decimal);
        assert!(values.is_sorted());
        assert_eq!(values.map(Figure::scaled), row);
    }
}
