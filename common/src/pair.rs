//! Pairs of a key and a value as they travel from a mapper to a grouped reduction.
//!
//! Encoding of one pair: `uvarint(key length)`, the key, `uvarint(value length)`, the value. In an
//! outcome pairs are sorted by key; those of one key stand in the order of the input.

use crate::table::{push_uvarint, take_uvarint};

/// The longest key, in bytes.
pub const MAX_KEY: usize = 512 << 10;

/// The longest value, in bytes: a pair travels in one message.
pub const MAX_VALUE: usize = 2 << 20;

/// Why an outcome's body is no list of pairs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not pairs: a key or value that is cut off or too long")]
pub struct BadPair;

/// Appends a pair to an outcome's body.
pub fn push_pair(body: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    for part in [key, value] {
        push_uvarint(body, part.len() as u128);
        body.extend_from_slice(part);
    }
}

/// Reads the pairs of an outcome's body in order; stops at the first malformed one with an error.
pub fn pairs(body: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), BadPair>> {
    let mut rest = body;
    let mut failed = false;
    std::iter::from_fn(move || {
        if rest.is_empty() || failed {
            return None;
        }
        let pair = take(&mut rest, MAX_KEY)
            .and_then(|key| take(&mut rest, MAX_VALUE).map(|value| (key, value)));
        failed = pair.is_none();
        Some(pair.ok_or(BadPair))
    })
}

fn take<'a>(rest: &mut &'a [u8], longest: usize) -> Option<&'a [u8]> {
    let len = usize::try_from(take_uvarint(rest).ok()?).ok()?;
    let (part, tail) = rest
        .split_at_checked(len)
        .filter(|(part, _)| part.len() <= longest)?;
    *rest = tail;
    Some(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pairs_come_back(all in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..30), prop::collection::vec(any::<u8>(), 0..300)), 0..20,
        )) {
            let mut body = Vec::new();
            for (key, value) in &all {
                push_pair(&mut body, key, value);
            }
            let back: Vec<_> = pairs(&body).map(|pair| pair.unwrap()).collect();
            let all: Vec<_> = all.iter().map(|(key, value)| (&key[..], &value[..])).collect();
            prop_assert_eq!(back, all);
        }

        #[test]
        fn hostile_bodies_end_in_an_error(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let seen: Vec<_> = pairs(&body).collect();
            prop_assert!(seen.len() <= body.len());
            prop_assert!(seen.iter().rev().skip(1).all(Result::is_ok));
        }
    }

    #[test]
    fn a_pair_that_is_cut_off_or_too_long_is_an_error() {
        let mut body = Vec::new();
        push_pair(&mut body, b"key", b"value");
        for end in 1..body.len() {
            assert!(pairs(&body[..end]).any(|pair| pair.is_err()), "{end}");
        }
        body.clear();
        push_pair(&mut body, &vec![0; MAX_KEY + 1], b"");
        assert_eq!(pairs(&body).next(), Some(Err(BadPair)));
    }
}
