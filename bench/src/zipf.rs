//! Draws ranks by Zipf's law (the n-th commonest thing is n times rarer than the commonest), as
//! words, pages and visitors are distributed. It must not know what the ranks stand for.

use crate::rng::Rng;

/// Ranks `0..n` with weight `1 / r` for the r-th commonest up to a knee and `1 / r^1.5` beyond it
/// (text has two regimes: Ferrer i Cancho and Solé, 2001), drawn in constant time by the alias
/// method (Walker 1974, tables built as by Vose 1991). Only `+ - * /` and square roots on floats,
/// so the tables are the same on every machine.
pub(crate) struct Zipf {
    /// Per slot: keep the slot's own rank below this 32-bit threshold, else take the alias.
    slots: Vec<(u32, u32)>,
}

impl Zipf {
    /// `n` must be at least 1; without a second regime, `knee` is `n`.
    pub(crate) fn new(n: usize, knee: usize) -> Self {
        let law = |rank: usize| 1.0 / (rank as f64 * (rank as f64 / knee as f64).max(1.0).sqrt());
        let total: f64 = (1..=n).map(law).sum();
        let mut weight: Vec<f64> = (1..=n).map(|rank| n as f64 * law(rank) / total).collect();
        let mut slots: Vec<(u32, u32)> = (0..n).map(|i| (u32::MAX, i as u32)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..n).partition(|&i| weight[i] < 1.0);
        while let (Some(&s), Some(&l)) = (small.last(), large.last()) {
            small.pop();
            slots[s] = ((weight[s] * 4_294_967_295.0) as u32, l as u32);
            weight[l] -= 1.0 - weight[s];
            if weight[l] < 1.0 {
                large.pop();
                small.push(l);
            }
        }
        Zipf { slots }
    }

    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        let bits = rng.next();
        let slot = (((bits >> 32) * self.slots.len() as u64) >> 32) as usize;
        let (keep, alias) = self.slots[slot];
        if bits as u32 <= keep {
            slot
        } else {
            alias as usize
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_follow_the_law() {
        let zipf = Zipf::new(1000, 1000);
        let mut rng = Rng::new(7, &[]);
        let mut seen = vec![0u32; 1000];
        for _ in 0..1_000_000 {
            seen[zipf.draw(&mut rng)] += 1;
        }
        let harmonic: f64 = (1..=1000).map(|r| 1.0 / f64::from(r)).sum();
        for rank in [0usize, 1, 9, 99] {
            let expected = 1e6 / ((rank + 1) as f64 * harmonic);
            let off = (f64::from(seen[rank]) - expected).abs() / expected;
            assert!(off < 0.1, "rank {rank}: {} against {expected}", seen[rank]);
        }
        assert!(seen.iter().all(|&n| n > 0));
    }
}
