//! Models of other languages, from small treebanks made by hand: splitting, words, tags, lemmas.

use std::sync::Arc;

use gristmill_tagger::conllu::{Form, Sentence, parse, push_sentence};
use gristmill_tagger::train::{Inputs, Options, TrainError, lemmas, train};
use gristmill_tagger::{Model, Tagger, eval};

const FRENCH: &str = include_str!("treebanks/fr.conllu");
const GERMAN: &str = include_str!("treebanks/de.conllu");
const CHINESE: &str = include_str!("treebanks/zh.conllu");

fn treebank(text: &str) -> Vec<Sentence> {
    parse(text.as_bytes()).expect("well-formed")
}

fn trained(gold: &[Sentence], options: &Options) -> Result<Arc<Model>, TrainError> {
    let inputs = Inputs {
        gold,
        ..Inputs::default()
    };
    let bytes = train(options, &inputs, &mut |_| {})?;
    Ok(Arc::new(Model::load(bytes.as_slice()).expect("loads")))
}

fn tagger(text: &str) -> Tagger {
    Tagger::new(trained(&treebank(text), &Options::default()).expect("trains"))
}

/// Sentences of `form/lemma` per word.
fn words(tagger: &mut Tagger, text: &str) -> Vec<String> {
    let sentences = tagger.analyse(text);
    let word = |word: &gristmill_tagger::Word<'_>| {
        format!("{}/{}", word.form, word.lemma.as_deref().unwrap_or("-"))
    };
    let line = |words: Vec<String>| words.join(" ");
    let sentences = sentences.iter();
    sentences
        .map(|s| line(s.words.iter().map(word).collect()))
        .collect()
}

#[test]
fn a_model_knows_the_text_that_it_learnt() {
    for (text, least) in [(FRENCH, 95.0), (GERMAN, 95.0), (CHINESE, 95.0)] {
        let gold = treebank(text);
        let model = trained(&gold, &Options::default()).expect("trains");
        assert!(!model.has_xpos() && model.has_lemmas() && !model.splits_by_rules());
        let raw = eval::raw_text(&model, &gold);
        for f1 in [raw.tokens, raw.words, raw.sentences, raw.upos, raw.lemmas] {
            assert!(f1.percent() >= least, "{raw:?}");
        }
    }
}

#[test]
fn french_contractions_are_words_where_they_should_be() {
    let mut tagger = tagger(FRENCH);
    assert_eq!(
        words(
            &mut tagger,
            "Le chat du professeur dort. Elle mange du pain!"
        ),
        [
            "Le/le chat/chat de/de le/le professeur/professeur dort/dormir ./.",
            "Elle/il mange/manger du/un pain/pain !/!",
        ]
    );
    assert_eq!(
        words(&mut tagger, "AUX ENFANTS du soir"),
        ["\u{c0}/\u{e0} LES/le ENFANTS/enfant de/de le/le soir/soir"],
    );
    // A number with a space is one word, in whatever white space it comes.
    let sentences = tagger.analyse("Le train co\u{fb}te 10\n000 euros.");
    let forms: Vec<&str> = sentences[0].words.iter().map(|w| w.form.as_ref()).collect();
    assert_eq!(forms, ["Le", "train", "co\u{fb}te", "10 000", "euros", "."]);
}

#[test]
fn what_is_written_has_a_range_for_a_token_of_several_words() {
    let mut tagger = tagger(GERMAN);
    let model = Arc::clone(tagger.model());
    let mut out = Vec::new();
    tagger.tag_text("Wir gehen zum See.", |tagged| {
        let forms: Vec<Form<'_>> = tagged.forms().collect();
        push_sentence(&mut out, &model, |_| {}, &forms, tagged.tags, &[]);
    });
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.contains("# text = Wir gehen zum See.\n"), "{text}");
    let short: Vec<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        short,
        [
            "1 Wir", "2 gehen", "3-4 zum", "3 zu", "4 dem", "5 See", "6 .", ""
        ]
    );
}

#[test]
fn text_without_spaces_is_split() {
    let mut tagger = tagger(CHINESE);
    let sentences = tagger.analyse("学生在北京看书。你喜欢学校吗？");
    let forms = |s: &gristmill_tagger::Sentence<'_>| -> Vec<String> {
        s.words.iter().map(|word| word.form.to_string()).collect()
    };
    assert_eq!(
        forms(&sentences[0]),
        ["学生", "在", "北京", "看", "书", "。"]
    );
    assert_eq!(forms(&sentences[1]), ["你", "喜欢", "学校", "吗", "？"]);
}

/// The German treebank with a tag of its own for each word's tag and number in `tags`.
fn with_xpos(tags: usize) -> Vec<Sentence> {
    let mut gold = treebank(&GERMAN.repeat(1 + tags / 100));
    let words = gold.iter_mut().flat_map(|sentence| &mut sentence.words);
    words
        .enumerate()
        .for_each(|(at, word)| word.xpos = format!("{}{}", word.upos, at % tags));
    gold
}

#[test]
fn a_treebank_may_have_two_thousand_tags_of_its_own() {
    let mut gold = treebank(&GERMAN.repeat(3));
    for word in gold.iter_mut().flat_map(|sentence| &mut sentence.words) {
        // As fine as can be: every form has a tag of its own.
        word.xpos = format!("{}:{}", word.upos, word.form);
    }
    let model = trained(&gold, &Options::default()).expect("trains");
    assert!(model.xpos_tags().len() > 56, "{}", model.xpos_tags().len());
    let report = eval::tokenized(&model, &gold);
    assert!(report.xpos.percent() > 95.0, "{:?}", report.xpos);
    assert!(report.upos.percent() > 98.0, "{:?}", report.upos);

    let many = with_xpos(2100);
    assert!(matches!(
        trained(&many, &Options::default()),
        Err(TrainError::TooManyTags(count)) if count > 2000
    ));
}

#[test]
fn the_version_of_a_file_says_what_it_holds() {
    let mut gold = treebank(GERMAN);
    for word in gold.iter_mut().flat_map(|sentence| &mut sentence.words) {
        word.xpos = format!("{}.", word.upos);
    }
    let bytes = |options: Options| {
        let inputs = Inputs {
            gold: &gold,
            ..Inputs::default()
        };
        train(&options, &inputs, &mut |_| {}).expect("trains")
    };
    let plain = bytes(Options {
        english_rules: true,
        lemmas: false,
        ..Options::default()
    });
    assert_eq!((plain[8], bytes(Options::default())[8]), (2, 3));
    let model = Model::load(plain.as_slice()).expect("loads");
    assert!(model.has_xpos() && !model.has_lemmas() && model.splits_by_rules());
}

#[test]
fn the_built_in_model_has_lemmas() {
    let mut tagger = Tagger::new(Model::embedded());
    assert_eq!(
        words(
            &mut tagger,
            "The dogs were barking. She went to London's parks."
        ),
        [
            "The/the dogs/dog were/be barking/bark ./.",
            "She/she went/go to/to London/London 's/'s parks/park ./.",
        ]
    );
    assert!(lemmas(&treebank(GERMAN)).is_ok());
    assert!(matches!(lemmas(&[]), Err(TrainError::NoLemmas)));
}

#[test]
fn hostile_text_is_split_in_linear_time_and_covered() {
    let mut tagger = tagger(FRENCH);
    let pieces = [
        "a", " ", ".", "du", "\n", "\n\n", "10 ", "'", "\u{301}", "\u{0}", "Aux ",
    ];
    let mut state = 7_u64;
    let mut roll = |sides: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    };
    for _ in 0..2_000 {
        let text: String = (0..roll(14)).map(|_| pieces[roll(pieces.len())]).collect();
        let mut end = 0;
        for sentence in tagger.analyse(&text) {
            for word in &sentence.words {
                let token = word.token;
                assert!(
                    token.continues || text[end..token.start].trim().is_empty(),
                    "{text:?}"
                );
                end = token.end.max(end);
            }
        }
        assert!(text[end..].trim().is_empty(), "{text:?}");
    }
    for piece in pieces {
        let text = piece.repeat((1 << 19) / piece.len());
        let mut count = 0;
        tagger.tag_text(&text, |tagged| count += tagged.words.len());
        assert!(count <= text.len());
    }
}

#[test]
fn a_treebank_that_makes_no_sense_is_refused_by_its_line() {
    let row = |id: &str| format!("{id}\ta\ta\tX\t_\t_\t0\t_\t_\t_\n");
    for (lines, line) in [
        (vec!["1-2", "1"], 3),
        (vec!["1-2", "1", "2-3", "2", "3"], 3),
        (vec!["1-200", "1"], 1),
        (vec!["2-1", "1"], 1),
    ] {
        let text: String = lines.iter().map(|id| row(id)).collect();
        let error = parse(format!("{text}\n").as_bytes())
            .expect_err("refused")
            .to_string();
        assert!(
            error.starts_with(&format!("line {line}:")),
            "{lines:?}: {error}"
        );
    }
    for columns in ["a\t\tX\t_", "a\ta\t\t_", "a\ta\tX\tb c"] {
        let error = parse(format!("1\t{columns}\t_\t0\t_\t_\t_\n").as_bytes());
        assert!(error.is_err(), "{columns:?}");
    }
}
