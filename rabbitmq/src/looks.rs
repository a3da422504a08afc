//! Looks at something now and then, and how much time is between them. It must not know at what.

use std::time::{Duration, Instant};

/// Looks, with a pause before each.
#[derive(Debug)]
pub struct Looks {
    pause: Duration,
    last: Instant,
}

impl Looks {
    /// Looks with this pause between them, from now on.
    #[must_use]
    pub fn every(pause: Duration) -> Self {
        let last = Instant::now();
        Self { pause, last }
    }

    /// Waits for the next look; how long it was since the last one. A busy machine wakes late; of
    /// one that stood still, four pauses count.
    pub async fn next(&mut self) -> Duration {
        tokio::time::sleep(self.pause).await;
        let slept = self.last.elapsed().min(4 * self.pause);
        self.last = Instant::now();
        slept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_late_look_counts_as_what_passed_up_to_four_pauses() {
        let pause = Duration::from_millis(20);
        let mut looks = Looks::every(pause);
        std::thread::sleep(3 * pause);
        assert!(looks.next().await >= 3 * pause);
        std::thread::sleep(5 * pause);
        assert_eq!(looks.next().await, 4 * pause);
    }
}
