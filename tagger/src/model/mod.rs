//! The trained model: loaded once, shared by all threads, never changed.

mod bytes;
mod error;
pub(crate) mod fine;
mod format;
#[cfg(test)]
mod format_tests;
pub(crate) mod index;
mod label;
pub(crate) mod learned;
#[cfg(test)]
mod learned_tests;
mod pages;
pub(crate) mod parts;
mod rows;
pub(crate) mod sparse;
pub(crate) mod table;
#[cfg(test)]
mod table_tests;

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use xxhash_rust::xxh3::xxh3_64;

pub use error::ModelError;
pub use format::MAX_FILE;
pub(crate) use format::{encode, encode_lemmas};

use crate::lemma::Lemmas;
use crate::lexicon::Lexicon;
use crate::split::Splitter;
use crate::tagger::Tag;
use crate::templates::{Known, POSITIONS, edge_key};
use crate::word::WordView;
use fine::FineTable;
use format::Loaded;
use label::Labels;
use parts::ModelParts;
use sparse::SparseTable;
use table::{Scores, Table, row_key};

static EMBEDDED: &[u8] = include_bytes!("../../model/en_ewt.model");
static EMBEDDED_LEMMAS: &[u8] = include_bytes!("../../model/en_ewt.lemmas");

/// A trained tagger model: immutable, `Send + Sync`, meant to be shared by `Arc`.
#[derive(Debug)]
pub struct Model {
    /// Which of the two sets the greedy tagger finds.
    pub(crate) main: Main,
    pub(crate) xpos: Vec<String>,
    pub(crate) upos: Vec<String>,
    sources: String,
    notice: String,
    hash: u64,
    pub(crate) allowed: Vec<u64>,
    clusters: Vec<u32>,
    classes: Vec<u64>,
    lexicon: Lexicon,
    pub(crate) main_table: Table,
    pub(crate) upos_table: SparseTable,
    /// Scores before any feature.
    pub(crate) main_blank: Scores,
    pub(crate) upos_blank: Scores,
    pub(crate) edges: [Scores; POSITIONS],
    /// The treebank's own tags, where the universal ones are the main tags.
    pub(crate) fine: Option<FineTable>,
    /// How raw text is split; None for the built-in English rules.
    pub(crate) splitter: Option<Splitter>,
    /// The tags as CoNLL-U writes them.
    pub(crate) labels: Labels,
    lemmas: KnownLemmas,
}

/// Where a model's lemmas are.
#[derive(Debug)]
enum KnownLemmas {
    None,
    Own(Lemmas),
    /// In a file of their own inside the program, parsed when first asked for.
    Embedded,
}

/// Which tags are found first; the others follow from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Main {
    /// The treebank's own (XPOS).
    Xpos,
    /// The universal ones (UPOS).
    Upos,
}

impl Model {
    /// The model that ships inside the program; parsed at the first call.
    pub fn embedded() -> Arc<Self> {
        static PARSED: OnceLock<Arc<Model>> = OnceLock::new();
        Arc::clone(PARSED.get_or_init(|| {
            // The bytes are part of the program and a test loads them: failing here is a broken
            // build.
            let model = Self::from_bytes(EMBEDDED).expect("the embedded model is well-formed");
            Arc::new(Self {
                lemmas: KnownLemmas::Embedded,
                ..model
            })
        }))
    }

    /// The hash of the model that ships inside the program, without parsing it.
    pub fn embedded_hash() -> u64 {
        xxh3_64(EMBEDDED)
    }

    /// As [`Model::embedded_hash`], for what depends on the lemmas too.
    pub fn embedded_hash_with_lemmas() -> u64 {
        xxh3_64(EMBEDDED) ^ xxh3_64(EMBEDDED_LEMMAS).rotate_left(1)
    }

    /// Parses a model file's bytes.
    ///
    /// # Errors
    /// Says what is wrong with bytes that are not a whole, undamaged model of this version.
    pub fn from_bytes(file: &[u8]) -> Result<Self, ModelError> {
        if file.len() as u64 > MAX_FILE {
            return Err(ModelError::TooLarge { limit: MAX_FILE });
        }
        Ok(Self::from_loaded(format::decode(file)?, xxh3_64(file)))
    }

    /// Reads a model file to its end, at most [`MAX_FILE`] bytes.
    ///
    /// # Errors
    /// As [`Model::from_bytes`], or when reading fails.
    pub fn load(reader: impl Read) -> Result<Self, ModelError> {
        let mut file = Vec::new();
        reader.take(MAX_FILE + 1).read_to_end(&mut file)?;
        Self::from_bytes(&file)
    }

    /// Reads the model file at `path`.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        Self::load(File::open(path)?)
    }

    pub(crate) fn from_parts(parts: ModelParts, hash: u64) -> Self {
        let loaded = Loaded {
            main: parts.main_rows.to(),
            upos: parts.upos_rows.to(),
            parts,
        };
        Self::from_loaded(loaded, hash)
    }

    fn from_loaded(loaded: Loaded<Table, SparseTable>, hash: u64) -> Self {
        let (parts, main_table) = (loaded.parts, loaded.main);
        let mut edges = [Scores::ZERO; POSITIONS];
        for (position, edge) in edges.iter_mut().enumerate() {
            main_table.add_to(row_key(edge_key(position)), edge);
        }
        let (main_blank, upos_blank) = [parts.main.len(), parts.upos.len()]
            .map(Scores::blank)
            .into();
        let fine = parts.fine.map(FineTable::new);
        let (main, xpos, upos) = if parts.upos.is_empty() {
            let none = || vec!["_".to_owned()];
            let own = fine
                .as_ref()
                .map_or_else(none, |fine| fine.names().to_vec());
            (Main::Upos, own, parts.main)
        } else {
            (Main::Xpos, parts.main, parts.upos)
        };
        Self {
            lexicon: Lexicon::new(&parts.lexicon),
            upos_table: loaded.upos,
            main_table,
            edges,
            main_blank,
            upos_blank,
            main,
            labels: Labels::new(&upos, &xpos),
            xpos,
            upos,
            sources: parts.sources,
            notice: parts.notice,
            allowed: parts.allowed,
            clusters: parts.clusters,
            classes: parts.classes,
            fine,
            splitter: parts.splitter.map(Splitter::new),
            lemmas: match parts.lemmas {
                Some(lemmas) => KnownLemmas::Own(Lemmas::new(lemmas)),
                None => KnownLemmas::None,
            },
            hash,
        }
    }

    /// 64-bit xxh3 of the model file's bytes: equal hashes, equal tags.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The treebank's own tags (Penn tags in the built-in model), sorted; `_` alone where it has
    /// none. A [`crate::Tag`]'s `xpos` is a position in this list.
    pub fn xpos_tags(&self) -> &[String] {
        &self.xpos
    }

    /// The universal tags, sorted; a [`crate::Tag`]'s `upos` is a position in this list.
    pub fn upos_tags(&self) -> &[String] {
        &self.upos
    }

    /// The treebank's own tag of a word.
    ///
    /// # Panics
    /// When the tag comes from a model with more tags.
    pub fn xpos(&self, tag: Tag) -> &str {
        &self.xpos[usize::from(tag.xpos)]
    }

    /// The universal tag of a word.
    ///
    /// # Panics
    /// As [`Model::xpos`].
    pub fn upos(&self, tag: Tag) -> &str {
        &self.upos[usize::from(tag.upos)]
    }

    /// Whether the treebank has tags of its own beside the universal ones.
    pub fn has_xpos(&self) -> bool {
        self.xpos != ["_"]
    }

    /// Whether raw text is split by the built-in English rules, not by what the treebank showed.
    pub fn splits_by_rules(&self) -> bool {
        self.splitter.is_none()
    }

    /// Whether the model knows lemmas.
    pub fn has_lemmas(&self) -> bool {
        !matches!(self.lemmas, KnownLemmas::None)
    }

    /// The lemma of a word with the tag that this model gave it; None where the model knows none.
    pub fn lemma<'a>(&self, form: &'a str, tag: Tag) -> Option<Cow<'a, str>> {
        Some(self.lemmas()?.lemma(form, self.upos(tag), self.xpos(tag)))
    }

    fn lemmas(&self) -> Option<&Lemmas> {
        static PARSED: OnceLock<Lemmas> = OnceLock::new();
        match &self.lemmas {
            KnownLemmas::None => None,
            KnownLemmas::Own(lemmas) => Some(lemmas),
            KnownLemmas::Embedded => Some(PARSED.get_or_init(|| {
                // As for the embedded model.
                let parts = format::decode_lemmas(EMBEDDED_LEMMAS);
                Lemmas::new(parts.expect("the embedded lemmas are well-formed"))
            })),
        }
    }

    /// What the model was trained on.
    pub fn sources(&self) -> &str {
        &self.sources
    }

    /// Licences and attributions that must travel with the model.
    pub fn notice(&self) -> &str {
        &self.notice
    }

    /// Whether the word occurred in the training text, as written or in lower case.
    pub fn has_seen(&self, word: &str) -> bool {
        self.known(&crate::word::view(word, &mut String::new()))
            .class
            != 0
    }

    /// What the lexicon knows of a word.
    pub(crate) fn known(&self, view: &WordView) -> Known {
        let entry = self.lexicon.look_up(view);
        let at = |number: u16| usize::from(number).checked_sub(1);
        Known {
            cluster: at(entry.cluster)
                .and_then(|at| self.clusters.get(at))
                .copied(),
            class: at(entry.class)
                .and_then(|at| self.classes.get(at))
                .copied()
                .unwrap_or(0),
        }
    }
}
