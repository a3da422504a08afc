//! A stream with bytes put before it.

use super::{Damage, Pull};

/// Some bytes, then a stream.
pub(crate) struct Prefixed<P> {
    prefix: Vec<u8>,
    given: usize,
    rest: P,
}

impl<P: Pull> Prefixed<P> {
    pub(crate) fn new(prefix: Vec<u8>, rest: P) -> Self {
        Self {
            prefix,
            given: 0,
            rest,
        }
    }
}

impl<P: Pull> Pull for Prefixed<P> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        let left = &self.prefix[self.given..];
        if left.is_empty() {
            return self.rest.pull(out, max);
        }
        let take = left.len().min(max);
        out.extend_from_slice(&left[..take]);
        self.given += take;
        if self.given == self.prefix.len() {
            (self.prefix, self.given) = (Vec::new(), 0);
        }
        Ok(take)
    }
}
