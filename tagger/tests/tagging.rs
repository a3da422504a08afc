//! The shipped model: what it says, that it does not depend on history or threads, and the trainer
//! on small text.

use std::sync::Arc;

use gristmill_tagger::conllu::{ConlluError, parse, read_maybe_gzip};
use gristmill_tagger::train::{Inputs, Options, TrainError, train};
use gristmill_tagger::{MOST_TOKENS, Model, ModelError, Tag, Tagger, eval};

const VINKEN: &str =
    "Pierre Vinken , 61 years old , will join the board as a nonexecutive director Nov. 29 .";

fn names(model: &Model, tags: &[Tag]) -> String {
    tags.iter()
        .map(|tag| model.xpos_tags()[usize::from(tag.xpos)].as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_treebanks_first_sentence_is_right() {
    let expected = "NNP NNP , CD NNS JJ , MD VB DT NN IN DT JJ NN NNP CD .";
    let mut tagger = Tagger::new(Model::embedded());
    let model = Arc::clone(tagger.model());
    let mut tags = Vec::new();
    tagger.tag_into(&VINKEN.split(' ').collect::<Vec<_>>(), &mut tags);
    assert_eq!(names(&model, &tags), expected);
    let raw =
        "Pierre Vinken, 61 years old, will join the board as a nonexecutive director Nov. 29.";
    let mut sentences = Vec::new();
    tagger.tag_text(raw, |tagged| sentences.push(names(&model, tagged.tags)));
    assert_eq!(sentences, [expected]);
    let universal: Vec<&str> = tags
        .iter()
        .map(|tag| model.upos_tags()[usize::from(tag.upos)].as_str())
        .collect();
    assert_eq!(
        universal.join(" "),
        "PROPN PROPN PUNCT NUM NOUN ADJ PUNCT AUX VERB DET NOUN ADP DET ADJ NOUN PROPN NUM PUNCT"
    );
}

#[test]
fn the_model_says_where_it_comes_from() {
    let model = Model::embedded();
    assert!(model.notice().contains("CC BY-SA 4.0") || model.notice().contains("ShareAlike"));
    assert!(model.sources().contains("EWT"));
    assert_eq!(model.xpos_tags().len(), 49);
    assert_eq!(model.upos_tags().len(), 17);
    assert_ne!(model.hash(), 0);
}

/// Sentences of all kinds, many of whose words fall into the same cache sets.
fn sentences() -> Vec<Vec<String>> {
    let word = |n: usize| match n % 7 {
        0 => format!("word{}", n % 5000),
        1 => "the".to_owned(),
        2 => format!("Name{}", n % 900),
        3 => format!("{}ing", "ab".repeat(n % 30)),
        4 => String::new(),
        5 => "\u{1f600}".to_owned(),
        _ => format!("{n}"),
    };
    (0..400)
        .map(|s| (0..(s * 7) % 60).map(|n| word(s * 31 + n * 13)).collect())
        .collect()
}

fn tag_all(tagger: &mut Tagger, sentences: &[Vec<String>]) -> Vec<Vec<Tag>> {
    let mut tags = Vec::new();
    let mut one = |sentence: &Vec<String>| {
        tagger.tag_into(sentence, &mut tags);
        tags.clone()
    };
    sentences.iter().map(&mut one).collect()
}

#[test]
fn tagging_is_thread_safe_and_has_no_memory() {
    let model = Model::embedded();
    let sentences = sentences();
    let alone = tag_all(&mut Tagger::new(Arc::clone(&model)), &sentences);
    for (sentence, tags) in sentences.iter().zip(&alone) {
        assert_eq!(sentence.len(), tags.len());
    }
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (model, sentences, alone) = (&model, &sentences, &alone);
            scope.spawn(move || {
                let mut tagger = Tagger::new(Arc::clone(model));
                for (sentence, expected) in sentences
                    .iter()
                    .zip(alone)
                    .skip(thread * 97)
                    .chain(sentences.iter().zip(alone))
                {
                    let mut tags = Vec::new();
                    tagger.tag_into(sentence, &mut tags);
                    assert_eq!(&tags, expected);
                }
            });
        }
    });
}

#[test]
fn long_and_odd_sentences_get_a_tag_per_token() {
    let mut tagger = Tagger::new(Model::embedded());
    let mut tags = vec![Tag::default()];
    tagger.tag_into::<&str>(&[], &mut tags);
    assert!(tags.is_empty());
    let long = "x".repeat(1 << 20);
    for count in [
        1,
        2,
        3,
        4,
        MOST_TOKENS - 1,
        MOST_TOKENS,
        MOST_TOKENS + 1,
        5 * MOST_TOKENS,
    ] {
        let mut tokens = vec!["word"; count];
        tokens[count / 2] = &long;
        tagger.tag_into(&tokens, &mut tags);
        assert_eq!(tags.len(), count);
    }
}

const TREE: &str = "# newdoc id = a\n1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n1\tDo\tdo\tAUX\tVB\t_\t0\t_\t_\t_\n2\tn't\tnot\tPART\tRB\t_\t0\t_\t_\t_\n2.1\tx\tx\tX\tX\t_\t_\t_\t_\t_\n3\t!\t!\tPUNCT\t.\t_\t0\t_\t_\t_\n\n1\tdogs\tdog\tNOUN\tNNS\t_\t0\t_\t_\t_\n2\trun\trun\tVERB\tVBP\t_\t0\t_\t_\t_\n3\t.\t.\tPUNCT\t.\t_\t0\t_\t_\tSpaceAfter=No\n";

#[test]
fn conllu_is_read_and_refused_by_line() {
    let sentences = parse(TREE.as_bytes()).expect("well-formed");
    assert_eq!(
        sentences.iter().map(|s| s.words.len()).collect::<Vec<_>>(),
        [3, 3]
    );
    assert_eq!(eval::text_of(&sentences).trim_end(), "Don't! dogs run .");
    assert!(sentences[0].new_paragraph && !sentences[1].new_paragraph);
    for (bad, line) in [
        ("1\tx\n", 1),
        ("# c\n2\ta\ta\tX\tX\t_\t0\t_\t_\t_\n", 2),
        ("x\ta\ta\tX\tX\t_\t0\t_\t_\t_\n", 1),
    ] {
        assert!(
            matches!(parse(bad.as_bytes()), Err(ConlluError::Syntax { line: found, .. }) if found == line),
            "{bad}"
        );
    }
    assert!(read_maybe_gzip(&[0x1f, 0x8b, 8, 0, 1][..], 100).is_err());
    assert!(read_maybe_gzip(&[b'x'; 101][..], 100).is_err());
    assert_eq!(read_maybe_gzip(&b"x"[..], 100).expect("plain"), b"x");
}

#[test]
fn training_is_deterministic_and_learns() {
    let gold = parse(format!("{TREE}\n").repeat(20).as_bytes()).expect("well-formed");
    let options = Options {
        epochs: 3,
        folds: 5,
        min_all: 2,
        ..Options::default()
    };
    let silver = ("dogs bark .\nDo run !\n", "NNS VBP .\nVB VB .\n");
    let inputs = Inputs {
        gold: &gold,
        silver: Some(silver),
        clusters: "dogs\t12\nrun\t7\nnone\t0\n",
        notice: "n",
        ..Inputs::default()
    };
    let one = train(&options, &inputs, &mut |_| {}).expect("trains");
    let two = train(
        &options,
        &Inputs {
            dev: &gold,
            ..inputs.clone()
        },
        &mut |_| {},
    )
    .expect("trains");
    assert_eq!(
        one, two,
        "the same seed gives the same bytes, whatever is reported on"
    );
    let other = train(
        &Options {
            seed: 2,
            ..options.clone()
        },
        &inputs,
        &mut |_| {},
    )
    .expect("trains");
    assert_ne!(one, other);
    let model = Arc::new(Model::load(one.as_slice()).expect("loads"));
    assert_eq!(model.notice(), "n");
    let report = eval::tokenized(&model, &gold);
    assert_eq!(
        (report.xpos.percent(), report.upos.percent()),
        (100.0, 100.0)
    );
    assert!(report.confusions.is_empty());
    assert!(matches!(
        train(&options, &Inputs::default(), &mut |_| {}),
        Err(TrainError::Empty)
    ));
    let uneven = Inputs {
        silver: Some(("a b\n", "NN\n")),
        ..inputs
    };
    assert!(matches!(
        train(&options, &uneven, &mut |_| {}),
        Err(TrainError::Silver(1))
    ));
}

#[test]
fn a_model_keeps_to_the_size_asked_for() {
    let gold = parse(format!("{TREE}\n").repeat(20).as_bytes()).expect("well-formed");
    let inputs = Inputs {
        gold: &gold,
        silver: Some(("dogs bark .\n", "NNS|80|VB|15 VBP .\n")),
        ..Inputs::default()
    };
    let sized = |size| {
        let options = Options {
            min_all: 2,
            size,
            ..Options::default()
        };
        train(&options, &inputs, &mut |_| {})
    };
    let whole = sized(usize::MAX).expect("trains").len();
    let wanted = whole * 3 / 4;
    let small = sized(wanted).expect("fits");
    assert!(small.len() <= wanted && small.len() < whole);
    Model::load(small.as_slice()).expect("loads");
    assert!(matches!(sized(10), Err(TrainError::Size(_))));
}

#[test]
fn what_is_left_out_for_the_size_is_what_matters_least() {
    let gold = parse(include_bytes!("heldout/en.conllu")).expect("well-formed");
    let sized = |size| {
        let options = Options {
            english_rules: true,
            lemmas: false,
            size,
            ..Options::default()
        };
        let inputs = Inputs {
            gold: &gold,
            ..Inputs::default()
        };
        let bytes = train(&options, &inputs, &mut |_| {}).expect("trains");
        let model = Arc::new(Model::load(bytes.as_slice()).expect("loads"));
        (bytes.len(), eval::tokenized(&model, &gold).xpos.percent())
    };
    let (whole, right) = sized(usize::MAX);
    let wanted = whole * 9 / 10;
    let (size, still) = sized(wanted);
    assert!(
        size <= wanted && size > wanted * 98 / 100,
        "{size} of {whole}"
    );
    assert!(
        still >= right - 1.0,
        "{still} % of the tags instead of {right}"
    );
}

#[test]
fn foreign_model_files_are_refused() {
    assert!(matches!(
        Model::load(&b"#!/bin/sh"[..]),
        Err(ModelError::Foreign)
    ));
    assert!(matches!(
        Model::load(std::io::repeat(b'G')),
        Err(ModelError::TooLarge { .. })
    ));
}
