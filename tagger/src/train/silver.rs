//! Machine-tagged text: tokens and tags on lines of their own, a tag alone or the likeliest tags
//! with their shares. Must not know of weights.

use super::TrainError;
use super::data::{Corpus, NO_TAG, Shares};

/// Adds the text to `corpus`; a tag that `id` does not know makes its word context only.
pub(super) fn push(
    corpus: &mut Corpus,
    tokens: &str,
    tags: &str,
    id: impl Fn(&str) -> u8,
) -> Result<(), TrainError> {
    let (lines, tag_lines) = (tokens.lines().count(), tags.lines().count());
    if lines != tag_lines {
        return Err(TrainError::Silver(lines.min(tag_lines) + 1));
    }
    for (number, (tokens, tags)) in tokens.lines().zip(tags.lines()).enumerate() {
        let (tokens, tags): (Vec<&str>, Vec<&str>) =
            (tokens.split(' ').collect(), tags.split(' ').collect());
        if tokens.len() != tags.len() {
            return Err(TrainError::Silver(number + 1));
        }
        let first = corpus.gold.len();
        let mut found = Vec::with_capacity(tags.len());
        for (at, tag) in tags.into_iter().enumerate() {
            let shares = shares(tag, &id).ok_or(TrainError::Shares(number + 1))?;
            found.push(shares[0].0);
            if shares[1].1 > 0.0 {
                corpus.shares.insert(first + at, shares);
            }
        }
        corpus.push(tokens.into_iter().zip(found), 1);
    }
    Ok(())
}

/// `NN`, or `NN|81|JJ|17|VBG|2`: tags and per cent, the likeliest first, at most three; they are
/// scaled to 1. None for what is neither.
fn shares(text: &str, id: impl Fn(&str) -> u8) -> Option<Shares> {
    let mut out = [(NO_TAG, 0.0); 3];
    let mut parts = text.split('|');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    let Some(share) = second else {
        out[0] = (id(first), 1.0);
        return Some(out);
    };
    let (mut tag, mut share) = (first, share);
    let mut at = 0;
    loop {
        let slot = out.get_mut(at)?;
        *slot = (
            id(tag),
            share
                .parse::<u8>()
                .ok()
                .filter(|n| (1..=100).contains(n))?
                .into(),
        );
        at += 1;
        let Some(next) = parts.next() else { break };
        (tag, share) = (next, parts.next()?);
    }
    // Of a word that may bear an unknown tag nothing is learnt.
    if out[..at].iter().any(|(tag, _)| *tag == NO_TAG) {
        return Some([(NO_TAG, 0.0); 3]);
    }
    let sum: f32 = out.iter().map(|(_, share)| share).sum();
    out.iter_mut().for_each(|(_, share)| *share /= sum);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_with_their_shares() {
        let id = |tag: &str| match tag {
            "NN" => 0,
            "JJ" => 1,
            _ => NO_TAG,
        };
        let none = (NO_TAG, 0.0);
        assert_eq!(shares("NN", id), Some([(0, 1.0), none, none]));
        assert_eq!(
            shares("JJ|60|NN|20", id),
            Some([(1, 0.75), (0, 0.25), none])
        );
        assert_eq!(shares("JJ|60|VB|20", id), Some([none; 3]));
        for wrong in ["NN|", "NN|x", "NN|60|JJ", "NN|0", "NN|1|NN|1|NN|1|NN|1"] {
            assert_eq!(shares(wrong, id), None, "{wrong}");
        }
    }
}
