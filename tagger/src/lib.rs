//! The part-of-speech tagger: text to sentences, tokens and tags. Knows nothing of queues, jobs or
//! command lines.

mod cache;
pub mod conllu;
mod decode;
pub mod eval;
mod fine;
mod hash;
mod lemma;
mod lexicon;
mod model;
mod penn;
mod simd;
mod split;
mod tagger;
mod templates;
mod text;
pub mod train;
mod universal;
mod word;

pub use model::{MAX_FILE, Model, ModelError};
pub use penn::penn_style;
pub use tagger::{MOST_TOKENS, Tag, Tagger};
pub use text::{Sentence, Tagged, Token, Word, replace_invalid, tokenize};

/// The README's example is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
