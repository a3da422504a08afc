//! The feature templates: which combinations of words, clusters, classes and earlier tags vote for
//! a tag. Training and tagging call the same functions, so they cannot drift apart. Must not know
//! of weights.
//!
//! Features of a single word at a fixed distance are listed apart from combinations: their sum
//! depends on that word only, so the tagger keeps it per word.

use crate::hash::{fold, key1, key2, key3};
use crate::word::{Case, WordView};

/// How far the single-word features look to each side.
pub(crate) const REACH: usize = 3;
/// Number of positions with single-word features: the word and `REACH` neighbours on each side.
pub(crate) const POSITIONS: usize = 2 * REACH + 1;

/// Most single-word features of one position.
pub(crate) const MOST_SINGLE: usize = 29;

/// What combinations of words use of one word.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    pub lower: u64,
    pub cluster: u64,
    pub near: u64,
    pub class: u64,
    pub suffix2: u64,
    pub suffix3: u64,
    pub shape: u64,
    pub case: Case,
}

/// What the lexicon contributes, spelled out: the cluster's path (low bits first) and the class's
/// tags.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// Brown cluster path, None for a word without one.
    pub cluster: Option<u32>,
    /// Tags the word was seen with, one bit each; the most frequent tag plus 1 in the top byte. 0:
    /// never seen.
    pub class: u64,
}

const EDGE: u64 = 0x5bd1_e995_7b93_1f05;

impl Parts {
    /// Stands for every position before the first and after the last word.
    pub(crate) fn edge() -> Self {
        let part = |n: u64| fold(EDGE ^ n, 0x9e6c_63d0_876a_68de);
        Self {
            lower: part(1),
            cluster: part(2),
            near: part(3),
            class: part(4),
            suffix2: part(5),
            suffix3: part(6),
            shape: part(7),
            case: Case::None,
        }
    }

    /// The parts of a word.
    pub(crate) fn new(view: &WordView, known: &Known) -> Self {
        let class = fold(known.class | 1 << 63, 0xd1b5_4a32_d192_ed03);
        let path = |bits: u32| {
            known
                .cluster
                .map_or(view.shape, |c| u64::from(c & ((1 << bits) - 1)) + 1)
        };
        Self {
            lower: view.lower,
            cluster: fold(path(20), 0xaef1_7502_108e_f2d9),
            near: fold(path(7), 0x7ce5_2d5f_5f1b_1a23),
            class: if known.class == 0 {
                fold(view.suffix[1] ^ view.shape, 0xb7e1_5162_8aed_2a6b)
            } else {
                class
            },
            suffix2: view.suffix[1],
            suffix3: view.suffix[2],
            shape: view.shape,
            case: view.case,
        }
    }
}

/// Calls `push` with the key of each feature of a word seen `position` - REACH places after the
/// word to be tagged.
#[inline(always)]
pub(crate) fn single(position: usize, view: &WordView, known: &Known, mut push: impl FnMut(u64)) {
    let base = 1 + 64 * position as u64;
    let distance = position.abs_diff(REACH);
    let mut next = base;
    let mut add = |value: u64| {
        if value != 0 {
            push(key1(next, value));
        }
        next += 1;
    };
    add(view.lower);
    add(if known.class == 0 { 0x51 } else { known.class });
    add(known.class & 0x00ff_ffff_ffff_ffff);
    let path = |bits: u32| {
        known
            .cluster
            .map_or(0, |c| u64::from(c & ((1_u64 << bits) - 1) as u32) + 1)
    };
    add(known.cluster.map_or(0x77, |c| u64::from(c) + 0x100));
    add(path(6));
    add(path(10));
    if distance <= 2 {
        add(path(4));
        add(path(8));
        add(view.suffix[2]);
        add(view.shape);
    }
    if distance <= 1 {
        add(view.suffix[1]);
        add(view.suffix[3]);
        add(view.kind);
        add(view.exact);
    }
    if distance == 0 {
        add(path(12));
        add(path(14));
        add(view.suffix[0]);
        add(view.suffix[4]);
        add(view.suffix[5]);
        add(view.prefix[0]);
        add(view.prefix[1]);
        add(view.prefix[2]);
        add(view.prefix[3]);
        add(view.long_shape);
        add(fold(view.suffix[1] ^ view.shape, 0x94d0_49bb_1331_11eb));
        add(fold(view.suffix[2] ^ view.kind, 0x94d0_49bb_1331_11eb));
        add(fold(path(8) ^ view.suffix[1], 0x94d0_49bb_1331_11eb));
        add(fold(path(20) ^ view.shape, 0xbf58_476d_1ce4_e5b9));
        if known.class == 0 {
            add(fold(
                view.suffix[2] ^ view.shape ^ 0x1357,
                0x94d0_49bb_1331_11eb,
            ));
        }
    }
}

/// Number of combinations of words per token.
pub(crate) const PAIRS: usize = 23;
/// Number of features with earlier tags per token.
pub(crate) const HISTORY: usize = 7;

/// How a sentence is written: which part of its words starts with a capital, whether all letters
/// are capitals, and how long it is, in a few steps. Headlines, addresses and shouting need other
/// tags than running text.
pub(crate) fn style(parts: &[Parts]) -> u64 {
    let count = |case: Case| parts.iter().filter(|part| part.case == case).count();
    let (lower, title, upper) = (count(Case::Lower), count(Case::Title), count(Case::Upper));
    let words = lower + title + upper;
    let capital = (4 * (title + upper))
        .checked_div(words)
        .map_or(0, |quarters| quarters + 1);
    let shouting = usize::from(words > 0 && 2 * upper > words);
    let length = match parts.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    (capital * 8 + shouting * 4 + length + 1) as u64
}

/// Keys of the combinations around the middle word of `w` (two neighbours on each side).
#[inline(always)]
pub(crate) fn pairs(w: &[&Parts; 5], style: u64) -> [u64; PAIRS] {
    let [b, a, x, y, z] = *w;
    [
        key2(1001, a.lower, x.lower),
        key2(1002, x.lower, y.lower),
        key2(1003, a.lower, y.lower),
        key2(1004, a.cluster, x.cluster),
        key2(1005, x.cluster, y.cluster),
        key2(1006, a.cluster, y.cluster),
        key2(1007, a.class, x.class),
        key2(1008, x.class, y.class),
        key3(1009, a.class, x.class, y.class),
        key3(1010, x.class, y.class, z.class),
        key3(1011, b.class, a.class, x.class),
        key2(1012, x.lower, y.class),
        key2(1013, a.lower, x.class),
        key2(1014, x.suffix3, y.class),
        key2(1015, a.cluster, x.suffix2),
        key2(1016, x.suffix2, y.cluster),
        key3(1017, a.shape, x.shape, y.shape),
        key2(1018, x.lower, z.lower),
        key2(1019, b.lower, x.lower),
        key3(1020, a.near, x.near, y.near),
        key2(1021, style, x.shape),
        key3(1022, style, x.shape, x.class),
        key3(1023, style, x.suffix2, a.shape),
    ]
}

/// Keys of the features with the two tags before the word (`tag1` is the nearer).
#[inline(always)]
pub(crate) fn history(tag1: u64, tag2: u64, x: &Parts, y: &Parts) -> [u64; HISTORY] {
    [
        key1(2001, tag1 + 1),
        key2(2002, tag1 + 1, tag2 + 1),
        key2(2003, tag1 + 1, x.lower),
        key2(2004, tag1 + 1, x.class),
        key3(2005, tag1 + 1, x.class, y.class),
        key2(2006, tag1 + 1, x.suffix3),
        key3(2007, tag1 + 1, tag2 + 1, x.class),
    ]
}

/// Tag number that stands before a sentence.
pub(crate) const NO_HISTORY: u64 = 200;

/// Key of the feature that a position lies outside the sentence.
pub(crate) fn edge_key(position: usize) -> u64 {
    key1(5000 + position as u64, 1)
}

/// Number of features that choose the universal tag.
pub(crate) const UNIVERSAL: usize = 14;

/// Number of those that do not depend on the word's neighbours.
pub(crate) const UNIVERSAL_ALONE: usize = 4;

/// Those of [`universal`]'s keys that do not depend on the word's neighbours.
#[inline(always)]
pub(crate) fn universal_alone(x: &Parts, this: u64) -> [u64; UNIVERSAL_ALONE] {
    [
        key1(3001, this),
        key2(3002, this, x.lower),
        key2(3009, this, x.suffix3),
        key2(3013, this, x.shape),
    ]
}

/// Keys of the features that choose a word's universal tag once all Penn tags of the sentence are
/// known. `tags` are the Penn tags two before to three after the word, numbered from 1, 0 outside
/// the sentence; `ahead` is the first verb or other content tag that follows.
#[inline(always)]
pub(crate) fn universal(w: &[&Parts; 5], tags: &[u64; 6], ahead: u64) -> [u64; UNIVERSAL] {
    let [_, a, x, y, z] = *w;
    let [_, before, this, after, then, third] = *tags;
    [
        key1(3001, this),
        key2(3002, this, x.lower),
        key3(3003, this, x.lower, after),
        key3(3004, this, x.lower, before),
        key3(3005, this, x.lower, y.lower),
        key3(3006, this, x.lower, a.lower),
        key3(3007, this, before, after),
        key3(3008, this, after, then),
        key2(3009, this, x.suffix3),
        key3(3010, key2(0, this, x.lower), after, then),
        key3(3011, key2(1, this, x.lower), then, third),
        key3(3012, this, x.lower, ahead),
        key2(3013, this, x.shape),
        key3(3014, this, x.lower, z.lower),
    ]
}

/// Stands before a sentence for the tag of its own.
pub(crate) const NO_FINE: u64 = 5000;

/// What [`fine`] uses of one word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FineWord {
    lower: u64,
    suffix: [u64; crate::word::SUFFIXES],
    prefix: u64,
    shape: u64,
    /// The universal tag, numbered from 1; 0 outside the sentence.
    main: u64,
}

impl FineWord {
    pub(crate) fn new(view: &WordView, main: u16) -> Self {
        Self {
            lower: view.lower,
            suffix: view.suffix,
            prefix: view.prefix[2],
            shape: view.long_shape,
            main: u64::from(main) + 1,
        }
    }

    const EDGE: Self = Self {
        lower: EDGE,
        suffix: [EDGE; crate::word::SUFFIXES],
        prefix: EDGE,
        shape: EDGE,
        main: 0,
    };
}

/// Calls `push` with the key of each feature that chooses a word's own tag once the universal tags
/// of the sentence are known; `before` are the two tags found before it, the nearer first.
pub(crate) fn fine(words: &[FineWord], at: usize, before: [u64; 2], mut push: impl FnMut(u64)) {
    let get = |distance: usize| {
        let word = (at + distance).checked_sub(2).and_then(|at| words.get(at));
        word.unwrap_or(&FineWord::EDGE)
    };
    let [b, a, x, y, z] = [get(0), get(1), get(2), get(3), get(4)];
    let this = x.main;
    push(key1(4001, this));
    push(key2(4002, this, x.lower));
    for (number, suffix) in x.suffix.iter().enumerate().filter(|(_, s)| **s != 0) {
        push(key2(4003 + number as u64, this, *suffix));
    }
    push(key2(4010, this, x.prefix));
    push(key2(4011, this, x.shape));
    push(key2(4012, this, a.lower));
    push(key2(4013, this, y.lower));
    push(key2(4014, this, a.suffix[1]));
    push(key2(4015, this, a.suffix[2]));
    push(key2(4016, this, y.suffix[1]));
    push(key2(4017, this, y.suffix[2]));
    push(key3(4018, this, a.main, y.main));
    push(key3(4019, this, a.main, b.main));
    push(key3(4020, this, y.main, z.main));
    push(key2(4021, this, before[0]));
    push(key3(4022, this, before[0], before[1]));
    push(key3(4023, this, before[0], x.lower));
    push(key3(4024, this, before[0], x.suffix[1]));
    push(key3(4025, this, before[0], x.suffix[2]));
    push(key3(4026, this, y.main, x.suffix[1]));
    push(key3(4027, this, y.suffix[1], x.suffix[1]));
    push(key3(4028, this, a.lower, x.suffix[2]));
    push(key3(4029, this, b.suffix[1], a.main));
    push(key3(4030, this, y.main, x.lower));
    push(key3(4031, this, a.main, x.lower));
    push(key3(4032, this, before[1], x.suffix[1]));
}
