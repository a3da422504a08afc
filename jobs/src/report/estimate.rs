//! How far a job is and how long it will take: a pure function of what the log, the queues and the
//! reports say. For people only.

use std::time::Duration;

use super::JobStats;

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Chunks published.
    pub published: u64,
    /// All chunks: exact once the job is sealed, before that reckoned from the bytes read of all.
    pub total: Option<u64>,
    /// Chunks mapped: published, and neither waiting nor in a mapper's hands. Where it is known how
    /// many outcomes must come, at most those whose outcomes reducers have or which wait for them.
    pub mapped: Option<u64>,
    /// Chunks that are on no queue and in no worker's hands, and whose outcomes no reducer has: an
    /// outcome that is just under way, or a chunk that was lost.
    pub astray: u64,
    /// Chunks to be mapped yet.
    pub left: Option<u64>,
    /// Mapped chunks of all, in per cent, 0 to 100.
    pub percent: Option<f64>,
    /// How long the rest takes if it goes on like this; none when nothing goes on.
    pub eta: Option<Duration>,
}

impl Estimate {
    /// Estimates how far a job is.
    #[must_use]
    pub fn of(stats: &JobStats) -> Self {
        let published = stats.sealed.unwrap_or(stats.published);
        let total = stats.sealed.or_else(|| reckon(published, stats.input));
        let mapped = stats
            .waiting
            .filter(|_| stats.missing != Some(u64::MAX))
            .map(|waiting| {
                let missing = stats.missing.unwrap_or(0);
                let left = waiting
                    .saturating_add(stats.in_hand)
                    .saturating_add(missing);
                published.saturating_sub(left)
            });
        // A mapper that says nothing may hold chunks that are not waiting; what reducers have, and
        // what waits for them, was mapped for certain.
        let there = arrived(stats, published);
        let reckoned = mapped;
        let mapped = mapped.map(|mapped| mapped.min(there.unwrap_or(mapped)));
        let quiet = stats.results == Some(0) && stats.waiting == Some(0) && stats.in_hand == 0;
        let astray = match reckoned.zip(mapped) {
            Some((reckoned, mapped)) if quiet && stats.missing.is_none() => reckoned - mapped,
            _ => 0,
        };
        let left = total
            .zip(mapped)
            .map(|(total, mapped)| total.saturating_sub(mapped));
        let percent = total.zip(mapped).map(|(total, mapped)| match total {
            0 => 100.0,
            total => (mapped as f64 / total as f64 * 100.0).min(100.0),
        });
        let eta = left.and_then(|left| {
            let rate = stats.chunks_per_second;
            let seconds = if left == 0 { 0.0 } else { left as f64 / rate };
            // Without a rate this is infinite, and none.
            Duration::try_from_secs_f64(seconds).ok()
        });
        Self {
            published,
            total,
            mapped,
            astray,
            left,
            percent,
            eta,
        }
    }
}

/// Chunks whose outcomes have come to the reducers or wait for them, once all are known.
fn arrived(stats: &JobStats, published: u64) -> Option<u64> {
    let (durable, due) = stats.outcomes;
    stats.sealed.filter(|_| due > 0)?;
    // As many are due of each partition.
    let outcomes = u128::from(durable) + u128::from(stats.results?);
    let there = u128::from(published) * outcomes / u128::from(due);
    u64::try_from(there).ok()
}

/// All chunks, if the rest of the bytes gives as many as those that were read.
fn reckon(published: u64, (read, all): (u64, u64)) -> Option<u64> {
    if read == 0 || all == 0 {
        return None;
    }
    let total = published as f64 * (all as f64 / read as f64);
    Some((total.ceil() as u64).max(published))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPING: JobStats = JobStats {
        producers: 0,
        mappers: 2,
        unable: 0,
        reducers: 1,
        unable_reducers: 0,
        published: 0,
        sealed: None,
        waiting: None,
        results: Some(0),
        missing: None,
        input: (0, 0),
        in_hand: 5,
        bytes_read_per_second: 0.0,
        outcomes_per_second: 0.0,
        chunks_per_second: 10.0,
        bytes_per_second: 1e6,
        outcomes: (0, 0),
        quarantined: 0,
    };

    #[test]
    fn a_sealed_job_is_reckoned_exactly() {
        let found = Estimate::of(&JobStats {
            sealed: Some(200),
            waiting: Some(145),
            ..MAPPING
        });
        assert_eq!((found.total, found.mapped), (Some(200), Some(50)));
        assert_eq!((found.left, found.percent), (Some(150), Some(25.0)));
        assert_eq!(found.eta, Some(Duration::from_secs(15)));
    }

    #[test]
    fn an_unsealed_job_is_reckoned_from_its_bytes() {
        let stats = JobStats {
            published: 40,
            waiting: Some(0),
            input: (100, 400),
            in_hand: 0,
            ..MAPPING
        };
        let found = Estimate::of(&stats);
        assert_eq!((found.published, found.total), (40, Some(160)));
        assert_eq!((found.left, found.percent), (Some(120), Some(25.0)));
        assert_eq!(found.eta, Some(Duration::from_secs(12)));
        // A stream has no end that could be known.
        let found = Estimate::of(&JobStats {
            input: (100, 0),
            ..stats
        });
        assert_eq!((found.total, found.percent, found.eta), (None, None, None));
        assert_eq!(found.mapped, Some(40));
    }

    #[test]
    fn without_a_rate_there_is_no_end_in_sight() {
        let waiting = JobStats {
            sealed: Some(10),
            waiting: Some(10),
            results: Some(0),
            ..JobStats::default()
        };
        let found = Estimate::of(&waiting);
        assert_eq!((found.percent, found.eta), (Some(0.0), None));
        let done = JobStats {
            waiting: Some(0),
            ..waiting
        };
        let found = Estimate::of(&done);
        assert_eq!(
            (found.percent, found.eta),
            (Some(100.0), Some(Duration::ZERO))
        );
        let empty = JobStats {
            sealed: Some(0),
            ..done
        };
        assert_eq!(Estimate::of(&empty).percent, Some(100.0));
        // What is missing waits nowhere, and is not mapped.
        let stalled = |missing| JobStats {
            missing: Some(missing),
            ..done
        };
        let found = Estimate::of(&stalled(4));
        assert_eq!((found.mapped, found.left), (Some(6), Some(4)));
        let found = Estimate::of(&stalled(u64::MAX));
        assert_eq!((found.mapped, found.percent), (None, None));
        // Queues that are gone tell nothing.
        let gone = JobStats {
            sealed: Some(10),
            waiting: None,
            ..MAPPING
        };
        assert_eq!(Estimate::of(&gone).percent, None);
    }

    #[test]
    fn what_is_nowhere_is_not_mapped() {
        // A queue was emptied: nothing waits, and outcomes are missing in both partitions.
        let stats = JobStats {
            sealed: Some(242),
            waiting: Some(0),
            in_hand: 0,
            outcomes: (60, 484),
            ..MAPPING
        };
        let found = Estimate::of(&stats);
        assert_eq!((found.mapped, found.astray), (Some(30), 212));
        assert_eq!(found.left, Some(212));
        // They may be under way, or a mapper that is silent has them.
        let on_their_way = JobStats {
            results: Some(2),
            ..stats
        };
        let in_hand = JobStats {
            in_hand: 1,
            ..stats
        };
        for (stats, mapped) in [(&on_their_way, 31), (&in_hand, 30)] {
            let found = Estimate::of(stats);
            assert_eq!((found.mapped, found.astray), (Some(mapped), 0));
        }
        // Nobody counts what waits for the reducers.
        let uncounted = JobStats {
            results: None,
            ..stats
        };
        assert_eq!(Estimate::of(&uncounted).mapped, Some(242));
    }

    #[test]
    fn hostile_numbers_stay_numbers() {
        let found = Estimate::of(&JobStats {
            published: u64::MAX,
            waiting: Some(u64::MAX),
            missing: Some(u64::MAX - 1),
            input: (1, u64::MAX),
            in_hand: u64::MAX,
            chunks_per_second: f64::MIN_POSITIVE,
            ..MAPPING
        });
        assert_eq!((found.total, found.mapped), (Some(u64::MAX), Some(0)));
        assert_eq!((found.percent, found.eta), (Some(0.0), None));
    }
}
