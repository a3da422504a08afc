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

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn options(model: &Scratch) -> Pos {
    Pos {
        tokenized: true,
        tagset: Tagset::Ewt,
        separator: "_".into(),
        model: Some(model.0.clone()),
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
    let name = format!("gristmill-pos-model-{}", std::process::id());
    let file = Scratch(std::env::temp_dir().join(name));
    std::fs::write(&file.0, bytes).expect("written");

    let mut options = options(&file);
    name_model(&mut options).expect("a model");
    assert!(options.model_hash != 0 && options.own_model);
    std::fs::write(&file.0, "something else").expect("written");
    Prepared::new(&spec(Kind::Pos(options.clone()))).expect("the model that planning loaded");

    let again = Prepared::new(&spec(Kind::Pos(options.clone())));
    let error = again.expect_err("the file holds no model").to_string();
    assert!(error.contains("not a Gristmill tagger model"), "{error}");
    assert!(name_model(&mut options).is_err());
}
