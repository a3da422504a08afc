//! How long messages have been under way without an answer, and when that is too long. It must not
//! publish.

use std::time::{Duration, Instant};

/// A channel over which a broker that is well has not answered a message for so long is given up.
const LIMIT: Duration = Duration::from_secs(10);
/// Each time it was in vain the next is given longer, up to that: what is sent again is there twice
/// when the broker was merely slow.
const LONGEST: Duration = Duration::from_secs(160);

/// The broker's silence.
#[derive(Debug)]
pub(super) struct Silence {
    limit: Duration,
    /// When a channel was last given up; until nothing is overdue for as long again, the limit
    /// stays.
    given_up: Option<Instant>,
    /// When the broker was last seen gone or in alarm, and so excused.
    excused: Option<Instant>,
}

impl Default for Silence {
    fn default() -> Self {
        Self {
            limit: LIMIT,
            given_up: None,
            excused: None,
        }
    }
}

impl Silence {
    /// Whether the channel is to be given up now; if so, that counts as done. `oldest` is when the
    /// oldest message under way was sent, `well` whether the broker is there and not in alarm.
    pub(super) fn is_over(&mut self, oldest: Option<Instant>, well: bool, now: Instant) -> bool {
        if !well {
            self.excused = Some(now);
        }
        let Some(oldest) = oldest else { return false };
        let since = self.excused.map_or(oldest, |excused| excused.max(oldest));
        if now.duration_since(since) >= self.limit {
            self.limit = (self.limit * 2).min(LONGEST);
            self.given_up = Some(now);
            return true;
        }
        if self
            .given_up
            .is_some_and(|at| now.duration_since(at) >= self.limit)
        {
            // Something was sent since then, and all older was answered.
            self.limit = LIMIT;
            self.given_up = None;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every second from `from` to `to` at a message sent at `sent`; the seconds at which the
    /// channel is given up, the message being sent again each time.
    fn given_up(
        silence: &mut Silence,
        start: Instant,
        (from, to): (u64, u64),
        well: impl Fn(u64) -> bool,
    ) -> Vec<u64> {
        let at = |second| start + Duration::from_secs(second);
        let (mut sent, mut seconds) = (from, Vec::new());
        for second in from..to {
            if silence.is_over(Some(at(sent)), well(second), at(second)) {
                seconds.push(second);
                sent = second;
            }
        }
        seconds
    }

    #[test]
    fn a_silent_channel_is_given_up_after_ten_seconds_and_then_later_and_later() {
        let (mut silence, start) = (Silence::default(), Instant::now());
        let seconds = given_up(&mut silence, start, (0, 800), |_| true);
        assert_eq!(seconds, [10, 30, 70, 150, 310, 470, 630, 790]);
    }

    #[test]
    fn a_broker_that_is_gone_or_in_alarm_is_not_silent() {
        let (mut silence, start) = (Silence::default(), Instant::now());
        let seconds = given_up(&mut silence, start, (0, 60), |second| second >= 45);
        assert_eq!(seconds, [54]);
    }

    #[test]
    fn after_a_while_without_overdue_messages_the_first_limit_holds_again() {
        let (mut silence, start) = (Silence::default(), Instant::now());
        assert_eq!(given_up(&mut silence, start, (0, 31), |_| true), [10, 30]);
        let at = |second| start + Duration::from_secs(second);
        // Answered within a second, for longer than the limit was.
        for second in 31..80 {
            assert!(!silence.is_over(Some(at(second)), true, at(second + 1)));
        }
        let seconds = given_up(&mut silence, start, (100, 115), |_| true);
        assert_eq!(seconds, [110]);
    }
}
