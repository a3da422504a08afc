//! Tags sentences of tokens: what a model and one thread's scratch memory do together. Must not
//! know of text, files or training.

use std::sync::Arc;

use crate::cache::WordCache;
use crate::decode::Block;
use crate::fine::Fine;
use crate::model::{Main, Model};
use crate::simd;
use crate::text::Spacing;
use crate::universal::Universal;

/// The two tags of one token, as positions in the model's lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tag {
    /// Position in [`Model::xpos_tags`].
    pub xpos: u16,
    /// Position in [`Model::upos_tags`]; 0 where [`Tagger::penn_only`] leaves it out.
    pub upos: u8,
}

/// Longest stretch tagged in one piece, in tokens: a longer sentence is cut, which bounds the
/// scratch memory.
pub const MOST_TOKENS: usize = 512;

/// A model with one thread's scratch memory (up to about 32 MiB): make one per thread and keep it.
#[derive(Debug)]
pub struct Tagger {
    model: Arc<Model>,
    cache: WordCache,
    block: Block,
    universal: Option<Universal>,
    fine: Fine,
    spacing: Option<Spacing>,
}

impl Tagger {
    /// A tagger that gives both tags.
    pub fn new(model: Arc<Model>) -> Self {
        let universal = Universal::new(&model);
        let spacing = Spacing::new(&model, true);
        Self {
            model,
            cache: WordCache::new(),
            block: Block::default(),
            universal: Some(universal),
            fine: Fine::default(),
            spacing,
        }
    }

    /// A tagger that leaves the universal tags out, which is faster; with a model that finds the
    /// treebank's tags by the universal ones it gives both.
    pub fn penn_only(model: Arc<Model>) -> Self {
        Self {
            universal: None,
            spacing: Spacing::new(&model, false),
            ..Self::new(model)
        }
    }

    /// The model in use.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// What corrects the tags of raw text.
    pub(crate) fn spacing(&self) -> Option<Spacing> {
        self.spacing
    }

    /// Tags one sentence of tokens, a tag each; [`Model::xpos`] and [`Model::upos`] name them.
    pub fn tag<S: AsRef<str>>(&mut self, tokens: &[S]) -> Vec<Tag> {
        let mut out = Vec::with_capacity(tokens.len());
        self.tag_into(tokens, &mut out);
        out
    }

    /// As [`Tagger::tag`], into memory that is used again: `out` is cleared first. Time is linear
    /// in the text's length.
    pub fn tag_into<S: AsRef<str>>(&mut self, tokens: &[S], out: &mut Vec<Tag>) {
        let tokens: Vec<&str> = tokens.iter().map(AsRef::as_ref).collect();
        self.tag_forms(&tokens, out);
    }

    /// As [`Tagger::tag_into`], without a list of its own.
    pub(crate) fn tag_forms(&mut self, tokens: &[&str], out: &mut Vec<Tag>) {
        out.clear();
        for piece in tokens.chunks(MOST_TOKENS) {
            simd::run(self, piece);
            out.extend_from_slice(&self.block.tags);
        }
    }

    /// Tags at most [`MOST_TOKENS`] tokens, into `block.tags`.
    #[inline(always)]
    pub(crate) fn tag_piece(&mut self, piece: &[&str]) {
        self.block.gather(&self.model, &mut self.cache, piece);
        self.block.decode(&self.model);
        if self.model.main == Main::Upos {
            self.fine.decode(&self.model, &mut self.block, piece);
        } else if let Some(universal) = &mut self.universal {
            universal.decode(&self.model, &mut self.block);
        }
    }
}
