//! A LogFormat string taken apart into texts and directives.

use super::moment::TimeFormat;

/// The one strftime format that has a fast way: what `%t` writes, without its brackets.
const PLAIN_TIME: &str = "%d/%b/%Y:%H:%M:%S %z";

/// What a captured value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Skip,
    Host,
    Ident,
    User,
    Time,
    Request,
    Status,
    Bytes,
    Referer,
    Agent,
    Vhost,
    Port,
    Method,
    /// A path, with its query if that follows at once.
    Path,
    /// A query with its question mark, or nothing.
    Query,
    Protocol,
}

/// A piece of the format before it is compiled.
#[derive(Debug)]
pub(super) enum Token {
    Literal(Vec<u8>),
    Directive(Slot, String),
    /// A time as `%t` has it, without brackets.
    PlainTime,
    /// A time in another form, and the directive.
    Time(TimeFormat, String),
}

impl Token {
    /// Whether it says something of a request.
    pub(super) fn tells(&self) -> bool {
        match self {
            Token::Literal(_) => false,
            Token::PlainTime | Token::Time(..) => true,
            Token::Directive(slot, _) => !matches!(slot, Slot::Skip | Slot::Ident | Slot::Port),
        }
    }
}

/// Takes a format apart.
pub(super) fn tokens(format: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut literal = Vec::new();
    let mut rest = format;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        let mut plain = next;
        if next == '\\' {
            // As a configuration file writes them.
            let escaped = rest.chars().next();
            plain = match escaped {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(quoted @ ('"' | '\\')) => quoted,
                _ => next,
            };
            if plain != next || escaped == Some('\\') {
                rest = &rest[1..];
            }
        } else if next == '%' && rest.starts_with('%') {
            rest = &rest[1..];
        } else if next == '%' {
            let (token, after) = directive(rest)?;
            rest = after;
            if !literal.is_empty() {
                tokens.push(Token::Literal(std::mem::take(&mut literal)));
            }
            push_token(&mut tokens, token, &mut literal);
            continue;
        }
        literal.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes());
    }
    if !literal.is_empty() {
        tokens.push(Token::Literal(literal));
    }
    Ok(tokens)
}

/// Adds a directive; `%U%q` is one path, and `%t` brings its brackets.
fn push_token(tokens: &mut Vec<Token>, token: Token, literal: &mut Vec<u8>) {
    match (&token, tokens.last_mut()) {
        (Token::Directive(Slot::Query, _), Some(Token::Directive(Slot::Path, name))) => {
            name.push_str("%q");
        }
        (Token::Directive(Slot::Time, _), _) => {
            match tokens.last_mut() {
                Some(Token::Literal(text)) => text.push(b'['),
                _ => tokens.push(Token::Literal(b"[".to_vec())),
            }
            tokens.push(Token::PlainTime);
            literal.push(b']');
        }
        _ => tokens.push(token),
    }
}

/// Reads a directive after its percent sign: modifiers, an argument in braces, a letter.
fn directive(text: &str) -> Result<(Token, &str), String> {
    let after_modifiers =
        text.trim_start_matches(|c: char| c.is_ascii_digit() || "<>!,".contains(c));
    let (argument, rest) = match after_modifiers.strip_prefix('{') {
        Some(braced) => braced
            .split_once('}')
            .ok_or_else(|| format!("`%{text}` has no closing brace"))?,
        None => ("", after_modifiers),
    };
    let letters = if rest.starts_with('^') { 3 } else { 1 };
    let letter = rest
        .get(..letters)
        .filter(|letter| letter.is_ascii() && !letter.ends_with(' '))
        .ok_or_else(|| format!("`%{text}` is no directive"))?;
    let after = &rest[letters..];
    let name = format!("%{}", &text[..text.len() - after.len()]);
    let slot = match (letter, argument) {
        ("h" | "a", _) => Slot::Host,
        ("l", _) => Slot::Ident,
        ("u", _) => Slot::User,
        ("t", "") => Slot::Time,
        ("t", PLAIN_TIME) => return Ok((Token::PlainTime, after)),
        ("t", form) => return Ok((Token::Time(TimeFormat::new(form)?, name), after)),
        ("r", _) => Slot::Request,
        ("s", _) => Slot::Status,
        ("b" | "B" | "O", _) => Slot::Bytes,
        ("v" | "V", _) => Slot::Vhost,
        ("p", _) => Slot::Port,
        ("m", _) => Slot::Method,
        ("U", _) => Slot::Path,
        ("q", _) => Slot::Query,
        ("H", _) => Slot::Protocol,
        ("i", name) if name.eq_ignore_ascii_case("referer") => Slot::Referer,
        ("i", name) if name.eq_ignore_ascii_case("user-agent") => Slot::Agent,
        _ => Slot::Skip,
    };
    Ok((Token::Directive(slot, name), after))
}
