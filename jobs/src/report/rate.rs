//! How fast something goes: counts over the last few seconds. It must not know what is counted.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many samples a window holds: ten seconds of reports.
const SAMPLES: usize = 6;

/// What was done within some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// The time, in milliseconds; 0 when nothing is known.
    pub millis: u64,
    /// Chunks.
    pub chunks: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Rate {
    /// Chunks and bytes per second; 0 when nothing is known. Always finite.
    #[must_use]
    pub fn per_second(&self) -> (f64, f64) {
        if self.millis == 0 {
            return (0.0, 0.0);
        }
        let seconds = self.millis as f64 / 1000.0;
        (self.chunks as f64 / seconds, self.bytes as f64 / seconds)
    }
}

/// The last samples of a count that grows.
#[derive(Clone, Debug)]
pub struct RateWindow {
    samples: VecDeque<(Duration, u64, u64)>,
}

impl Default for RateWindow {
    /// A count that was zero at the time zero.
    fn default() -> Self {
        Self {
            samples: VecDeque::from([(Duration::ZERO, 0, 0)]),
        }
    }
}

impl RateWindow {
    /// Adds a sample of chunks and bytes, taken at a time of the caller's clock; returns what was
    /// done within the window.
    pub fn push(&mut self, at: Duration, chunks: u64, bytes: u64) -> Rate {
        self.samples.push_back((at, chunks, bytes));
        while self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
        let (first, before, bytes_before) = self.samples[0];
        Rate {
            millis: u64::try_from(at.saturating_sub(first).as_millis()).unwrap_or(u64::MAX),
            chunks: chunks.saturating_sub(before),
            bytes: bytes.saturating_sub(bytes_before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_forgets_how_fast_it_was_long_ago() {
        let mut window = RateWindow::default();
        let seconds = Duration::from_secs;
        assert_eq!(window.push(seconds(2), 20, 200).per_second(), (10.0, 100.0));
        for at in (4..=12).step_by(2) {
            // It stands still.
            window.push(seconds(at), 20, 200);
        }
        assert_eq!(window.push(seconds(14), 20, 200).per_second(), (0.0, 0.0));
        assert_eq!(
            window.push(seconds(16), 32, 260),
            Rate {
                millis: 10_000,
                chunks: 12,
                bytes: 60
            }
        );
    }

    #[test]
    fn no_time_is_no_rate() {
        assert_eq!(Rate::default().per_second(), (0.0, 0.0));
        let mut window = RateWindow::default();
        assert_eq!(window.push(Duration::ZERO, 5, 5).per_second(), (0.0, 0.0));
        // A count that shrinks is none.
        assert_eq!(window.push(Duration::from_secs(1), 0, 0).chunks, 0);
    }
}
