//! The figures of a finished row, worked out of its merged columns.

use gristmill_common::decimal::UNIT;
use gristmill_common::spec::{Figure, Finish, Numbers};

use crate::engine::reduce_error::ReduceError;

/// Puts the figures of a row into `finished`.
pub(super) fn finish(
    finish: &Finish,
    values: &[u128],
    finished: &mut Vec<u128>,
) -> Result<(), ReduceError> {
    finished.clear();
    for (name, figure) in &finish.figures {
        finished.push(match *figure {
            Figure::Count(at) => values[at],
            Figure::Sum(numbers) => Figure::decimal(sum(values, numbers, name)?),
        });
    }
    Ok(())
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
