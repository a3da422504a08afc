//! The time of day, for people and for telling things apart: correctness never reads it (I5).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970; zero on a clock that is set before it.
#[must_use]
pub fn since_1970() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}
