//! `--line-format`: an Apache LogFormat string, compiled to a small program of literals and
//! captures.
//!
//! A directive captures what stands before the literal after it; before a quote, escapes count. A
//! directive whose value is of no use here is skipped over as text.

use gristmill_common::spec::Field;
use memchr::memmem::Finder;

use super::entry::{Entry, Request};
use super::servers::{Reason, checked_bytes, checked_status, quoted};
use super::time::{LEN, Time};
use crate::engine::prepared::SpecError;

/// Formats that have a name.
const NAMED: [(&str, &str); 3] = [
    ("common", r#"%h %l %u %t "%r" %>s %b"#),
    (
        "combined",
        r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#,
    ),
    (
        "vhost-combined",
        r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#,
    ),
];

/// The one strftime format that is read: what `%t` writes, without its brackets.
const PLAIN_TIME: &str = "%d/%b/%Y:%H:%M:%S %z";

/// A compiled format.
#[derive(Clone, Debug)]
pub(super) struct LineFormat {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    /// This text.
    Literal(Vec<u8>),
    /// A value.
    Capture(Slot, Until),
    /// A time as `%t` writes it, without brackets.
    Time,
}

/// Where a captured value ends.
#[derive(Clone, Debug)]
enum Until {
    /// Before this text.
    Text(Box<Finder<'static>>),
    /// Before a quote that is not escaped.
    Quote,
    /// At the line's end.
    End,
}

/// What a captured value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Skip,
    Host,
    User,
    Time,
    Request,
    Status,
    Bytes,
    Referer,
    Agent,
    Vhost,
    Method,
    /// A path, with its query if that follows at once.
    Path,
    /// A query with its question mark, or nothing.
    Query,
    Protocol,
}

/// A piece of the format before it is compiled.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Literal(Vec<u8>),
    Directive(Slot, String),
    /// A time without brackets.
    PlainTime,
}

impl LineFormat {
    /// Compiles a format's name or a LogFormat string.
    pub(super) fn new(text: &str) -> Result<Self, SpecError> {
        let format = NAMED
            .iter()
            .find(|(name, _)| *name == text)
            .map_or(text, |(_, format)| format);
        let fail = |why: String| {
            SpecError(format!(
                "--line-format '{text}': {why}; write common, combined, vhost-combined or a \
                 LogFormat string such as '%h %l %u %t \"%r\" %>s %b'"
            ))
        };
        let tokens = tokens(format).map_err(fail)?;
        if !tokens.iter().any(|token| token.slot().is_some()) {
            return Err(fail("no directive that says anything of a request".into()));
        }
        let steps = compile(&tokens).map_err(fail)?;
        Ok(Self { steps })
    }

    /// Whether lines of this format have a field.
    pub(super) fn has(&self, field: Field) -> bool {
        self.steps.iter().any(|step| {
            let slot = match step {
                Step::Literal(_) => return false,
                Step::Time => Slot::Time,
                Step::Capture(slot, _) => *slot,
            };
            match field {
                Field::Host => slot == Slot::Host,
                Field::User => slot == Slot::User,
                Field::TimeHour | Field::TimeDay => slot == Slot::Time,
                Field::Method => matches!(slot, Slot::Request | Slot::Method),
                Field::Path => matches!(slot, Slot::Request | Slot::Path),
                Field::Query => matches!(slot, Slot::Request | Slot::Path | Slot::Query),
                Field::Protocol => matches!(slot, Slot::Request | Slot::Protocol),
                Field::Status => slot == Slot::Status,
                Field::Bytes => slot == Slot::Bytes,
                Field::Referer => slot == Slot::Referer,
                Field::Agent => slot == Slot::Agent,
                Field::Vhost => slot == Slot::Vhost,
            }
        })
    }

    /// Parses a line without its terminator.
    pub(super) fn parse<'a>(&self, line: &'a [u8]) -> Result<Entry<'a>, Reason> {
        let mut entry = Entry::default();
        let mut rest = line;
        for step in &self.steps {
            match step {
                Step::Literal(text) => {
                    rest = rest
                        .strip_prefix(&text[..])
                        .ok_or("the line is not in the --line-format")?;
                }
                Step::Time => {
                    let (time, after) = rest
                        .split_first_chunk::<LEN>()
                        .ok_or("the time is cut off")?;
                    entry.time = Time::parse(time)
                        .ok_or("the time is not like 17/May/2015:10:05:03 +0000")?;
                    rest = after;
                }
                Step::Capture(slot, until) => {
                    let len = match until {
                        Until::Text(finder) => finder
                            .find(rest)
                            .ok_or("the line is not in the --line-format")?,
                        Until::Quote => quoted(rest).ok_or("a quote is not closed")?.0.len(),
                        Until::End => rest.len(),
                    };
                    let (value, after) = rest.split_at(len);
                    slot.store(value, &mut entry)?;
                    rest = after;
                }
            }
        }
        if rest.is_empty() {
            Ok(entry)
        } else {
            Err("text after the last field of the --line-format")
        }
    }
}

impl Slot {
    fn store<'a>(self, value: &'a [u8], entry: &mut Entry<'a>) -> Result<(), Reason> {
        match self {
            Slot::Skip => {}
            Slot::Path => entry.request.parts_mut().path = value,
            Slot::Query => {
                entry.request.parts_mut().query = Some(value.strip_prefix(b"?").unwrap_or(value));
            }
            Slot::Request => entry.request = Request::Line(value),
            Slot::Referer => entry.referer = value,
            Slot::Agent => entry.agent = value,
            _ if value.is_empty() => return Err("an empty field"),
            Slot::Host => entry.host = value,
            Slot::User => entry.user = value,
            Slot::Vhost => entry.vhost = value,
            Slot::Method => entry.request.parts_mut().method = value,
            Slot::Protocol => entry.request.parts_mut().protocol = value,
            Slot::Status => entry.status = checked_status(value)?,
            Slot::Bytes => (entry.size, entry.bytes) = (value, checked_bytes(value)?),
            // Times have a step of their own.
            Slot::Time => {}
        }
        Ok(())
    }
}

impl Token {
    fn slot(&self) -> Option<Slot> {
        match self {
            Token::Literal(_) => None,
            Token::PlainTime => Some(Slot::Time),
            Token::Directive(slot, _) => (*slot != Slot::Skip).then_some(*slot),
        }
    }
}

/// Takes a format apart.
fn tokens(format: &str) -> Result<Vec<Token>, String> {
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
    let slot = match (letter, argument) {
        ("h" | "a", _) => Slot::Host,
        ("u", _) => Slot::User,
        ("t", "") => Slot::Time,
        ("t", PLAIN_TIME) => return Ok((Token::PlainTime, &rest[letters..])),
        ("r", _) => Slot::Request,
        ("s", _) => Slot::Status,
        ("b" | "B" | "O", _) => Slot::Bytes,
        ("v" | "V", _) => Slot::Vhost,
        ("m", _) => Slot::Method,
        ("U", _) => Slot::Path,
        ("q", _) => Slot::Query,
        ("H", _) => Slot::Protocol,
        ("i", name) if name.eq_ignore_ascii_case("referer") => Slot::Referer,
        ("i", name) if name.eq_ignore_ascii_case("user-agent") => Slot::Agent,
        _ => Slot::Skip,
    };
    let typed = text.len() - rest.len() + letters;
    let name = format!("%{}", &text[..typed]);
    Ok((Token::Directive(slot, name), &rest[letters..]))
}

fn compile(tokens: &[Token]) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut seen: Vec<Slot> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let step = match token {
            Token::Literal(text) => Step::Literal(text.clone()),
            Token::PlainTime if seen.contains(&Slot::Time) => {
                return Err("two times".into());
            }
            Token::PlainTime => {
                seen.push(Slot::Time);
                Step::Time
            }
            Token::Directive(slot, name) => {
                let until = match &tokens.get(at + 1..) {
                    Some([Token::Literal(text), ..]) if text[0] == b'"' => Until::Quote,
                    Some([Token::Literal(text), ..]) => {
                        Until::Text(Box::new(Finder::new(text).into_owned()))
                    }
                    Some([Token::Directive(_, next), ..]) => {
                        return Err(format!("there is nothing between {name} and {next}"));
                    }
                    Some([Token::PlainTime, ..]) => {
                        return Err(format!("there is nothing between {name} and the time"));
                    }
                    _ => Until::End,
                };
                // Of two that say the same, such as %b and %O, the first counts.
                let slot = if seen.contains(slot) {
                    Slot::Skip
                } else {
                    *slot
                };
                seen.push(slot);
                Step::Capture(slot, until)
            }
        };
        steps.push(step);
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::super::entry::Room;
    use super::*;

    fn value(format: &str, line: &str, field: Field) -> Result<String, String> {
        let format = LineFormat::new(format).map_err(|error| error.to_string())?;
        let entry = format.parse(line.as_bytes())?;
        let value = entry.value(field, &mut Room::default()).to_vec();
        Ok(String::from_utf8(value).unwrap())
    }

    #[test]
    fn directives_find_their_values() {
        let format = r#"%a %{X-Id}i [%D us] %u %t \"%m %U%q %H\" %>s %B %%\t\"%{referer}i\" %400,501{User-agent}i"#;
        let line = "10.0.0.1 id 7 [123 us] john doe [17/May/2015:10:05:03 +0100] \
                    \"GET /a?b=c HTTP/1.1\" 200 17 %\t\"http://x/\\\"y\" curl 8";
        for (field, expected) in [
            (Field::Host, "10.0.0.1"),
            (Field::User, "john doe"),
            (Field::TimeHour, "2015-05-17T09"),
            (Field::Method, "GET"),
            (Field::Path, "/a?b=c"),
            (Field::Query, "b=c"),
            (Field::Protocol, "HTTP/1.1"),
            (Field::Status, "200"),
            (Field::Bytes, "17"),
            (Field::Referer, "http://x/\"y"),
            (Field::Agent, "curl 8"),
            (Field::Vhost, "-"),
        ] {
            assert_eq!(value(format, line, field).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn parts_of_a_request_may_stand_apart() {
        let format = "%v:%p %U %q %{%d/%b/%Y:%H:%M:%S %z}t %b %O";
        let line = "example.org:80 /a ?b=c 17/May/2015:10:05:03 +0000 - 99";
        let get = |field| value(format, line, field).unwrap();
        assert_eq!(get(Field::Vhost), "example.org");
        assert_eq!(get(Field::Path), "/a");
        assert_eq!(get(Field::Query), "b=c");
        assert_eq!(get(Field::TimeDay), "2015-05-17");
        assert_eq!(get(Field::Bytes), "0");
    }

    #[test]
    fn lines_in_another_format_are_refused() {
        let common = |line| value("common", line, Field::Host);
        let good = r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5"#;
        assert_eq!(common(good).as_deref(), Ok("h"));
        for line in [
            "",
            "h",
            r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 -5"#,
            r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 20 5"#,
            r#"h - - [17/May/2015:10:05:03] "GET / HTTP/1.1" 200 5"#,
            r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1\" 200 5"#,
            r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#,
            r#" - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5"#,
        ] {
            assert!(common(line).is_err(), "{line}");
        }
    }

    #[test]
    fn formats_that_cannot_work_are_refused() {
        for (format, why) in [
            ("", "no directive"),
            ("plain text", "no directive"),
            ("%h %", "is no directive"),
            ("%{Referer %h", "no closing brace"),
            ("%h%u", "nothing between %h and %u"),
            ("%t %t", "two times"),
            ("%h %é", "is no directive"),
        ] {
            let error = LineFormat::new(format).unwrap_err().to_string();
            assert!(error.contains(why), "{format}: {error}");
        }
    }
}
