//! The loader against damaged and hostile files, with checksums made good so that the inner checks are reached.

use std::io::Write;

use xxhash_rust::xxh3::xxh3_64;

use super::format::{VERSION, decode, encode};
use super::parts::{ModelParts, SparseRows};
use super::{Model, ModelError};
use crate::hash::Random;
use crate::lexicon::Entry;
use crate::tagger::Tagger;

fn small() -> ModelParts {
    let rows = |tags: u64| SparseRows {
        keys: (0..50).map(|n| (n * 80_000_001 + 1) | 1).collect(),
        masks: (0..50).map(|n| 1 + n % ((1 << tags) - 1)).collect(),
        weights: (0..50_u64)
            .flat_map(|n| vec![n as i8 - 25; (1 + n % ((1 << tags) - 1)).count_ones() as usize])
            .collect(),
    };
    ModelParts {
        xpos: ["DT", "NN", "VB"].map(str::to_owned).into(),
        upos: ["DET", "NOUN"].map(str::to_owned).into(),
        sources: "a test".into(),
        notice: "no licence".into(),
        allowed: vec![1, 2, 3],
        clusters: vec![5, 9],
        classes: vec![3 | 1 << 56],
        lexicon: (1..40)
            .map(|n| {
                (
                    n * 1000,
                    Entry {
                        cluster: (n % 3) as u16,
                        class: (n % 2) as u16,
                    },
                )
            })
            .collect(),
        xpos_rows: rows(3),
        upos_rows: rows(2),
    }
}

/// A file with a good checksum around a body.
fn wrap(body: &[u8], claimed: u32) -> Vec<u8> {
    let mut deflater = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    deflater.write_all(body).expect("memory");
    let stored = deflater.finish().expect("memory");
    let mut file = b"GRISTPOS".to_vec();
    file.extend(VERSION.to_le_bytes());
    file.extend(claimed.to_le_bytes());
    file.extend(xxh3_64(&stored).to_le_bytes());
    file.extend(stored);
    file
}

fn body_of(file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&file[24..]), &mut body)
        .expect("well-formed");
    body
}

#[test]
fn what_is_written_is_read() {
    let parts = small();
    assert_eq!(
        decode(&encode(&parts).expect("encodes")).expect("decodes"),
        parts
    );
}

#[test]
fn every_damage_is_named() {
    let file = encode(&small()).expect("encodes");
    assert!(matches!(decode(b""), Err(ModelError::Foreign)));
    assert!(matches!(
        decode(b"PK\x03\x04 a zip file, say"),
        Err(ModelError::Foreign)
    ));
    let mut newer = file.clone();
    newer[8] = 99;
    assert!(matches!(
        decode(&newer),
        Err(ModelError::Version { found: 99, .. })
    ));
    let mut flipped = file.clone();
    let middle = file.len() / 2;
    flipped[middle] ^= 0x10;
    assert!(matches!(
        decode(&flipped),
        Err(ModelError::Checksum | ModelError::Truncated)
    ));
    for length in 8..file.len() {
        assert!(
            matches!(
                decode(&file[..length]),
                Err(ModelError::Truncated | ModelError::Checksum)
            ),
            "cut to {length}"
        );
    }
    assert!(matches!(
        decode(&file[..file.len() - 9]),
        Err(ModelError::Truncated)
    ));
    assert!(matches!(
        decode(&wrap(b"", u32::MAX)),
        Err(ModelError::TooLarge { .. })
    ));
    assert!(matches!(
        decode(&wrap(b"abc", 4)),
        Err(ModelError::Malformed(_))
    ));
}

#[test]
fn a_body_that_inflates_without_end_is_cut_off() {
    let bomb = wrap(&vec![0; 8 << 20], 100);
    assert!(bomb.len() < 100_000);
    assert!(matches!(decode(&bomb), Err(ModelError::Malformed(_))));
}

#[test]
fn mutated_bodies_are_refused_or_harmless() {
    let good = body_of(&encode(&small()).expect("encodes"));
    let mut random = Random::new(7);
    let (mut refused, mut loaded) = (0, 0);
    for _ in 0..4000 {
        let mut body = good.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(body.len());
            match random.below(4) {
                0 => body[at] = random.next() as u8,
                1 => body[at] = 0xff,
                2 => drop(body.remove(at)),
                _ => body.insert(at, random.next() as u8),
            }
        }
        match Model::from_bytes(&wrap(&body, body.len() as u32)) {
            Ok(model) => {
                loaded += 1;
                let mut tags = Vec::new();
                let mut tagger = Tagger::new(model.into());
                tagger.tag(&["the", "dog", "runs", ""], &mut tags);
                assert_eq!(tags.len(), 4);
                let model = tagger.model();
                assert!(tags.iter().all(|t| usize::from(t.xpos) < model.xpos.len()
                    && usize::from(t.upos) < model.upos.len()));
            }
            Err(_) => refused += 1,
        }
        if loaded > 60 {
            break;
        }
    }
    assert!(
        refused > 20 && loaded > 20,
        "{refused} refused, {loaded} loaded"
    );
}
