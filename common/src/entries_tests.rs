//! Entries come back from their packed form, and hostile bytes are refused.

use proptest::prelude::*;

use super::*;
use crate::wire::{decode_value, encode_value};

const LIMIT: usize = 1 << 20;

fn entry() -> impl Strategy<Value = Quarantined> {
    let stretch = prop::option::of((any::<u64>(), any::<u64>()));
    let bytes = || prop::collection::vec(any::<u8>(), 0..20);
    let name = prop::collection::vec(0_u8..2, 0..3);
    (
        0_u32..3,
        name,
        any::<u64>(),
        "[ab]{0,2}",
        bytes(),
        stretch,
        bytes(),
    )
        .prop_map(
            |(source, document, offset, reason, sample, stretch, stderr)| Quarantined {
                source,
                document,
                offset,
                reason,
                sample,
                stretch: stretch.map(|(records, bytes)| Stretch { records, bytes }),
                stderr,
            },
        )
}

proptest! {
    #[test]
    fn entries_come_back(all in prop::collection::vec(entry(), 0..60), len in 0_usize..70) {
        let mut entries: Entries = all.iter().collect();
        let encoded = encode_value::<LIMIT>(&entries).unwrap();
        let back: Entries = decode_value::<LIMIT, _>(&encoded).unwrap();
        let owned: Vec<Quarantined> = back.iter().map(Quarantined::from).collect();
        prop_assert_eq!(&owned, &all);
        prop_assert_eq!((back.len(), back.cost()), (entries.len(), entries.cost()));
        prop_assert!(encoded.len() <= entries.size().min(entries.cost() + SIZE));
        entries.truncate(len);
        let first = &all[..len.min(all.len())];
        prop_assert_eq!(&entries, &first.iter().collect());
        entries.append(&back);
        prop_assert!(entries.iter().eq(first.iter().chain(&all).map(Entry::from)));
    }

    #[test]
    fn hostile_bytes_are_errors_or_entries(
        all in prop::collection::vec(entry(), 0..9),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..=255,
    ) {
        let mut encoded = encode_value::<LIMIT>(&all.iter().collect::<Entries>()).unwrap();
        let at = at.index(encoded.len());
        encoded[at] ^= flip;
        if let Ok(entries) = decode_value::<LIMIT, Entries>(&encoded) {
            prop_assert_eq!(entries.iter().count(), entries.len());
        }
    }
}

#[test]
fn what_is_said_often_travels_once() {
    let line = |at: u64| Quarantined {
        source: 1,
        document: vec![b'd'; 100],
        offset: at,
        reason: ["one reason", "another"][at as usize % 2].repeat(9),
        sample: vec![b'x'; 10],
        stretch: None,
        stderr: Vec::new(),
    };
    let all: Vec<_> = (0..1000).map(line).collect();
    let entries: Entries = all.iter().collect();
    assert_eq!((entries.documents(), entries.reasons()), (1, 2));
    let encoded = encode_value::<LIMIT>(&entries).unwrap();
    assert!(encoded.len() < 16_000, "{}", encoded.len());
}
