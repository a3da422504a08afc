//! The loader against damaged and hostile files, with checksums made good so that the inner checks
//! are reached.

use xxhash_rust::xxh3::xxh3_64;

use super::bytes::Bytes;
use super::format::{TAGS_ONLY, encode};
use super::parts::{ModelParts, SparseRows};
use super::rows::{Blocks, MAX_RAW, MAX_ROWS, put_block};
use super::{Model, ModelError};
use crate::hash::Random;
use crate::lexicon::Entry;
use crate::tagger::Tagger;

fn small() -> ModelParts {
    let rows = |tags: u64| SparseRows {
        keys: (0..50).map(|n| (n * 80_000_001 + 1) | 1).collect(),
        masks: (0..50).map(|n| 1 + n % ((1 << tags) - 1)).collect(),
        weights: (0..50_u64)
            .flat_map(|n| {
                vec![(n as i8 - 25) as u8; (1 + n % ((1 << tags) - 1)).count_ones() as usize]
            })
            .collect(),
    };
    ModelParts {
        main: ["DT", "NN", "VB"].map(str::to_owned).into(),
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
        main_rows: rows(3),
        upos_rows: rows(2),
        ..ModelParts::default()
    }
}

/// The raw blocks of a file's three sections, one each, and the rows that its header promises.
#[derive(Clone)]
struct Raw {
    blocks: [Vec<u8>; 3],
    rows: [u32; 2],
}

impl Raw {
    fn of(file: &[u8]) -> Self {
        let mut bytes = Bytes(&file[24..]);
        let mut number = || bytes.u32().expect("a header") as usize;
        let words = number();
        let sizes = [(); 2].map(|()| (number(), number(), number()));
        let mut block = |length: usize| {
            let section = bytes.take(length).expect("a section");
            let mut blocks = Blocks::new(section).expect("memory");
            let raw = blocks.next().expect("a block").expect("a block");
            raw.0.to_vec()
        };
        Self {
            blocks: [block(words), block(sizes[0].2), block(sizes[1].2)],
            rows: sizes.map(|size| size.1 as u32),
        }
    }

    /// A file of these blocks with all lengths and the checksum good.
    fn file(&self) -> Vec<u8> {
        let sections = self.blocks.each_ref().map(|raw| {
            let mut out = Vec::new();
            put_block(&mut out, raw).expect("memory");
            out
        });
        let mut body = Vec::from((sections[0].len() as u32).to_le_bytes());
        for (at, tags) in [(0, 3_u32), (1, 2)] {
            body.extend(tags.to_le_bytes());
            body.extend(self.rows[at].to_le_bytes());
            body.extend((sections[at + 1].len() as u32).to_le_bytes());
        }
        body.extend(sections.concat());
        wrap(&body)
    }
}

/// A file with a good checksum around a body.
fn wrap(body: &[u8]) -> Vec<u8> {
    let mut file = b"GRISTPOS".to_vec();
    file.extend(TAGS_ONLY.to_le_bytes());
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(xxh3_64(body).to_le_bytes());
    file.extend(body);
    file
}

fn decode(file: &[u8]) -> Result<ModelParts, ModelError> {
    let loaded = super::format::decode::<SparseRows, SparseRows>(file)?;
    Ok(ModelParts {
        main_rows: loaded.main,
        upos_rows: loaded.upos,
        ..loaded.parts
    })
}

#[test]
fn what_is_written_is_read() {
    let mut parts = small();
    assert_eq!(
        decode(&encode(&parts).expect("encodes")).expect("decodes"),
        parts
    );
    // More rows than fit one block.
    let keys = 0..100_000;
    parts.main_rows = SparseRows {
        keys: keys.clone().map(|n| (n * 40_001) | 1).collect(),
        masks: keys.clone().map(|n| u64::from(n % 7 + 1)).collect(),
        weights: keys
            .flat_map(|n| vec![n as u8; (n % 7 + 1).count_ones() as usize])
            .collect(),
    };
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
    for at in [16, 24, file.len() / 2, file.len() - 1] {
        let mut flipped = file.clone();
        flipped[at] ^= 0x10;
        assert!(matches!(decode(&flipped), Err(ModelError::Checksum)));
    }
    for length in 8..file.len() {
        assert!(
            matches!(decode(&file[..length]), Err(ModelError::Truncated)),
            "cut to {length}"
        );
    }
    assert!(matches!(decode(&wrap(b"")), Err(ModelError::Truncated)));
    assert!(matches!(
        decode(&[file.as_slice(), b"x"].concat()),
        Err(ModelError::Checksum)
    ));
}

#[test]
fn counts_that_do_not_fit_the_rows_are_refused() {
    let good = Raw::of(&encode(&small()).expect("encodes"));
    assert_eq!(decode(&good.file()).expect("decodes"), small());
    for rows in [0, 49, 51, MAX_ROWS as u32] {
        let mut other = good.clone();
        other.rows[0] = rows;
        assert!(
            matches!(decode(&other.file()), Err(ModelError::Malformed(_))),
            "{rows} rows"
        );
    }
    let mut endless = good.clone();
    endless.rows[1] = u32::MAX;
    assert!(matches!(
        decode(&endless.file()),
        Err(ModelError::TooLarge { .. })
    ));
}

#[test]
fn a_block_that_inflates_without_end_is_cut_off() {
    let good = Raw::of(&encode(&small()).expect("encodes"));
    let mut bomb = good.clone();
    bomb.blocks[1] = vec![0; MAX_RAW + 1];
    let file = bomb.file();
    assert!(file.len() < 100_000);
    assert!(matches!(decode(&file), Err(ModelError::Malformed(_))));
    // The same with a length that promises less.
    let mut file = good.file();
    let words = u32::from_le_bytes(file[24..28].try_into().expect("four bytes"));
    let xpos = 24 + 28 + words as usize;
    file[xpos] -= 1;
    let file = wrap(&file[24..]);
    assert!(matches!(decode(&file), Err(ModelError::Malformed(_))));
}

#[test]
fn mutated_bodies_are_refused_or_harmless() {
    let good = Raw::of(&encode(&small()).expect("encodes"));
    let mut random = Random::new(7);
    let (mut refused, mut loaded) = (0, 0);
    for round in 0..4000 {
        let mut raw = good.clone();
        let body = &mut raw.blocks[round % 3];
        for _ in 0..=random.below(4) {
            let at = random.below(body.len());
            match random.below(4) {
                0 => body[at] = random.next() as u8,
                1 => body[at] = 0xff,
                2 => drop(body.remove(at)),
                _ => body.insert(at, random.next() as u8),
            }
        }
        match Model::from_bytes(&raw.file()) {
            Ok(model) => {
                loaded += 1;
                let mut tags = Vec::new();
                let mut tagger = Tagger::new(model.into());
                tagger.tag_into(&["the", "dog", "runs", ""], &mut tags);
                assert_eq!(tags.len(), 4);
                let model = tagger.model();
                assert!(
                    tags.iter()
                        .all(|t| usize::from(t.xpos) < model.xpos_tags().len()
                            && usize::from(t.upos) < model.upos_tags().len())
                );
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
