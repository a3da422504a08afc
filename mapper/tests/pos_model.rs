//! `pos --model FILE`: the file is read once for planning and tagging, and a wrong one is refused.

mod support;

use std::path::PathBuf;

use gristmill_common::spec::{Kind, Pos, Tagset};
use gristmill_mapper::{Prepared, name_model};
use gristmill_tagger::conllu::parse;
use gristmill_tagger::train::{Inputs, Options, train};
use support::spec;

/// A file of this test process, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let name = format!("gristmill-pos-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).expect("written");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn options() -> Pos {
    Pos {
        tokenized: true,
        lemmas: false,
        tagset: Tagset::Ewt,
        separator: "_".into(),
        model_hash: 0,
        own_model: false,
    }
}

#[test]
fn one_load_serves_planning_and_tagging() {
    let gold = "1\tdogs\t_\tNOUN\tNNS\t_\t0\t_\t_\t_\n2\tbark\t_\tVERB\tVBP\t_\t0\t_\t_\t_\n\n";
    let gold = parse(gold.repeat(9).as_bytes()).expect("well-formed");
    let inputs = Inputs {
        gold: &gold,
        ..Inputs::default()
    };
    let bytes = train(&Options::default(), &inputs, &mut |_| {}).expect("trains");
    let file = Scratch::new("model", &bytes);

    let mut options = options();
    let model = name_model(&mut options, Some(&file.0)).expect("a model");
    assert!(options.model_hash != 0 && options.own_model);
    std::fs::write(&file.0, "something else").expect("written");
    let spec = spec(Kind::Pos(options.clone()));
    let files = model.into_iter().collect();
    Prepared::with_files(&spec, files).expect("the model that planning loaded");

    let error = Prepared::new(&spec).expect_err("the model is missing");
    assert!(error.to_string().contains("wants the model"), "{error}");
    let error = name_model(&mut options, Some(&file.0)).expect_err("the file holds no model");
    let error = error.to_string();
    assert!(error.contains("not a Gristmill tagger model"), "{error}");
}

/// Trains on a treebank of two words with these lemmas and no tags but the universal ones.
fn universal_model(lemmas: [&str; 2]) -> Vec<u8> {
    let row = |id: usize, form: &str, lemma: &str, upos: &str| {
        format!("{id}\t{form}\t{lemma}\t{upos}\t_\t_\t0\t_\t_\t_\n")
    };
    let rows = [
        row(1, "Hunde", lemmas[0], "NOUN"),
        row(2, "bellen", lemmas[1], "VERB"),
    ];
    let gold = parse(format!("{}\n", rows.concat()).repeat(9).as_bytes()).expect("well-formed");
    let inputs = Inputs {
        gold: &gold,
        ..Inputs::default()
    };
    train(&Options::default(), &inputs, &mut |_| {}).expect("trains")
}

#[test]
fn what_a_model_cannot_do_is_refused_by_name() {
    let bare = Scratch::new("bare", &universal_model(["_", "_"]));
    let mut lemmas = options();
    lemmas.lemmas = true;
    let error = name_model(&mut lemmas, Some(&bare.0)).expect_err("no lemmas");
    assert!(
        error.to_string().contains("the model knows none"),
        "{error}"
    );
    let mut penn = options();
    penn.tagset = Tagset::Penn;
    let error = name_model(&mut penn, Some(&bare.0)).expect_err("no Penn tags");
    assert!(error.to_string().contains("no Penn tags"), "{error}");

    let whole = Scratch::new("whole", &universal_model(["Hund", "bellen"]));
    let file = name_model(&mut lemmas, Some(&whole.0)).expect("a model");
    let spec = spec(Kind::Pos(lemmas));
    Prepared::with_files(&spec, file.into_iter().collect()).expect("a model with lemmas");
}

#[test]
fn lemmas_of_the_built_in_model_are_part_of_what_names_it() {
    let (mut plain, mut lemmas) = (options(), options());
    lemmas.lemmas = true;
    name_model(&mut plain, None).expect("the built-in model");
    name_model(&mut lemmas, None).expect("the built-in model");
    assert_ne!(plain.model_hash, lemmas.model_hash);
    Prepared::new(&spec(Kind::Pos(lemmas))).expect("the built-in model");
}

#[test]
fn the_built_in_model_by_its_path_is_no_file_of_the_job() {
    let mut plain = options();
    name_model(&mut plain, None).expect("the built-in model");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tagger/model/en_ewt.model");
    let mut named = options();
    let file = name_model(&mut named, Some(path.as_ref())).expect("a model");
    assert!(file.is_none());
    assert_eq!(named, plain);
}
