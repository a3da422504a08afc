//! Parts that come in any order, twice, from elsewhere, cut off or not at all.

use proptest::prelude::*;

use super::super::part::{PART, parts};
use super::*;
use crate::file::{FileMessage, decode_file, encode_file};

/// A file whose bytes are all told apart.
fn file(len: usize, seed: u64) -> Bytes {
    let mut state = seed;
    let bytes = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    });
    bytes.take(len).collect::<Vec<u8>>().into()
}

fn cut(file: &Bytes, attempt: u64) -> Vec<(PartHead, Bytes)> {
    parts(file, content_hash(file), attempt).collect()
}

fn feed(assembly: &mut Assembly, parts: &[(PartHead, Bytes)]) -> Option<Bytes> {
    let taken = |(head, body): &(PartHead, Bytes)| assembly.take(head, body.clone());
    parts.iter().filter_map(taken).next()
}

#[test]
fn a_file_of_any_size_comes_back() {
    for len in [1, PART - 1, PART, PART + 1, 3 * PART + 17] {
        let file = file(len, 1);
        let mut assembly = Assembly::new(content_hash(&file));
        let parts = cut(&file, 7);
        let (last, rest) = parts.split_last().expect("a part");
        assert_eq!(feed(&mut assembly, rest), None);
        assert_eq!(assembly.take(&last.0, last.1.clone()), Some(file));
    }
}

#[test]
fn attempts_are_never_mixed_and_a_wrong_one_does_not_spoil_the_next() {
    let good = file(3 * PART, 1);
    let hash = content_hash(&good);
    let mut assembly = Assembly::new(hash);
    // Claims to be the file and is another.
    let bad: Vec<_> = parts(&file(3 * PART, 2), hash, 1).collect();
    let half = cut(&good, 2);
    assert_eq!(feed(&mut assembly, &bad[..2]), None);
    assert_eq!(feed(&mut assembly, &half[..2]), None);
    assert_eq!(feed(&mut assembly, &bad[2..]), None);
    assert!(assembly.describe().contains("another hash"));
    assert_eq!(feed(&mut assembly, &cut(&good, 3)[2..]), None);
    assert_eq!(
        assembly.describe().split(',').next(),
        Some("2 of 3 parts are there")
    );
    assert_eq!(feed(&mut assembly, &cut(&good, 4)), Some(good));
}

#[test]
fn what_no_file_can_have_is_refused() {
    let file = file(PART + 5, 1);
    let hash = content_hash(&file);
    let mut assembly = Assembly::new(hash);
    let good = cut(&file, 1);
    let (head, body) = &good[1];
    let heads = [
        PartHead { size: 0, ..*head },
        PartHead {
            size: MAX_FILE + 1,
            ..*head
        },
        PartHead {
            size: u64::MAX,
            ..*head
        },
        PartHead { part: 2, ..*head },
        PartHead {
            part: u32::MAX,
            ..*head
        },
        PartHead { part: 0, ..*head },
    ];
    for head in heads {
        assert_eq!(assembly.take(&head, body.clone()), None);
    }
    assert_eq!(assembly.take(head, body.slice(..4)), None);
    assert_eq!(assembly.take(head, Bytes::new()), None);
    assert_eq!(assembly.held(), 0);
    assert_eq!(feed(&mut assembly, &good), Some(file));
}

#[test]
fn unfinished_attempts_are_bounded_and_the_newest_stay() {
    let good = file(2 * PART, 1);
    let hash = content_hash(&good);
    let mut assembly = Assembly::new(hash);
    let large = PartHead {
        hash,
        size: MAX_FILE,
        attempt: 0,
        part: 0,
    };
    let body = Bytes::from(vec![0; PART]);
    for attempt in 0..100 {
        assert_eq!(
            assembly.take(&PartHead { attempt, ..large }, body.clone()),
            None
        );
        assert!(assembly.unfinished.len() <= MAX_UNFINISHED);
    }
    // All but the last part of the largest file, and of another beside it.
    let all = u32::try_from(large.parts()).expect("512");
    for part in 0..all - 1 {
        for attempt in [200, 201] {
            let head = PartHead {
                attempt,
                part,
                ..large
            };
            assert_eq!(assembly.take(&head, body.clone()), None);
            assert!(assembly.held() <= MAX_FILE, "{}", assembly.held());
        }
    }
    assert_eq!(feed(&mut assembly, &cut(&good, 300)), Some(good));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is among them and in whatever order: the file, or nothing.
    #[test]
    fn the_file_comes_out_or_nothing(
        len in 1..4 * PART,
        order in prop::collection::vec((0..3usize, 0..5usize, 0..4u8), 0..40),
    ) {
        let good = file(len, 3);
        let hash = content_hash(&good);
        let attempts = [
            cut(&good, 1),
            cut(&file(len, 4), 2),
            parts(&file(len, 5), hash, 3).collect(),
        ];
        let mut assembly = Assembly::new(hash);
        let mut whole = std::collections::BTreeSet::new();
        let mut found = None;
        for (attempt, part, harm) in order {
            let Some((head, body)) = attempts[attempt].get(part) else { continue };
            let message = encode_file(&FileMessage::Part(*head), body.to_vec()).unwrap();
            let message = match harm {
                0 => message.slice(..message.len() - 1),
                1 => {
                    let mut bytes = message.to_vec();
                    let at = len % bytes.len();
                    bytes[at] ^= 1;
                    bytes.into()
                }
                _ => message,
            };
            let Ok((FileMessage::Part(head), body)) = decode_file(&message) else {
                prop_assert!(harm < 2);
                continue;
            };
            prop_assert!(harm >= 2);
            if attempt == 0 {
                whole.insert(part);
            }
            if let Some(file) = assembly.take(&head, body) {
                prop_assert_eq!(&file, &good);
                found = Some(file);
                break;
            }
            prop_assert!(assembly.held() <= MAX_FILE);
        }
        prop_assert_eq!(found.is_some(), whole.len() == attempts[0].len());
    }

    #[test]
    fn hostile_messages_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode_file(&Bytes::from(body)).is_err());
    }

    #[test]
    fn hostile_heads_never_bloat(
        heads in prop::collection::vec((any::<u64>(), 0..4u64, any::<u32>(), 0..200usize), 0..50),
    ) {
        let mut assembly = Assembly::new(9);
        for (size, attempt, part, len) in heads {
            for (size, part) in [(size, part), (size % 300, part % 2)] {
                let head = PartHead { hash: 9, size, attempt, part };
                prop_assert_eq!(assembly.take(&head, vec![0; len].into()), None);
                prop_assert!(assembly.held() <= MAX_FILE);
            }
        }
    }
}
