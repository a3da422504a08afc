//! Chunks concatenate to the input, hold whole records, and are the same however the bytes come.

use gristmill_common::chunk::{ChunkHead, MAX_SAMPLE};
use gristmill_common::spec::{JobSpec, Kind, Records, Wc};
use gristmill_common::wire;
use proptest::prelude::*;

use super::*;
use crate::error::Halt;
use crate::stream::{Damage, Pull};
use crate::testing::spec;

/// Keeps the chunks, each checked to fit a message.
#[derive(Default)]
pub(super) struct Kept(pub(super) Vec<(ChunkHead, Vec<u8>)>);

impl ChunkSink for Kept {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        assert!(!head.pieces.is_empty() || !head.faults.is_empty());
        wire::encode_chunk(&head, body.clone(), wire::BodyForm::Raw).expect("fits a message");
        self.0.push((head, body));
        Ok(())
    }
}

/// Gives its bytes a few at a time, then ends or breaks.
struct Trickle<'a> {
    bytes: &'a [u8],
    step: usize,
    end: Option<Damage>,
}

impl Pull for Trickle<'_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        let take = self.step.min(max).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(take);
        out.extend_from_slice(now);
        self.bytes = later;
        match self.end.take_if(|_| take == 0) {
            Some(damage) => Err(damage),
            None => Ok(take),
        }
    }
}

pub(super) fn cut(
    spec: &JobSpec,
    size: usize,
    step: usize,
    docs: &[(&[u8], Option<Damage>)],
) -> Kept {
    let rules = Rules::new(spec, size).unwrap();
    let mut kept = Kept::default();
    let mut cutter = Cutter::new(&rules, 0, &mut kept);
    for (number, (bytes, end)) in docs.iter().enumerate() {
        let name = format!("doc {number}");
        let place = Place {
            source: number as u32,
            source_name: name.as_bytes(),
            document: name.as_bytes(),
        };
        let mut input = Trickle {
            bytes,
            step,
            end: end.clone(),
        };
        cutter
            .document(place, Stretch::default(), &mut input)
            .unwrap();
    }
    cutter.finish().unwrap();
    kept
}

/// What must not depend on the chunk size: each document's records with offsets and numbers, and
/// the faults.
#[derive(Debug, Default, PartialEq)]
struct Meaning {
    records: Vec<(u32, u64, u64, Vec<u8>)>,
    faults: Vec<(u32, u64, String, Vec<u8>)>,
    documents: Vec<(u32, u64)>,
}

fn meaning(rules: &Rules, kept: &Kept) -> Meaning {
    let mut meaning = Meaning::default();
    for (head, body) in &kept.0 {
        for (piece, bytes) in head.with_bytes(body) {
            let mut offset = piece.offset;
            let mut number = piece.record;
            for record in rules.splitter.split(bytes) {
                meaning
                    .records
                    .push((piece.source, number, offset, record.to_vec()));
                offset += record.len() as u64;
                number += 1;
            }
            let empty = rules.whole_documents() && piece.len == 0;
            assert_eq!(
                number - piece.record + u64::from(empty),
                u64::from(piece.records)
            );
            let seen = meaning.documents.iter().any(|(s, _)| *s == piece.source);
            assert_eq!(piece.first, !seen);
            if piece.first {
                assert_eq!(piece.offset, 0);
                meaning.documents.push((piece.source, u64::MAX));
            }
            if piece.last {
                let open = meaning.documents.last_mut().unwrap();
                assert_eq!(*open, (piece.source, u64::MAX));
                open.1 = piece.offset + u64::from(piece.len);
            }
        }
        for fault in &head.faults {
            assert!(fault.sample.len() <= MAX_SAMPLE);
            meaning.faults.push((
                fault.source,
                fault.offset,
                fault.reason.clone(),
                fault.sample.clone(),
            ));
        }
    }
    meaning.faults.sort();
    meaning
}

fn modes() -> Vec<Records> {
    vec![
        Records::Lines,
        Records::Paragraphs,
        Records::Document,
        Records::Start("^[aé]".into()),
        Records::Separated(b','),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        3 => Just('\n'), 1 => Just('\r'), 2 => Just(' '), 2 => Just('a'), 2 => Just('é'),
        2 => Just('x'), 1 => Just('"'), 1 => Just(','), 1 => Just('\0'), 1 => Just('𝄞')
    ];
    prop::collection::vec(letter, 0..400).prop_map(String::from_iter)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// I1, I2: whole records in order, whatever the chunk size and however the bytes come.
    #[test]
    fn chunks_concatenate_to_the_input(docs in prop::collection::vec(texts(), 1..4),
                                       size in 64usize..300, step in 1usize..80) {
        for records in modes() {
            let spec = JobSpec { records, ..spec() };
            let rules = Rules::new(&spec, 1).unwrap();
            let docs: Vec<(&[u8], Option<Damage>)> =
                docs.iter().map(|doc| (doc.as_bytes(), None)).collect();
            let kept = cut(&spec, size, step, &docs);
            let all: Vec<u8> = kept.0.iter().flat_map(|(_, body)| body.clone()).collect();
            prop_assert_eq!(&all, &docs.iter().flat_map(|(doc, _)| doc.to_vec()).collect::<Vec<u8>>());
            for (head, body) in &kept.0 {
                for (_, bytes) in head.with_bytes(body) {
                    prop_assert!(std::str::from_utf8(bytes).is_ok());
                }
            }
            let meant = meaning(&rules, &kept);
            let mut expected = Vec::new();
            for (number, (doc, _)) in docs.iter().enumerate() {
                let mut offset = 0;
                for (at, record) in rules.splitter.split(doc).enumerate() {
                    expected.push((number as u32, at as u64, offset, record.to_vec()));
                    offset += record.len() as u64;
                }
            }
            prop_assert_eq!(meant.records, expected);
            let lengths: Vec<(u32, u64)> =
                docs.iter().enumerate().map(|(n, (doc, _))| (n as u32, doc.len() as u64)).collect();
            prop_assert_eq!(meant.documents, lengths);
            prop_assert_eq!(cut(&spec, size, 7, &docs).0, kept.0);
        }
    }

    /// Oversized records and damage: every byte is in a record or under a fault, and neither chunk
    /// size nor arrival shows.
    #[test]
    fn oversized_and_damaged_stretches_do_not_depend_on_chunks(
        docs in prop::collection::vec((texts(), 0u8..3), 1..4),
        max in 1u64..120, size in 64usize..300, step in 1usize..80,
    ) {
        for records in modes() {
            let spec = JobSpec { records, max_record: max, ..spec() };
            let rules = Rules::new(&spec, 1).unwrap();
            let docs: Vec<(&[u8], Option<Damage>)> = docs.iter().map(|(doc, end)| {
                let damage = match end {
                    0 => None,
                    1 => Some(Damage::corrupt("cut")),
                    _ => Some(Damage::corrupt("garbage").after_end(b"xyz")),
                };
                (doc.as_bytes(), damage)
            }).collect();
            let meant = meaning(&rules, &cut(&spec, size, step, &docs));
            let other = meaning(&rules, &cut(&spec, 1 << 20, 1 << 20, &docs));
            prop_assert_eq!(&meant, &other);
            for (number, (doc, end)) in docs.iter().enumerate() {
                let number = number as u32;
                let mut at = 0;
                let mut stretches: Vec<(u64, Option<u64>)> = meant.records.iter()
                    .filter(|record| record.0 == number)
                    .inspect(|record| assert_eq!(&doc[record.2 as usize..][..record.3.len()], record.3))
                    .map(|record| (record.2, Some(record.3.len() as u64))).collect();
                stretches.extend(meant.faults.iter().filter(|fault| fault.0 == number)
                    .map(|fault| (fault.1, fault.2.strip_prefix("a record of ").and_then(|rest|
                        rest.split(' ').next().and_then(|len| len.parse().ok())))));
                stretches.sort_by_key(|(offset, len)| (*offset, len.is_none()));
                for (offset, len) in stretches {
                    prop_assert_eq!(offset, at);
                    at = len.map_or(doc.len() as u64, |len| at + len);
                    prop_assert!(len.is_none_or(|len| len > 0));
                }
                prop_assert_eq!(at, doc.len() as u64);
                prop_assert!(end.is_none() || meant.faults.iter().any(|fault| fault.0 == number));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// `wc` has no limit: a record over it goes in pieces that end where characters do, is counted
    /// with the first, and each of the others says what is before it.
    #[test]
    fn records_over_the_limit_go_in_pieces_where_they_may(
        docs in prop::collection::vec(texts(), 1..4),
        max in 1u64..120, size in 64usize..300, step in 1usize..80,
    ) {
        for records in [Records::Lines, Records::Document] {
            let kind = Kind::Wc(Wc {});
            let spec = JobSpec { kind, records, max_record: max, ..spec() };
            let rules = Rules::new(&spec, 1).unwrap();
            let whole: Vec<(&[u8], Option<Damage>)> =
                docs.iter().map(|doc| (doc.as_bytes(), None)).collect();
            let kept = cut(&spec, size, step, &whole);
            prop_assert_eq!(&cut(&spec, size, 7, &whole).0, &kept.0);
            let mut seen = vec![(Vec::new(), 0); docs.len()];
            for (head, body) in &kept.0 {
                prop_assert!(head.faults.is_empty());
                for (piece, bytes) in head.with_bytes(body) {
                    prop_assert!(std::str::from_utf8(bytes).is_ok());
                    let (text, counted) = &mut seen[piece.source as usize];
                    if let Some(space) = piece.inside {
                        let before: &u8 = text.last().unwrap();
                        prop_assert_eq!(space, b" \t\n\x0B\x0C\r".contains(before));
                    }
                    prop_assert_eq!((piece.offset, piece.record), (text.len() as u64, *counted));
                    text.extend_from_slice(bytes);
                    *counted += u64::from(piece.records);
                }
            }
            for ((text, counted), doc) in seen.iter().zip(&docs) {
                prop_assert_eq!(text, doc.as_bytes());
                let records = rules.splitter.count(doc.as_bytes());
                prop_assert_eq!(*counted, records.max(u64::from(rules.whole_documents())));
            }
        }
    }
}

/// Flat memory: a record without end is dropped as it is read.
#[test]
fn an_endless_record_is_one_fault() {
    struct Zeros(u64);
    impl Pull for Zeros {
        fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
            let take = max.min(self.0 as usize);
            out.resize(out.len() + take, 0);
            assert!(out.len() < 16 << 20, "held {} bytes", out.len());
            self.0 -= take as u64;
            Ok(take)
        }
    }
    for records in modes() {
        let spec = JobSpec { records, ..spec() };
        let rules = Rules::new(&spec, 1 << 20).unwrap();
        let mut kept = Kept::default();
        let mut cutter = Cutter::new(&rules, 0, &mut kept);
        let place = Place {
            source: 0,
            source_name: b"zeros",
            document: b"zeros",
        };
        cutter
            .document(place, Stretch::default(), &mut Zeros(64 << 20))
            .unwrap();
        let account = cutter.finish().unwrap();
        assert_eq!(account.records[&0], 1);
        let fault = &kept.0[0].0.faults[0];
        assert_eq!((fault.offset, fault.sample.len()), (0, MAX_SAMPLE));
        assert!(fault.reason.contains("67108864 bytes"), "{}", fault.reason);
    }
}
