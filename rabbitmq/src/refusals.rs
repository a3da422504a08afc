//! Which queues take nothing of what is published, and since when. It must not publish.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A channel over which a queue has refused everything for so long is given up,
const RENEW_AFTER: Duration = Duration::from_secs(2);
/// but not more often than that: a queue that is full in earnest refuses on any.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// A queue that has refused everything for so long is told of, once.
const WARN_AFTER: Duration = Duration::from_secs(20);
/// Refusals further apart than that are not of one spell: nobody tried in between.
const PAUSE: Duration = Duration::from_secs(2);

/// The queues that refuse.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    spells: HashMap<String, Spell>,
    /// When a channel was last given up.
    renewed: Option<Instant>,
    count: u64,
}

/// Refusals of one queue without anything that it took between them.
#[derive(Debug)]
struct Spell {
    first: Instant,
    last: Instant,
    warned: bool,
}

impl Refusals {
    /// The queue refused a message.
    pub(super) fn refused(&mut self, queue: &str) {
        self.refused_at(queue, Instant::now());
    }

    fn refused_at(&mut self, queue: &str, now: Instant) {
        self.count += 1;
        let begun = Spell {
            first: now,
            last: now,
            warned: false,
        };
        match self.spells.get_mut(queue) {
            Some(spell) if now - spell.last <= PAUSE => spell.last = now,
            Some(spell) => *spell = begun,
            None => drop(self.spells.insert(queue.to_owned(), begun)),
        }
    }

    /// The queue took a message, or something else became of it.
    pub(super) fn taken(&mut self, queue: &str) {
        if !self.spells.is_empty() {
            self.spells.remove(queue);
        }
    }

    /// How many refusals there were since this was asked last.
    pub(super) fn take_count(&mut self) -> u64 {
        std::mem::take(&mut self.count)
    }

    /// Whether the channel is to be given up now; if so, that counts as done.
    pub(super) fn renew(&mut self) -> bool {
        self.renew_at(Instant::now())
    }

    fn renew_at(&mut self, now: Instant) -> bool {
        let due = self.renewed.is_none_or(|last| now - last >= RENEW_EVERY);
        let stuck = |spell: &Spell| spell.last - spell.first >= RENEW_AFTER;
        let renew = due && self.spells.values().any(stuck);
        if renew {
            self.renewed = Some(now);
        }
        renew
    }

    /// A queue that people should hear of, and how long it has taken nothing.
    pub(super) fn take_warning(&mut self) -> Option<(String, Duration)> {
        self.spells.iter_mut().find_map(|(queue, spell)| {
            let waited = spell.last - spell.first;
            let warn = waited >= WARN_AFTER && !spell.warned;
            warn.then(|| {
                spell.warned = true;
                (queue.clone(), waited)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses every 100 ms from `from` to `to`, in milliseconds; counts the channels given up.
    fn refuse(refusals: &mut Refusals, start: Instant, from: u64, to: u64) -> usize {
        let times = (from..to).step_by(100).map(Duration::from_millis);
        let given_up = times.filter(|&after| {
            refusals.refused_at("q", start + after);
            refusals.renew_at(start + after)
        });
        given_up.count()
    }

    #[test]
    fn a_channel_is_given_up_after_two_seconds_and_then_every_five() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        assert_eq!(refuse(&mut refusals, start, 0, 2000), 0);
        assert_eq!(refuse(&mut refusals, start, 2000, 7000), 1);
        assert_eq!(refuse(&mut refusals, start, 7000, 17_000), 2);
        assert_eq!(refusals.take_count(), 170);
        assert_eq!(refusals.take_count(), 0);
    }

    #[test]
    fn a_message_that_is_taken_or_a_pause_ends_the_spell() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        assert_eq!(refuse(&mut refusals, start, 0, 1900), 0);
        refusals.taken("q");
        assert_eq!(refuse(&mut refusals, start, 1900, 3800), 0);
        assert_eq!(refuse(&mut refusals, start, 60_000, 61_900), 0);
    }

    #[test]
    fn a_spell_of_twenty_seconds_is_told_once() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        refuse(&mut refusals, start, 0, 20_000);
        assert_eq!(refusals.take_warning(), None);
        refuse(&mut refusals, start, 20_000, 20_100);
        let told = Some(("q".to_owned(), Duration::from_secs(20)));
        assert_eq!(refusals.take_warning(), told);
        refuse(&mut refusals, start, 20_100, 50_000);
        assert_eq!(refusals.take_warning(), None);
    }
}
