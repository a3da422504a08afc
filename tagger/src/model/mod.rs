//! The trained model: loaded once, shared by all threads, never changed.

mod bytes;
mod error;
mod format;
#[cfg(test)]
mod format_tests;
mod index;
mod pages;
pub(crate) mod parts;
mod rows;
pub(crate) mod sparse;
pub(crate) mod table;
#[cfg(test)]
mod table_tests;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use xxhash_rust::xxh3::xxh3_64;

pub use error::ModelError;
pub use format::MAX_FILE;
pub(crate) use format::encode;

use crate::lexicon::Lexicon;
use crate::tagger::Tag;
use crate::templates::{Known, POSITIONS, edge_key};
use crate::word::WordView;
use format::Loaded;
use parts::ModelParts;
use sparse::SparseTable;
use table::{Scores, Table, row_key};

static EMBEDDED: &[u8] = include_bytes!("../../model/en_ewt.model");

/// A trained tagger model: immutable, `Send + Sync`, meant to be shared by `Arc`.
#[derive(Debug)]
pub struct Model {
    pub(crate) xpos: Vec<String>,
    pub(crate) upos: Vec<String>,
    sources: String,
    notice: String,
    hash: u64,
    pub(crate) allowed: Vec<u64>,
    clusters: Vec<u32>,
    classes: Vec<u64>,
    lexicon: Lexicon,
    pub(crate) xpos_table: Table,
    pub(crate) upos_table: SparseTable,
    /// Scores before any feature.
    pub(crate) xpos_blank: Scores,
    pub(crate) upos_blank: Scores,
    pub(crate) edges: [Scores; POSITIONS],
}

impl Model {
    /// The model that ships inside the program; parsed at the first call.
    pub fn embedded() -> Arc<Self> {
        static PARSED: OnceLock<Arc<Model>> = OnceLock::new();
        Arc::clone(PARSED.get_or_init(|| {
            // The bytes are part of the program and a test loads them: failing here is a broken
            // build.
            Arc::new(Self::from_bytes(EMBEDDED).expect("the embedded model is well-formed"))
        }))
    }

    /// The hash of the model that ships inside the program, without parsing it.
    pub fn embedded_hash() -> u64 {
        xxh3_64(EMBEDDED)
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
            xpos: parts.xpos_rows.to(),
            upos: parts.upos_rows.to(),
            parts,
        };
        Self::from_loaded(loaded, hash)
    }

    fn from_loaded(loaded: Loaded<Table, SparseTable>, hash: u64) -> Self {
        let (parts, xpos_table) = (loaded.parts, loaded.xpos);
        let mut edges = [Scores::ZERO; POSITIONS];
        for (position, edge) in edges.iter_mut().enumerate() {
            xpos_table.add_to(row_key(edge_key(position)), edge);
        }
        Self {
            lexicon: Lexicon::new(&parts.lexicon),
            upos_table: loaded.upos,
            xpos_table,
            edges,
            xpos_blank: Scores::blank(parts.xpos.len()),
            upos_blank: Scores::blank(parts.upos.len()),
            xpos: parts.xpos,
            upos: parts.upos,
            sources: parts.sources,
            notice: parts.notice,
            allowed: parts.allowed,
            clusters: parts.clusters,
            classes: parts.classes,
            hash,
        }
    }

    /// 64-bit xxh3 of the model file's bytes: equal hashes, equal tags.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The Penn tags, sorted; a [`crate::Tag`]'s `xpos` is a position in this list.
    pub fn xpos_tags(&self) -> &[String] {
        &self.xpos
    }

    /// The universal tags, sorted; a [`crate::Tag`]'s `upos` is a position in this list.
    pub fn upos_tags(&self) -> &[String] {
        &self.upos
    }

    /// The Penn tag of a word.
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
