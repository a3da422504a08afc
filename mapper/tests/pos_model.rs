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
