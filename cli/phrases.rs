//! How fast a job goes and how long it takes, in words. It must not know where the numbers are
//! from.

use std::fmt::Write;
use std::time::Duration;

use gristmill_jobs::report::JobStats;
use indicatif::{HumanBytes, HumanDuration};

/// The rate of its mappers: `21.4 chunks/s, 10.20 MiB/s`.
#[must_use]
pub fn rate(stats: &JobStats) -> String {
    format!(
        "{:.1} chunks/s, {}/s",
        stats.chunks_per_second,
        HumanBytes(stats.bytes_per_second as u64)
    )
}

/// What is left: `about 2 minutes left`.
#[must_use]
pub fn left(eta: Duration) -> String {
    format!("about {} left", HumanDuration(whole(eta)))
}

/// Rounded up to whole seconds.
#[must_use]
pub fn whole(time: Duration) -> Duration {
    let up = u64::from(time.subsec_nanos() > 0);
    Duration::from_secs(time.as_secs().saturating_add(up))
}

/// A number with one digit after the point, cut off: 100.0 only when nothing is left.
#[must_use]
pub fn tenths(number: f64) -> f64 {
    (number * 10.0).floor() / 10.0
}

/// `2 mappers, 1 reducer`.
#[must_use]
pub fn workers(stats: &JobStats) -> String {
    let mut words = String::new();
    let kinds = [
        (stats.producers, "producer"),
        (stats.mappers, "mapper"),
        (stats.reducers, "reducer"),
    ];
    for (count, name) in kinds {
        if count == 0 && name == "producer" {
            continue;
        }
        let comma = if words.is_empty() { "" } else { ", " };
        let plural = if count == 1 { "" } else { "s" };
        // Writing to a string cannot fail.
        let _ = write!(words, "{comma}{count} {name}{plural}");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_words() {
        let stats = JobStats {
            mappers: 2,
            reducers: 1,
            chunks_per_second: 21.44,
            bytes_per_second: 3.0 * 1048576.0,
            ..JobStats::default()
        };
        assert_eq!(rate(&stats), "21.4 chunks/s, 3.00 MiB/s");
        assert_eq!(workers(&stats), "2 mappers, 1 reducer");
        assert_eq!(workers(&JobStats::default()), "0 mappers, 0 reducers");
        let eta = Duration::from_millis(119_001);
        assert_eq!(left(eta), "about 2 minutes left");
        assert_eq!(whole(Duration::MAX).as_secs(), u64::MAX);
        assert_eq!((tenths(99.999), tenths(100.0)), (99.9, 100.0));
    }
}
