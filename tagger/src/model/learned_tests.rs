//! The sections that a treebank's own splitter, lemmas and tags make, written, read and damaged.

use super::fine::{put_fine, read_fine};
use super::format::{VERSION, encode};
use super::learned::{put_lemmas, put_splitter, read_lemmas, read_splitter};
use super::parts::{ModelParts, SparseRows};
use super::rows::{Blocks, put_block};
use super::{Model, ModelError};
use crate::conllu::parse;
use crate::hash::Random;
use crate::tagger::Tagger;
use crate::train::{Inputs, Options, train};

/// What training makes of a treebank that has everything: tags of its own, more than one cache line
/// holds, tokens of several words, lemmas.
fn learned() -> (Vec<u8>, ModelParts) {
    let mut gold = parse(include_bytes!("../../tests/treebanks/fr.conllu")).expect("well-formed");
    for (number, word) in gold.iter_mut().flat_map(|s| &mut s.words).enumerate() {
        word.xpos = format!("{}-{}", word.upos, number % 40);
    }
    let inputs = Inputs {
        gold: &gold,
        ..Inputs::default()
    };
    let file = train(&Options::default(), &inputs, &mut |_| {}).expect("trains");
    let loaded = super::format::decode::<SparseRows, SparseRows>(&file).expect("decodes");
    let parts = ModelParts {
        main_rows: loaded.main,
        upos_rows: loaded.upos,
        ..loaded.parts
    };
    (file, parts)
}

#[test]
fn what_is_learnt_is_written_and_read() {
    let (file, parts) = learned();
    assert_eq!(file[8..12], VERSION.to_le_bytes());
    assert_eq!(encode(&parts).expect("encodes"), file);
    let fine = parts.fine.as_ref().expect("tags of its own");
    assert!(fine.tags.len() > 56, "{} tags", fine.tags.len());
    assert!(parts.splitter.is_some() && parts.lemmas.is_some());
    for cut in (8..file.len()).step_by(97) {
        let error = Model::from_bytes(&file[..cut]).expect_err("cut off");
        assert!(matches!(error, ModelError::Truncated), "{error}");
    }
}

fn blocks(section: &[u8]) -> Vec<Vec<u8>> {
    let mut blocks = Blocks::new(section).expect("memory");
    std::iter::from_fn(|| {
        blocks
            .next()
            .expect("a block")
            .map(|block| block.0.to_vec())
    })
    .collect()
}

/// Changes, removes or adds a few bytes.
fn mutate(blocks: &mut [Vec<u8>], random: &mut Random) {
    let which = random.below(blocks.len());
    let block = &mut blocks[which];
    for _ in 0..=random.below(3) {
        if block.is_empty() {
            return;
        }
        let at = random.below(block.len());
        match random.below(4) {
            0 => block[at] = random.next() as u8,
            1 => block[at] = 0xff,
            2 => drop(block.remove(at)),
            _ => block.insert(at, random.next() as u8),
        }
    }
}

#[test]
fn mutated_sections_are_refused_or_harmless() {
    let (_, parts) = learned();
    let mut sections = [Vec::new(), Vec::new(), Vec::new()];
    let [fine, splitter, lemmas] = &mut sections;
    put_fine(fine, parts.fine.as_ref().expect("some")).expect("memory");
    put_splitter(splitter, parts.splitter.as_ref().expect("some")).expect("memory");
    put_lemmas(lemmas, parts.lemmas.as_ref().expect("some")).expect("memory");
    let raw = sections.map(|section| blocks(&section));
    let mut random = Random::new(3);
    let mut seen = [[0; 2]; 3];
    for round in 0..1500 {
        let which = round % 3;
        let mut blocks = raw[which].clone();
        mutate(&mut blocks, &mut random);
        let mut section = Vec::new();
        for block in &blocks {
            put_block(&mut section, block).expect("memory");
        }
        let mut other = parts.clone();
        let read = match which {
            0 => read_fine(&section, parts.main.len()).map(|fine| other.fine = Some(fine)),
            1 => read_splitter(&section).map(|splitter| other.splitter = Some(splitter)),
            _ => read_lemmas(&section).map(|lemmas| other.lemmas = Some(lemmas)),
        };
        seen[which][usize::from(read.is_ok())] += 1;
        if read.is_ok() && seen[which][1] < 40 {
            use_it(other);
        }
    }
    for counts in seen {
        assert!(counts.iter().all(|count| *count > 10), "{seen:?}");
    }
}

fn use_it(parts: ModelParts) {
    let mut tagger = Tagger::new(Model::from_parts(parts, 0).into());
    let text = "Nous parlons aux enfants du voisin.\n\nDU PAIN DES AMIS. \u{130}a 10 000";
    let (mut words, mut end) = (0, 0);
    for sentence in tagger.analyse(text) {
        for word in &sentence.words {
            words += 1;
            assert!(!word.form.is_empty() && word.lemma.as_ref().is_some_and(|l| !l.is_empty()));
            end = word.token.end;
        }
    }
    assert!(words > 4 && end == text.len(), "{words} words, {end}");
}
