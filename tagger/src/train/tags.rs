//! Which tags of a treebank the greedy tagger learns, and which follow from them. Must not know of
//! weights.

use std::collections::BTreeSet;

use super::TrainError;
use crate::conllu::{Sentence, Word};
use crate::model::Main;
use crate::model::fine::MOST_FINE;

/// Most tags that the greedy tagger can tell apart.
const MOST_MAIN: usize = 56;

/// The two sets of tags of a treebank.
pub(super) struct TagSets {
    pub(super) main: Main,
    /// Sorted.
    pub(super) xpos: Vec<String>,
    /// Sorted.
    pub(super) upos: Vec<String>,
}

impl TagSets {
    pub(super) fn new(sentences: &[Sentence]) -> Result<Self, TrainError> {
        let set = |tag: fn(&Word) -> &String| -> Vec<String> {
            let words = sentences.iter().flat_map(|sentence| &sentence.words);
            let tags: BTreeSet<&String> = words.map(tag).collect();
            tags.into_iter().cloned().collect()
        };
        let (xpos, upos) = (set(|word| &word.xpos), set(|word| &word.upos));
        if upos.is_empty() {
            return Err(TrainError::Empty);
        }
        if upos.len() > MOST_MAIN {
            return Err(TrainError::TooManyUniversal(upos.len()));
        }
        if xpos.len() > MOST_FINE {
            return Err(TrainError::TooManyTags(xpos.len()));
        }
        // Of the tags that fit, the finer ones help each other most.
        let main = if xpos.len() <= MOST_MAIN && xpos.len() > 1 && xpos.len() >= upos.len() {
            Main::Xpos
        } else {
            Main::Upos
        };
        Ok(Self { main, xpos, upos })
    }

    /// The tags that the greedy tagger learns.
    pub(super) fn first(&self) -> &[String] {
        match self.main {
            Main::Xpos => &self.xpos,
            Main::Upos => &self.upos,
        }
    }

    /// The tag of a word that the greedy tagger learns.
    pub(super) fn of<'a>(&self, word: &'a Word) -> &'a str {
        match self.main {
            Main::Xpos => &word.xpos,
            Main::Upos => &word.upos,
        }
    }
}
