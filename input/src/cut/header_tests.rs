//! Every piece knows the header of its records, however the document is cut.

use gristmill_common::record::content;
use gristmill_common::spec::{GroupBy, JobSpec, Kind};
use proptest::prelude::*;

use super::rules::Rules;
use super::tests::cut;
use crate::testing::spec;

fn job(parse: &str, max_record: u64) -> JobSpec {
    let kind = Kind::GroupBy(GroupBy {
        parse: parse.into(),
        ..GroupBy::default()
    });
    JobSpec {
        records: kind.default_records(),
        kind,
        max_record,
        ..spec()
    }
}

fn lines() -> impl Strategy<Value = String> {
    let line = prop::sample::select(
        &[
            "a,b\n",
            "b,a\r\n",
            "1,2\n",
            "\n",
            "\"x\ny\",2\n",
            "#Fields: a b\n",
            "#Fields: b a\r\n",
            "#x\n",
            "1 2\n",
            "3\n",
            "\"",
            "#Fields: a rather long line of names\n",
            "a very long line of some kind\n",
        ][..],
    );
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.concat())
}

/// The records of a text that are neither empty nor too long, each with its offset and the header
/// in force.
fn expected(job: &JobSpec, text: &[u8]) -> Vec<(u64, Option<Vec<u8>>)> {
    let splitter = Rules::new(job, 1).unwrap().splitter;
    let by_fields = matches!(&job.kind, Kind::GroupBy(options) if options.parse.0 == "w3c");
    let (mut header, mut settled) = (None, false);
    let (mut all, mut at) = (Vec::new(), 0);
    for record in splitter.split(text) {
        let line = content(record);
        let names = match by_fields {
            true => line.starts_with(b"#Fields:"),
            false => !settled && !line.is_empty(),
        };
        let whole = record.len() as u64 <= job.max_record;
        if names {
            settled = true;
            header = whole.then(|| line.to_vec());
        }
        if whole && !line.is_empty() {
            all.push((at, header.clone()));
        }
        at += record.len() as u64;
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_piece_knows_its_header(
        docs in prop::collection::vec(lines(), 1..4), size in 64usize..200, step in 1usize..80,
        max in prop_oneof![Just(25u64), Just(1 << 20)],
    ) {
        for parse in ["csv", "w3c", "json"] {
            let job = job(parse, max);
            let splitter = Rules::new(&job, 1).unwrap().splitter;
            let whole: Vec<_> = docs.iter().map(|doc| (doc.as_bytes(), None)).collect();
            let kept = cut(&job, size, step, &whole);
            let mut found = vec![Vec::new(); docs.len()];
            for (head, body) in &kept.0 {
                for (piece, bytes) in head.with_bytes(body) {
                    let mut at = piece.offset;
                    for record in splitter.split(bytes) {
                        let header = piece.header.as_ref().map(|header| header.text.clone());
                        if !content(record).is_empty() {
                            found[piece.source as usize].push((at, header));
                        }
                        at += record.len() as u64;
                    }
                }
            }
            for (found, doc) in found.into_iter().zip(&docs) {
                let mut expected = expected(&job, doc.as_bytes());
                if parse == "json" {
                    expected.iter_mut().for_each(|(_, header)| *header = None);
                }
                prop_assert_eq!(found, expected, "{}", parse);
            }
        }
    }
}
