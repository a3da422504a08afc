//! How far a worker's answers are sure: they count once their batch is ended, or not at all.

use crate::engine::output::Output;

/// How far the answers are sure, and what the output held then.
pub(super) struct Sure {
    pub(super) answered: usize,
    bytes: usize,
    pairs: usize,
    set_aside: usize,
}

impl Sure {
    /// So many answers are sure, and what the output holds now.
    pub(super) fn new(answered: usize, out: &Output) -> Self {
        Self {
            answered,
            bytes: out.bytes.len(),
            pairs: out.grouped.len(),
            set_aside: out.quarantined.len(),
        }
    }

    /// Takes the answers back that are not sure.
    pub(super) fn restore(&self, out: &mut Output) {
        out.bytes.truncate(self.bytes);
        out.grouped.truncate(self.pairs);
        out.quarantined.truncate(self.set_aside);
    }
}
