//! Options of `pos`.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::Shape;

/// Part-of-speech tags of English text.
#[derive(Args, Clone, Debug, Eq, Serialize, Deserialize)]
pub struct Pos {
    /// One sentence a line, tokens separated by spaces; nothing is split further
    #[arg(long)]
    pub tokenized: bool,
    /// Which tags
    #[arg(long, value_enum, default_value = "ewt")]
    pub tagset: Tagset,
    /// What stands between word and tag in --format text
    #[arg(long, default_value = "_", value_name = "TEXT")]
    pub separator: String,
    /// Another model than the one that is built in; over a broker it travels with the job
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub model: Option<std::path::PathBuf>,
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
    /// Penn Treebank tags as the English Web Treebank uses them (its XPOS)
    Ewt,
    /// Penn Treebank tags as older corpora and NLTK use them: `to` is always TO, a dash or semicolon `:`
    Penn,
    /// Universal part-of-speech tags (UPOS)
    Universal,
}

/// Where the model was read is no part of what the job is: `produce` again may name another path.
impl PartialEq for Pos {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            tokenized,
            tagset,
            separator,
            model: _,
            model_hash,
            own_model,
        } = self;
        *tokenized == other.tokenized
            && *tagset == other.tagset
            && *separator == other.separator
            && *model_hash == other.model_hash
            && *own_model == other.own_model
    }
}

impl Pos {
    pub(super) fn shape(&self) -> Shape {
        Shape::Ordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_serialized_is_equal_whatever_the_path() {
        let pos = Pos {
            tokenized: false,
            tagset: Tagset::Ewt,
            separator: "_".into(),
            model: Some("a.model".into()),
            model_hash: 7,
            own_model: true,
        };
        let json = serde_json::to_string(&pos).unwrap();
        let mut back: Pos = serde_json::from_str(&json).unwrap();
        assert_eq!(back, pos);
        back.model_hash = 8;
        assert_ne!(back, pos);
    }
}
