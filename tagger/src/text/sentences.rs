//! The sentence splitter: cuts a text's tokens into sentences, by rules. A blank line always ends
//! one, and so does a line that begins a list item. Must not know of tags.

use super::tokens::Token;
use super::{invisible, lists};

/// What can be seen of a token.
fn seen<'a>(text: &'a str, token: &Token) -> &'a str {
    let form = &text[token.start..token.end];
    if form.is_ascii() {
        form
    } else {
        form.trim_matches(invisible::is)
    }
}

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
        if blank_line(gap(next)) || next < tokens.len() && item(text, tokens, next) {
            return next;
        }
        // `1. Buy milk`: the period belongs to the number.
        if at < 3 && marker(text, tokens) == at + 1 {
            at = next;
            continue;
        }
        let token = seen(text, &tokens[at]);
        if let Some(end) = ending(token) {
            // What closes with the sentence stays with it.
            while next < tokens.len() && gap(next).is_empty() && closes(seen(text, &tokens[next])) {
                next += 1;
            }
            let Some(following) = tokens.get(next) else {
                return next;
            };
            let glued = gap(next).is_empty();
            let closed = next > at + 1;
            let word = seen(text, following);
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
    if token == "." || token.chars().all(lists::foreign_stop) {
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

/// Whether the token at `at`, not the first, begins a line that begins a list item: a bullet or a
/// number, or the number after the one that the list's last line began with.
fn item(text: &str, tokens: &[Token], at: usize) -> bool {
    let gap = &text[tokens[at - 1].end..tokens[at].start];
    if !gap.contains('\n') {
        return false;
    }
    let number = |token: &Token| seen(text, token).parse::<u16>().ok();
    let successor = || {
        let spaced = |at: usize| {
            tokens
                .get(at + 1)
                .is_some_and(|next| next.start > tokens[at].end)
        };
        let (first, this) = (number(&tokens[0]), number(&tokens[at]));
        first
            .zip(this)
            .is_some_and(|(first, this)| this == first.saturating_add(1))
            && spaced(0)
            && spaced(at)
    };
    marker(text, &tokens[at..]) > 0 || successor()
}

/// Number of tokens that a list's mark takes at the head of `tokens`, white space after it: `-`,
/// `•`, `1.`, `(2)`, `a)`, `iv.`; 0 for none.
fn marker(text: &str, tokens: &[Token]) -> usize {
    let form = |at: usize| tokens.get(at).map_or("", |token| seen(text, token));
    let glued = |at: usize| {
        tokens
            .get(at + 1)
            .is_some_and(|next| next.start == tokens[at].end)
    };
    let ends = |at: usize| at < tokens.len() && !glued(at);
    let label = |word: &str| {
        let roman = word.len() <= 4 && word.bytes().all(|b| matches!(b, b'i' | b'v' | b'x'));
        let letter = word.len() == 1 && word.bytes().all(|b| b.is_ascii_alphabetic());
        let number = word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit());
        !word.is_empty() && (roman || letter || number)
    };
    let sections = |word: &str| {
        word.len() <= 9
            && word
                .split('.')
                .all(|part| !part.is_empty() && label(part) && part.as_bytes()[0].is_ascii_digit())
    };
    match form(0) {
        "-" | "*" | "+" | "\u{b7}" | "\u{2013}" | "\u{2022}" | "\u{2023}" | "\u{2043}"
        | "\u{25a0}" | "\u{25a1}" | "\u{25aa}" | "\u{25ab}" | "\u{25b6}" | "\u{25ba}"
        | "\u{25c6}" | "\u{25cb}" | "\u{25cf}" | "\u{25e6}" | "\u{2713}" | "\u{2714}"
        | "\u{27a4}"
            if ends(0) =>
        {
            1
        }
        "(" if glued(0) && label(form(1)) && glued(1) && form(2) == ")" && ends(2) => 3,
        word if label(word) && glued(0) && matches!(form(1), "." | ")") && ends(1) => 2,
        // `A.` is one token, and so is `1.2`; a single letter may be a name's initial.
        word if word.contains('.') && sections(word.trim_end_matches('.')) && ends(0) => 1,
        word if sections(word) && word.contains('.') && glued(0) && form(1) == "." && ends(1) => 2,
        _ => 0,
    }
}

fn blank_line(gap: &str) -> bool {
    gap.len() > 1 && gap.bytes().filter(|byte| *byte == b'\n').count() > 1
}
