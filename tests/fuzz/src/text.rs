//! Text of any kind: sentences, tokens and tags of what is mapped, with offsets back into it.

use std::cell::RefCell;

use gristmill_tagger::{Model, Tagger, replace_invalid};

thread_local! {
    static TAGGER: RefCell<Tagger> = RefCell::new(Tagger::new(Model::embedded()));
}

/// Tags them.
pub fn check(bytes: &[u8]) {
    let text = replace_invalid(bytes);
    assert_eq!(text.len(), bytes.len());
    TAGGER.with_borrow_mut(|tagger| {
        let mut end = 0;
        tagger.tag_text(&text, |tagged| {
            for token in tagged.tokens {
                // In order, never overlapping, and never through a character.
                assert!(end <= token.start && token.start < token.end);
                assert!(text.get(token.start..token.end).is_some());
                // Nothing but white space is passed over.
                assert!(text[end..token.start].trim().is_empty());
                end = token.end;
            }
            assert_eq!(tagged.tokens.len(), tagged.tags.len());
        });
        assert!(text[end..].trim().is_empty());
    });
}
