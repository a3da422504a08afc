//! The sentence splitter: cuts a text's tokens into sentences, by rules. A blank line always ends one. Must not
//! know of tags.

use super::lists;
use super::tokens::Token;

/// Number of tokens of the sentence that `tokens` (of `text`, not empty) begins with, at least 1.
pub(super) fn first(text: &str, tokens: &[Token]) -> usize {
    let mut at = 0;
    while at < tokens.len() {
        let mut next = at + 1;
        let gap = |index: usize| {
            tokens
                .get(index)
                .map_or("", |token| &text[tokens[index - 1].end..token.start])
        };
        if blank_line(gap(next)) {
            return next;
        }
        let token = &text[tokens[at].start..tokens[at].end];
        if let Some(end) = ending(token) {
            // What closes with the sentence stays with it.
            while next < tokens.len()
                && gap(next).is_empty()
                && closes(&text[tokens[next].start..tokens[next].end])
            {
                next += 1;
            }
            let Some(following) = tokens.get(next) else {
                return next;
            };
            let glued = gap(next).is_empty();
            let closed = next > at + 1;
            let word = &text[following.start..following.end];
            if blank_line(gap(next)) || splits(token, end, closed, glued, word) {
                return next;
            }
        }
        at = next;
    }
    tokens.len()
}

#[derive(Clone, Copy)]
enum Ending {
    Stop,
    Dots,
    Abbreviation,
}

fn ending(token: &str) -> Option<Ending> {
    let marks = |c| matches!(c, '.' | '!' | '?');
    if token == "." || token == "\u{3002}" {
        Some(Ending::Stop)
    } else if token.chars().all(marks) {
        Some(if token.bytes().all(|b| b == b'.') {
            Ending::Dots
        } else {
            Ending::Stop
        })
    } else if token == "\u{2026}" {
        Some(Ending::Dots)
    } else {
        let word = token.strip_suffix('.')?;
        (!lists::title(word) && word.len() > 1).then_some(Ending::Abbreviation)
    }
}

fn closes(token: &str) -> bool {
    matches!(
        token,
        "\"" | "''" | "'" | ")" | "]" | "}" | "\u{201d}" | "\u{2019}" | "*"
    )
}

fn splits(token: &str, end: Ending, closed: bool, glued: bool, next: &str) -> bool {
    let first = next.chars().next().unwrap_or(' ');
    let capital = first.is_uppercase();
    if glued {
        return capital && !closed && !matches!(end, Ending::Abbreviation);
    }
    match end {
        Ending::Stop if closed => {
            !first.is_lowercase() && !matches!(first, ',' | ';' | ':' | '-' | '.')
        }
        Ending::Stop => token != "." || !matches!(first, ',' | ';' | ':' | '.' | ')'),
        Ending::Dots => capital || matches!(first, '"' | '(' | '\u{201c}'),
        Ending::Abbreviation => capital && lists::starter(next),
    }
}

fn blank_line(gap: &str) -> bool {
    gap.len() > 1 && gap.bytes().filter(|byte| *byte == b'\n').count() > 1
}
