//! The codec round-trips and refuses hostile bytes with an error.

use proptest::prelude::*;

use super::*;
use crate::chunk::{ChunkHead, Piece, Quarantined};
use crate::counters::Counter;
use crate::entries::Entries;
use crate::header::Header;
use crate::id::ChunkId;
use crate::outcome::{OutcomeHead, SourceCount};
use crate::seal::{Seal, SplitEnd};

fn chunk(names: &[Vec<u8>], body: &[u8]) -> (Bytes, ChunkHead) {
    let share = body.len() / names.len().max(1);
    let pieces: Vec<Piece> = names
        .iter()
        .enumerate()
        .map(|(at, name)| Piece {
            source: at as u32,
            document: name.clone(),
            ordinal: at as u32,
            offset: 7,
            record: 3,
            records: 2,
            first: at == 0,
            last: true,
            large: 0,
            header: (at % 2 == 0).then(|| Header {
                offset: 5,
                text: name.clone(),
            }),
            len: if at + 1 == names.len() {
                (body.len() - share * at) as u32
            } else {
                share as u32
            },
            inside: (at % 3 == 1).then_some(at % 2 == 0),
        })
        .collect();
    let faults = vec![Quarantined {
        source: 1,
        document: b"d".to_vec(),
        offset: 9,
        reason: "torn".into(),
        sample: vec![0xFF],
        stretch: None,
        stderr: Vec::new(),
    }];
    let head = ChunkHead {
        id: ChunkId { split: 1, index: 2 },
        pieces,
        faults,
    };
    let (message, _) = encode_chunk(&head, body.to_vec(), BodyForm::Raw).unwrap();
    (message.into(), head)
}

proptest! {
    #[test]
    fn chunks_round_trip(
        names in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 1..5),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (message, head) = chunk(&names, &body);
        let Message::Chunk(back) = decode(&message, Check::Full).unwrap() else { panic!("a chunk") };
        prop_assert_eq!(&back.head, &head);
        prop_assert_eq!(&back.body[..], &body[..]);
        let joined: Vec<u8> =
            back.head.with_bytes(&back.body).flat_map(|(_, bytes)| bytes.to_vec()).collect();
        prop_assert_eq!(joined, body);
    }

    #[test]
    fn a_flipped_bit_is_an_error(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (message, _) = chunk(&[b"a".to_vec()], b"some text\n");
        let mut hostile = message.to_vec();
        let at = at.index(hostile.len());
        hostile[at] ^= 1 << bit;
        prop_assert!(decode(&Bytes::from(hostile), Check::Full).is_err());
    }

    #[test]
    fn random_bytes_with_a_true_footer_never_panic(head in prop::collection::vec(any::<u8>(), 0..120), kind in 0u8..6) {
        let mut message = head.clone();
        message.extend_from_slice(&content_hash(b"").to_le_bytes());
        message.extend_from_slice(&content_hash(&head).to_le_bytes());
        message.extend_from_slice(&0u32.to_le_bytes());
        message.extend_from_slice(&(head.len() as u32).to_le_bytes());
        message.extend_from_slice(&[kind, 0]);
        message.extend_from_slice(&VERSION.to_le_bytes());
        message.extend_from_slice(&MAGIC);
        let _ = decode(&Bytes::from(message), Check::Full);
    }

    #[test]
    fn truncation_is_an_error(cut in any::<prop::sample::Index>()) {
        let (message, _) = chunk(&[b"a".to_vec()], b"some text\n");
        prop_assert!(decode(&message.slice(..cut.index(message.len())), Check::Full).is_err());
    }
}

/// The head of an outcome that has one of everything but entries.
fn outcome_head() -> OutcomeHead {
    OutcomeHead {
        skipped: None,
        id: ChunkId { split: 3, index: 4 },
        hash: 5,
        partition: 1,
        attempt: 0,
        whole: 7,
        part: 0,
        parts: 1,
        counts: vec![SourceCount {
            source: 0,
            records: 2,
            mapped: 1,
            quarantined: 1,
        }],
        quarantined: Entries::default(),
        counters: Counter::new(b"g", b"n", 7).into_iter().collect(),
    }
}

proptest! {
    #[test]
    fn a_packed_message_says_the_same_and_hostile_ones_are_errors(
        body in prop::collection::vec(0_u8..3, 0..20_000),
        reasons in prop::collection::vec("[ab]{0,200}", 0..60),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..=255,
    ) {
        let quarantined: Vec<_> = reasons.into_iter().map(|reason| Quarantined {
            source: 1,
            document: b"some/folder/of/logs.gz".to_vec(),
            offset: 9,
            reason,
            sample: vec![0xFF],
            stretch: None,
            stderr: Vec::new(),
        }).collect();
        let head = OutcomeHead {
            quarantined: quarantined.iter().collect(),
            ..outcome_head()
        };
        let message = encode_outcome(&head, body).unwrap();
        let small = packed(&message).unwrap();
        prop_assert!(small.len() <= message.len());
        prop_assert_eq!(packed(&small).unwrap(), small.clone());
        prop_assert_eq!(decode(&small, Check::Full), decode(&message, Check::Full));
        let mut bytes = small.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let hostile = Bytes::from(bytes);
        // What decodes all the same is of another kind, or says the same.
        if let Ok(Message::Outcome(back)) = decode(&hostile, Check::Full) {
            prop_assert_eq!(back.head, head);
        }
        let _ = packed(&hostile);
    }
}

#[test]
fn outcomes_and_seals_round_trip() {
    let head = outcome_head();
    let message = encode_outcome(&head, b"rows".to_vec()).unwrap();
    let Ok(Message::Outcome(back)) = decode(&message, Check::Full) else {
        panic!("an outcome")
    };
    assert_eq!((back.head, &back.body[..]), (head, &b"rows"[..]));

    let seal = Seal {
        chunks: vec![3, 0, 1],
        records: vec![9, 9],
        passed_over: 7,
    };
    assert_eq!(
        decode(&encode_seal(&seal).unwrap(), Check::Full),
        Ok(Message::Seal(seal))
    );
    let end = SplitEnd {
        split: 1,
        chunks: 0,
        passed_over: 0,
    };
    assert_eq!(
        decode(&encode_split_end(&end).unwrap(), Check::Full),
        Ok(Message::SplitEnd(end))
    );
}

#[test]
fn another_version_is_named() {
    let mut message = encode_seal(&Seal::default()).unwrap().to_vec();
    let at = message.len() - 6;
    message[at] = 9;
    assert_eq!(
        decode(&Bytes::from(message), Check::Full),
        Err(WireError::Version(9))
    );
}

#[test]
fn a_head_that_claims_a_giant_allocation_is_refused() {
    // A sequence length of 2^62 in front of nothing.
    let head = [253, 0, 0, 0, 0, 0, 0, 0, 0x40];
    let mut message = head.to_vec();
    message.extend_from_slice(&content_hash(b"").to_le_bytes());
    message.extend_from_slice(&content_hash(&head).to_le_bytes());
    message.extend_from_slice(&0u32.to_le_bytes());
    message.extend_from_slice(&(head.len() as u32).to_le_bytes());
    message.extend_from_slice(&[3, 0]);
    message.extend_from_slice(&VERSION.to_le_bytes());
    message.extend_from_slice(&MAGIC);
    assert!(matches!(
        decode(&Bytes::from(message), Check::Full),
        Err(WireError::Malformed(_))
    ));
}

#[test]
fn a_body_without_a_hash_stays_in_its_process() {
    let (hashed, head) = chunk(&[b"a".to_vec()], b"some text\n");
    let (message, hash) =
        encode_chunk(&head, b"some text\n".to_vec(), BodyForm::RawUnhashed).unwrap();
    let message = Bytes::from(message);
    assert_eq!(
        decode(&message, Check::Full),
        Err(WireError::Malformed("the body has no hash".into()))
    );
    let Message::Chunk(back) = decode(&message, Check::Head).unwrap() else {
        panic!("a chunk")
    };
    assert_eq!((&back.body[..], back.hash), (&b"some text\n"[..], hash));
    let Message::Chunk(sent) = decode(&hashed, Check::Full).unwrap() else {
        panic!("a chunk")
    };
    assert_ne!(sent.hash, hash, "the two are never taken for one another");
}

#[test]
fn a_packed_chunk_is_the_same_chunk() {
    let body = b"the same line again and again\n".repeat(500);
    let (_, head) = chunk(&[b"d".to_vec()], &body);
    let (raw, hash) = encode_chunk(&head, body.clone(), BodyForm::Raw).unwrap();
    let (packed, same) = encode_chunk(&head, body.clone(), BodyForm::Packed).unwrap();
    assert_eq!(hash, same);
    assert!(packed.len() * 4 < raw.len(), "{}", packed.len());
    let packed = Bytes::from(packed);
    assert_eq!(
        decode(&packed, Check::Full),
        decode(&raw.into(), Check::Full)
    );
    // Damage is found, wherever it is; so is a lie about the length.
    for at in 0..packed.len() - 40 {
        let mut damaged = packed.to_vec();
        damaged[at] ^= 0x41;
        assert!(decode(&damaged.into(), Check::Full).is_err(), "{at}");
    }
    let mut huge = packed.to_vec();
    huge[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        decode(&huge.into(), Check::Full),
        Err(WireError::Oversized(_))
    ));
    // What does not get smaller travels as it is.
    let noise: Vec<u8> = (0..body.len() as u64)
        .map(|at| (content_hash(&at.to_le_bytes()) >> 7) as u8)
        .collect();
    let (same_size, _) = encode_chunk(&head, noise, BodyForm::Packed).unwrap();
    assert!(same_size.len() > body.len());
}
