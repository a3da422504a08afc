//! CoNLL-U (<https://universaldependencies.org/format.html>): reading treebanks, writing tagged
//! sentences. Must not know of training.

mod read;
mod surface;
mod write;

pub use read::{ConlluError, MultiWord, Sentence, Word, parse, read_maybe_gzip};
pub(crate) use surface::Surface;
pub use write::{Form, push_comment, push_id, push_number, push_sentence};
