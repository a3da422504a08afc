//! `gristmill tagger train` with machine-tagged text.

use std::path::{Path, PathBuf};

use crate::gristmill::{Ended, run};

/// A folder with a small treebank.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let words = [
            ("dogs", "NOUN", "NNS"),
            ("dog", "NOUN", "NN"),
            ("bark", "VERB", "VBP"),
        ];
        let mut gold = String::new();
        for (form, upos, xpos) in words {
            gold.push_str(&format!("1\t{form}\t_\t{upos}\t{xpos}\t_\t0\t_\t_\t_\n\n"));
        }
        scene.file("gold.conllu", &gold.repeat(9));
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    /// Trains with these options, where a word with a dot is a file of the folder.
    fn train(&self, options: &str, model: &str) -> Ended {
        let own = |word: &str| match word.split_once('.') {
            Some((_, "tok" | "tag")) => self.path(word),
            _ => Path::new(word).to_owned(),
        };
        let mut words: Vec<PathBuf> = ["tagger", "train", "--no-lemmas", "--train"]
            .map(PathBuf::from)
            .to_vec();
        words.push(self.path("gold.conllu"));
        words.extend(options.split(' ').map(own));
        words.extend(["-o".into(), self.path(model)]);
        run(words)
    }

    fn model(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("a model")
    }
}

#[test]
fn several_machine_tagged_files_are_read_as_one() {
    let scene = Scene::new();
    // The first file's last line has no end.
    let texts = [
        ("a", "cats purr\ncows", "NNS VBP\nNNS"),
        ("b", "owls\n", "NNS|80|NN|20\n"),
        (
            "ab",
            "cats purr\ncows\nowls\n",
            "NNS VBP\nNNS\nNNS|80|NN|20\n",
        ),
    ];
    for (name, tokens, tags) in texts {
        scene.file(&format!("{name}.tok"), tokens);
        scene.file(&format!("{name}.tag"), tags);
    }
    let options = "--silver-tokens a.tok b.tok --silver-tags a.tag b.tag";
    scene.train(options, "several").code(0);
    let options = "--silver-tokens ab.tok --silver-tags ab.tag";
    scene.train(options, "one").code(0);
    assert_eq!(scene.model("several"), scene.model("one"));
    let options = "--silver-tokens a.tok b.tok --silver-tags a.tag";
    scene
        .train(options, "none")
        .code(1)
        .says("silver text, line 3: the numbers of tokens and tags differ");
    assert!(!scene.path("none").exists());
}

#[test]
fn features_are_left_out_as_often_as_asked() {
    let scene = Scene::new();
    scene.train("--dropout 0.5", "same").code(0);
    scene.train("--epochs 5", "usual").code(0);
    scene.train("--dropout 0.9", "other").code(0);
    assert_eq!(scene.model("same"), scene.model("usual"));
    assert_ne!(scene.model("other"), scene.model("usual"));
    for share in ["1", "-0.1", "NaN"] {
        scene
            .train(&format!("--dropout={share}"), "none")
            .code(2)
            .says("--dropout: from 0 to less than 1");
    }
}
