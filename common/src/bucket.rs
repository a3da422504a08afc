//! Buckets of decimals, for quantiles that merge exactly: a value's bucket depends on the value
//! alone.
//!
//! A bucket holds the values that share their sign, their highest bit and the six bits after it, in
//! units of the last place of a decimal ([`crate::decimal`]). So it is at most a sixty-fourth as
//! wide as it is far from zero, and its middle is at most a 128th off every value in it. Method:
//! the log-linear buckets of HdrHistogram.

/// Bits of a value that a bucket keeps after the highest.
const BITS: u32 = 6;
/// The bucket of zero.
const ZERO: u16 = 1 << 15;

/// The bucket of a value in units of the last place: a larger value never has a smaller one.
#[inline]
#[must_use]
pub fn of(scaled: i128) -> u16 {
    let size = scaled.unsigned_abs();
    let shift_of = |highest: u32| highest.saturating_sub(BITS);
    // Nearly every value fits the first.
    let (shift, highest) = match u64::try_from(size) {
        Ok(size) => {
            let shift = shift_of(size.max(1).ilog2());
            (shift, (size >> shift) as u16)
        }
        Err(_) => {
            let shift = shift_of(size.ilog2());
            (shift, (size >> shift) as u16)
        }
    };
    let number = (shift << BITS) as u16 + highest;
    if scaled < 0 {
        ZERO - number
    } else {
        ZERO + number
    }
}

/// The middle of a bucket, in units of the last place.
#[must_use]
pub fn middle(bucket: u16) -> i128 {
    let number = u32::from(bucket.abs_diff(ZERO));
    let shift = (number >> BITS).saturating_sub(1);
    let least = u128::from(number - (shift << BITS)) << shift;
    let middle = (least + ((1u128 << shift) - 1) / 2) as i128;
    if bucket < ZERO { -middle } else { middle }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_middle_is_within_a_128th(size in any::<u128>(), shift in 38u32..127, negative: bool) {
            let value = (size >> shift) as i128;
            let value = if negative { -value } else { value };
            let off = middle(of(value)).abs_diff(value);
            prop_assert!(off * 128 <= value.unsigned_abs(), "{}: {}", value, off);
        }

        #[test]
        fn order_is_kept(a in any::<i64>(), b in any::<i64>(), shift in 0u32..63) {
            let (a, b) = (i128::from(a >> shift), i128::from(b >> shift));
            prop_assert!(a > b || of(a) <= of(b));
        }
    }

    #[test]
    fn small_values_have_buckets_of_their_own() {
        for value in -127..=127 {
            assert_eq!(middle(of(value)), value);
        }
    }
}
