//! The tokenizer: raw text to tokens in the convention of the Penn Treebank as UD English EWT
//! applies it, by rules, in one pass. Must not know of sentences or tags.

use super::{invisible, lists};

/// One token as a byte range of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Whether it is the rest of a contraction that the token before begins (`n't` after `do`).
    pub continues: bool,
}

/// Splits `text` into tokens. They are in order, do not overlap, lie on character edges and cover
/// every character that is not white space. Time is linear in the text's length.
pub fn tokenize(text: &str, out: &mut Vec<Token>) {
    out.clear();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (c.is_whitespace(), start) {
            (true, Some(from)) => {
                chunk(text, from, at, out);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    if let Some(from) = start {
        chunk(text, from, text.len(), out);
    }
}

fn push(out: &mut Vec<Token>, start: usize, end: usize) {
    if start < end {
        out.push(Token {
            start,
            end,
            continues: false,
        });
    }
}

/// Splits a stretch without white space.
fn chunk(text: &str, start: usize, end: usize, out: &mut Vec<Token>) {
    let whole = &text[start..end];
    if whole.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return word(text, start, end, out);
    }
    let from = end - whole.trim_start_matches(invisible::is).len();
    let to = start + whole.trim_end_matches(invisible::is).len();
    if from >= to {
        return push(out, start, end);
    }
    if (from, to) != (start, end) {
        // What cannot be seen belongs to the tokens beside it.
        let first = out.len();
        chunk(text, from, to, out);
        if let Some(token) = out.get_mut(first) {
            token.start = start;
        }
        if let Some(token) = out.last_mut() {
            token.end = end;
        }
        return;
    }
    if lists::emoticon(whole) || lists::slashed(whole) {
        return push(out, start, end);
    }
    if let Some((from, to)) = address(whole) {
        scan(text, start, start + from, out);
        push(out, start + from, start + to);
        return scan(text, start + to, end, out);
    }
    scan(text, start, end, out);
}

/// The part of `chunk` that is a URL, a host name or an e-mail address, without the punctuation
/// around it.
fn address(chunk: &str) -> Option<(usize, usize)> {
    let from = chunk.find(|c| {
        !matches!(
            c,
            '(' | '[' | '<' | '"' | '\'' | '{' | '\u{201c}' | '\u{2018}'
        )
    })?;
    let tail = |c| {
        matches!(
            c,
            '.' | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | ')'
                | ']'
                | '>'
                | '"'
                | '\''
                | '}'
                | '\u{201d}'
                | '\u{2019}'
        )
    };
    let to = chunk.trim_end_matches(tail).len();
    let core = chunk.get(from..to)?;
    let starts = |prefix: &str| {
        core.get(..prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    let url = ["http://", "https://", "ftp://", "www.", "mailto:"]
        .into_iter()
        .any(|prefix| starts(prefix) && core.len() > prefix.len());
    let mail = || {
        let mut sides = core.split('@');
        let (Some(name), Some(host), None) = (sides.next(), sides.next(), sides.next()) else {
            return false;
        };
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
        !name.is_empty() && !host.is_empty() && name.chars().all(fits) && host.chars().all(fits)
    };
    let host = || {
        let ends = [".com", ".org", ".net", ".edu", ".gov", ".co.uk"];
        core.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
            && ends
                .iter()
                .any(|end| core.len() > end.len() && core.ends_with(end))
    };
    (url || (core.contains('@') && mail()) || host()).then_some((from, to))
}

fn wordlike(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric()
            || matches!(c, '_' | '@' | '#' | '\\')
            || c.is_ascii_control();
    }
    c.is_alphanumeric()
        || joins(c)
        || !lists::foreign_mark(c)
            && !matches!(c, '\u{a1}'..='\u{bf}' | '\u{d7}' | '\u{f7}' | '\u{2000}'..='\u{206f}' | '\u{20a0}'..='\u{20cf}'
            | '\u{2190}'..='\u{2bff}' | '\u{3000}'..='\u{303f}' | '\u{e000}'..='\u{f8ff}' | '\u{ff00}'..='\u{ff0f}' | '\u{1f000}'..='\u{1faff}')
}

/// Marks that belong to the character before them: combining marks, joiners, variation selectors,
/// skin tones.
fn joins(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{20d0}'..='\u{20ff}' | '\u{1f3fb}'..='\u{1f3ff}')
}

fn apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}')
}

/// Walks over a stretch without white space, cutting at punctuation that does not belong to a word.
fn scan(text: &str, start: usize, end: usize, out: &mut Vec<Token>) {
    let mut segment = start;
    let mut at = start;
    let mut before: Option<char> = None;
    while let Some(c) = text[at..end].chars().next() {
        let next = at + c.len_utf8();
        if invisible::is(c) && before.is_some() {
            // Inside a word it is of the word.
            at = next;
            continue;
        }
        if wordlike(c) {
            before = Some(c);
            at = next;
            continue;
        }
        let after = text[next..end].chars().next();
        let head = &text[segment..at];
        if keeps(c, head, before, after, &text[next..end]) {
            before = Some(c);
            at = next;
            continue;
        }
        word(text, segment, at, out);
        let stop = mark(text, at, end, c);
        push(out, at, stop);
        segment = stop;
        at = stop;
        before = None;
    }
    word(text, segment, end, out);
}

/// Whether the punctuation mark `c` belongs to the word around it.
fn keeps(c: char, head: &str, before: Option<char>, after: Option<char>, rest: &str) -> bool {
    let digits = before.is_some_and(char::is_numeric) && after.is_some_and(char::is_numeric);
    let letters = before.is_some_and(char::is_alphabetic) && after.is_some_and(char::is_alphabetic);
    match c {
        ',' | ':' | '/' if digits => true,
        '/' => {
            head.len() == 1
                && matches!(rest, "c" | "o" | "a" | "")
                && lists::slashed(&format!("{head}/{rest}"))
        }
        '-' if digits => true,
        '-' => letters && lists::prefix(head),
        '.' if head.is_empty() => after.is_some_and(char::is_numeric),
        '.' if after == Some('.') || before == Some('.') => false,
        '.' if after.is_some_and(|c| c.is_alphanumeric()) => {
            // `end.The next`: a missing space. Short heads are initials (`U.S`), no capital after
            // means a name (`a.htm`).
            let lower = before.is_some_and(char::is_lowercase);
            let capital = after.is_some_and(char::is_uppercase)
                && rest.chars().nth(1).is_none_or(char::is_lowercase);
            !(lower && capital && head.len() > 2 && !head.contains('.'))
        }
        '.' => lists::abbreviation(head),
        '&' => before.is_some_and(char::is_uppercase) && after.is_some_and(char::is_uppercase),
        '\'' | '\u{2019}' if head.is_empty() => {
            let tail = rest
                .split(|c: char| !c.is_alphanumeric())
                .next()
                .unwrap_or_default();
            let clitic = [
                "s", "m", "re", "ve", "ll", "d", "em", "til", "cause", "t", "bout", "tis", "twas",
                "twere", "twill",
            ];
            (tail.len() <= 5 && clitic.iter().any(|item| item.eq_ignore_ascii_case(tail)))
                || (after.is_some_and(|c| c.is_ascii_digit()) && matches!(tail.len(), 2 | 3))
        }
        '\'' | '\u{2019}' => after.is_some_and(char::is_alphabetic),
        '$' => {
            matches!(head, "US" | "A" | "C" | "HK" | "NZ") && after.is_some_and(char::is_numeric)
        }
        '%' | '+' | '=' | '~' => false,
        _ => false,
    }
}

/// End of the punctuation token that begins at `at` with `c`: with the marks that belong to it, for
/// no token begins with one.
fn mark(text: &str, at: usize, end: usize, c: char) -> usize {
    let rest = &text[at..end];
    if matches!(c, ':' | ';' | '=' | '<' | '^') && lists::emoticon(rest) {
        return end;
    }
    // Every run found here is consumed whole, so that the scan stays linear.
    let same = |set: &dyn Fn(char) -> bool| at + rest.find(|c| !set(c)).unwrap_or(rest.len());
    let stop = match c {
        '.' | '!' | '?' => same(&|c| matches!(c, '.' | '!' | '?')),
        _ if lists::foreign_stop(c) => same(&lists::foreign_stop),
        '-' | '*' | '=' | '~' | '<' | '>' | '+' | '$' | '|' | '^' => same(&|other| other == c),
        '\'' | '`' if rest[1..].starts_with(c) => at + 2,
        // A run of one symbol is not gathered here: an emoji is a token.
        _ => at + c.len_utf8(),
    };
    end - text[stop..end].trim_start_matches(joins).len()
}

/// Emits one word, split where a unit begins or, once or more, a contraction.
fn word(text: &str, start: usize, end: usize, out: &mut Vec<Token>) {
    let form = &text[start..end];
    let number = form.len()
        - form
            .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ':' | '.' | ','))
            .len();
    if number > 0 && form.as_bytes()[0].is_ascii_digit() && lists::unit(&form[number..]) {
        push(out, start, start + number);
        return push(out, start + number, end);
    }
    let first = out.len();
    let mut rest = end;
    // From the end: `should`, `n't`, `'ve`. No word has more parts, and a longer one is no word.
    for _ in 0..4 {
        let Some(cut) = contraction(&text[start..rest]) else {
            break;
        };
        out.push(Token {
            start: start + cut,
            end: rest,
            continues: true,
        });
        rest = start + cut;
    }
    push(out, start, rest);
    if let Some(parts) = out.get_mut(first..) {
        parts.reverse();
    }
}

/// Where the second part of a contraction begins.
fn contraction(form: &str) -> Option<usize> {
    if let Some(at) = lists::joined(form) {
        return Some(at);
    }
    let mut tail = form.char_indices().rev();
    for _ in 0..3 {
        let (at, c) = tail.next()?;
        if !apostrophe(c) {
            continue;
        }
        let rest = form[at + c.len_utf8()..].to_ascii_lowercase();
        let cut = match rest.as_str() {
            "s" | "m" | "re" | "ve" | "ll" | "d" => at,
            "t" => tail
                .next()
                .filter(|(_, n)| n.eq_ignore_ascii_case(&'n'))
                .map(|(at, _)| at)?,
            _ => return None,
        };
        return (cut > 0).then_some(cut);
    }
    None
}
