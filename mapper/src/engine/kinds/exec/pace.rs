//! How large the batches of a worker are: small at first, larger as long as one takes little time.

use std::time::Duration;

use super::unit::Unit;

/// The first batch that a worker gets, in bytes.
const FIRST: usize = 2 << 10;
/// A batch that takes less makes the next ones larger, one that takes more makes them smaller.
const PACE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// The size of batches that suits a program, in bytes.
pub(super) struct Pace(usize);

impl Pace {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// How many of the units make a batch of up to `most` bytes; one at least.
    pub(super) fn batch(&self, units: &[Unit<'_>], most: usize) -> usize {
        let size = self.0.min(most);
        let mut bytes = 0;
        let fits = units.iter().take_while(|unit| {
            bytes += unit.content.len() + 1;
            bytes <= size
        });
        fits.count().max(1)
    }

    /// A batch took this long: the next ones are larger, up to `most` bytes, or smaller.
    pub(super) fn took(&mut self, time: Duration, most: usize) {
        if time < PACE.0 {
            self.0 = (self.0 * 2).min(most);
        } else if time > PACE.1 {
            self.0 = (self.0 / 2).max(1);
        }
    }
}
