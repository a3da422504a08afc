//! Options of `pos`.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::Shape;

/// Part-of-speech tags of text, English unless a model says otherwise.
#[derive(Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pos {
    /// One sentence a line, tokens separated by spaces; nothing is split further
    #[arg(long)]
    pub tokenized: bool,
    /// Which tags
    #[arg(long, value_enum, default_value = "ewt")]
    pub tagset: Tagset,
    /// Lemmas too: `dog` for `dogs`. In --format text behind the tag (word_TAG_lemma), in conllu as
    /// LEMMA, in jsonl as `lemmas`
    #[arg(long)]
    #[serde(default)]
    pub lemmas: bool,
    /// What stands between word, tag and lemma in --format text
    #[arg(long, default_value = "_", value_name = "TEXT")]
    pub separator: String,
    /// Hash of the model, filled in when the job is planned.
    #[arg(skip)]
    pub model_hash: u64,
    /// Whether that is another model than the built-in one, filled in likewise: over a broker it
    /// travels to the mappers.
    #[arg(skip)]
    #[serde(default)]
    pub own_model: bool,
}

/// Which tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Tagset {
    /// The model's own tags: built in, Penn Treebank tags as the English Web Treebank uses them
    /// (its XPOS); UPOS where a model's treebank has no others
    Ewt,
    /// Penn Treebank tags as older corpora and NLTK use them: `to` is always TO, a dash or
    /// semicolon `:`
    Penn,
    /// Universal part-of-speech tags (UPOS)
    Universal,
}

impl Pos {
    pub(super) fn shape(&self) -> Shape {
        Shape::Ordered
    }
}
