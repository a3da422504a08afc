//! The bound on what all sources together may unfold to (`--max-expanded`).

use std::sync::atomic::{AtomicU64, Ordering};

use crate::stream::{Damage, Pull};

/// The most bytes of text that may come, and how many came.
#[derive(Debug)]
pub(crate) struct Bound {
    most: u64,
    came: AtomicU64,
}

impl Bound {
    pub(crate) fn new(most: u64) -> Self {
        Self {
            most,
            came: AtomicU64::new(0),
        }
    }
}

/// Counts a document's bytes. One byte too many ends the job: which bytes come last depends on how
/// the threads run, so that none of them can be set aside for it (I1).
pub(super) struct Counted<'a> {
    inner: &'a mut dyn Pull,
    bound: &'a Bound,
}

impl<'a> Counted<'a> {
    pub(super) fn new(inner: &'a mut dyn Pull, bound: &'a Bound) -> Self {
        Self { inner, bound }
    }
}

impl Pull for Counted<'_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        let got = self.inner.pull(out, max)?;
        let before = self.bound.came.fetch_add(got as u64, Ordering::Relaxed);
        if before.saturating_add(got as u64) > self.bound.most {
            return Err(Damage::too_much(self.bound.most));
        }
        Ok(got)
    }
}
