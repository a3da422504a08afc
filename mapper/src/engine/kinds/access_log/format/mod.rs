//! `--line-format`: an Apache LogFormat string, compiled to a small program of literals and
//! captures.
//!
//! A directive captures what stands before the literal after it; before a quote, escapes count. A
//! directive whose value is of no use here is skipped over as text.

mod literal;
mod moment;
mod tokens;

use gristmill_common::spec::Field;
use memchr::memrchr;

use self::literal::Literal;
pub(in crate::engine::kinds) use self::moment::Tells;
use self::moment::{Moment, TimeFormat};
use self::tokens::{Slot, Token, tokens};
use super::client::{NOT_A_HOST, check_user, has_control, host_of, is_port, trim_blanks};
use super::entry::{Entry, Request};
use super::servers::{Reason, checked_bytes, checked_status, quoted};
use super::time::{LEN, Time, When};

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

const OTHER: Reason = "the line is not in the given format";
const NO_TIME: Reason = "the time is not in the form that the format gives";

/// A compiled format.
#[derive(Clone, Debug)]
pub(super) struct LineFormat {
    steps: Vec<Step>,
    /// How much there is of a request's time.
    tells: Tells,
    /// Whether times are put together from [`Step::Moment`].
    moments: bool,
}

#[derive(Clone, Debug)]
enum Step {
    /// This text.
    Literal(Literal),
    /// A value.
    Capture(Slot, Until),
    /// A time as `%t` writes it, without brackets.
    Time,
    /// A time, or a part of one, in another form.
    Moment(TimeFormat),
}

/// Where a captured value ends.
#[derive(Clone, Debug)]
enum Until {
    /// Before this text.
    Text(Literal),
    /// Before a quote that is not escaped.
    Quote,
    /// Before a colon and a port, which this text or the line's end follows: an IPv6 address has
    /// colons of its own.
    Port(Option<Literal>),
    /// At the line's end.
    End,
}

impl LineFormat {
    /// Compiles a format's name or a LogFormat string.
    ///
    /// # Errors
    /// What of the text is no format.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let format = NAMED
            .iter()
            .find(|(name, _)| *name == text)
            .map_or(text, |(_, format)| format);
        let tokens = tokens(format)?;
        if !tokens.iter().any(Token::tells) {
            return Err("no directive that says anything of a request".into());
        }
        let steps = compile(tokens)?;
        let forms: Vec<&TimeFormat> = (steps.iter())
            .filter_map(|step| match step {
                Step::Moment(form) => Some(form),
                _ => None,
            })
            .collect();
        let tells = match steps.iter().any(|step| matches!(step, Step::Time)) {
            true => Tells::Minute,
            false => TimeFormat::tells(&forms),
        };
        let moments = tells > Tells::Nothing
            && !forms.is_empty()
            && !steps.iter().any(|step| matches!(step, Step::Time));
        Ok(Self {
            steps,
            tells,
            moments,
        })
    }

    /// Whether lines of this format have a field.
    pub(super) fn has(&self, field: Field) -> bool {
        let slots: &[Slot] = match field {
            Field::TimeDay => return self.tells >= Tells::Day,
            Field::TimeHour => return self.tells >= Tells::Hour,
            Field::Host => &[Slot::Host],
            Field::User => &[Slot::User],
            Field::Method => &[Slot::Request, Slot::Method],
            Field::Path => &[Slot::Request, Slot::Path],
            Field::Query => &[Slot::Request, Slot::Path, Slot::Query],
            Field::Protocol => &[Slot::Request, Slot::Protocol],
            Field::Status => &[Slot::Status],
            Field::Bytes => &[Slot::Bytes],
            Field::Referer => &[Slot::Referer],
            Field::Agent => &[Slot::Agent],
            Field::Vhost => &[Slot::Vhost],
        };
        let has = |step: &Step| matches!(step, Step::Capture(slot, _) if slots.contains(slot));
        self.steps.iter().any(has)
    }

    /// How much lines say of their time.
    pub(super) fn tells(&self) -> Tells {
        self.tells
    }

    /// Parses a line without its terminator.
    pub(super) fn parse<'a>(&self, line: &'a [u8]) -> Result<Entry<'a>, Reason> {
        let mut entry = Entry::default();
        let mut moment = Moment::default();
        let mut ident: Option<&[u8]> = None;
        let mut rest = line;
        for step in &self.steps {
            rest = match step {
                Step::Literal(text) => text.strip(rest).ok_or(OTHER)?,
                Step::Time => {
                    let (time, after) = rest
                        .split_first_chunk::<LEN>()
                        .ok_or("the time is cut off")?;
                    let time = Time::parse(time)
                        .ok_or("the time is not like 17/May/2015:10:05:03 +0000")?;
                    entry.time = When::Written(time);
                    after
                }
                Step::Moment(form) => form.read(rest, &mut moment).ok_or(NO_TIME)?,
                Step::Capture(slot, until) => {
                    let (value, after) = rest.split_at(until.find(*slot, rest)?);
                    match slot {
                        Slot::Ident => ident = Some(value),
                        // In quotes it ends where it says.
                        Slot::User if !matches!(until, Until::Quote) => check_user(value, ident)?,
                        _ => {}
                    }
                    slot.store(value, &mut entry)?;
                    after
                }
            };
        }
        if !trim_blanks(rest).is_empty() {
            return Err("text after the last field of the format");
        }
        if self.moments {
            entry.time = moment.when().ok_or(NO_TIME)?;
        }
        Ok(entry)
    }
}

impl Until {
    /// The length of the value that `rest` begins with.
    fn find(&self, slot: Slot, rest: &[u8]) -> Result<usize, Reason> {
        match self {
            Until::Text(literal) => {
                let mut found = literal.find(rest, 0).ok_or(OTHER)?;
                // A chain of forwarders (`a, b`) is one value.
                while slot == Slot::Host && rest[..found.start].ends_with(b",") {
                    found = literal.find(rest, found.end).ok_or(OTHER)?;
                }
                Ok(found.start)
            }
            Until::Quote => Ok(quoted(rest).ok_or("a quote is not closed")?.0.len()),
            Until::Port(next) => {
                let end = match next {
                    Some(literal) => literal.find(rest, 0).ok_or(OTHER)?.start,
                    None => trim_blanks(rest).len(),
                };
                memrchr(b':', &rest[..end]).ok_or(OTHER)
            }
            Until::End => Ok(trim_blanks(rest).len()),
        }
    }
}

impl Slot {
    fn store<'a>(self, value: &'a [u8], entry: &mut Entry<'a>) -> Result<(), Reason> {
        match self {
            Slot::Skip | Slot::Ident => {}
            Slot::Path => entry.request.parts_mut().path = value,
            Slot::Query => {
                entry.request.parts_mut().query = Some(value.strip_prefix(b"?").unwrap_or(value));
            }
            Slot::Request => entry.request = Request::Line(value),
            Slot::Referer => entry.referer = value,
            Slot::Agent => entry.agent = value,
            _ if value.is_empty() => return Err("an empty field"),
            Slot::Host => entry.host = host_of(value).ok_or(NOT_A_HOST)?,
            Slot::User | Slot::Vhost if has_control(value) => {
                return Err("a control character in a field");
            }
            Slot::User => entry.user = value,
            Slot::Vhost => entry.vhost = value,
            Slot::Port if value != b"-" && !is_port(value) => {
                return Err("the port is not a number");
            }
            Slot::Port => {}
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

fn compile(mut tokens: Vec<Token>) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut seen: Vec<Slot> = Vec::new();
    for at in 0..tokens.len() {
        let has_fraction =
            |token: &Token| matches!(token, Token::Literal(text) if matches!(text[0], b'.' | b','));
        let follows = tokens.get(at + 1).is_some_and(has_fraction);
        let step = match &mut tokens[at] {
            Token::Literal(text) => Step::Literal(Literal::new(text)),
            Token::PlainTime if seen.contains(&Slot::Time) => {
                return Err("two times".into());
            }
            Token::PlainTime => {
                seen.push(Slot::Time);
                Step::Time
            }
            Token::Time(form, _) => {
                let mut form = form.clone();
                if follows {
                    form.without_fraction();
                }
                Step::Moment(form)
            }
            Token::Directive(slot, _) => {
                // Of two that say the same, such as %b and %O, the first counts.
                let slot = match seen.contains(slot) && !matches!(slot, Slot::Port) {
                    true => Slot::Skip,
                    false => *slot,
                };
                seen.push(slot);
                Step::Capture(slot, until(&tokens[at], &tokens[at + 1..])?)
            }
        };
        steps.push(step);
    }
    Ok(steps)
}

/// Where the value of a directive ends, before what follows it.
fn until(directive: &Token, following: &[Token]) -> Result<Until, String> {
    let name = |token: &Token| match token {
        Token::Directive(_, name) | Token::Time(_, name) => name.clone(),
        Token::PlainTime | Token::Literal(_) => "the time".into(),
    };
    Ok(match following {
        [] => Until::End,
        [Token::Literal(text), ..] if text[0] == b'"' => Until::Quote,
        [Token::Literal(colon), Token::Directive(Slot::Port, _)] if colon == b":" => {
            Until::Port(None)
        }
        [
            Token::Literal(colon),
            Token::Directive(Slot::Port, _),
            Token::Literal(next),
            ..,
        ] if colon == b":" => Until::Port(Some(Literal::new(next))),
        [Token::Literal(text), ..] => Until::Text(Literal::new(text)),
        [next, ..] => {
            let (before, after) = (name(directive), name(next));
            return Err(format!("there is nothing between {before} and {after}"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::entry::Scratch;
    use super::*;

    fn value(format: &str, line: &str, field: Field) -> Result<String, String> {
        let format = LineFormat::new(format)?;
        let entry = format.parse(line.as_bytes())?;
        let value = entry.value(field, &mut Scratch::default()).to_vec();
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
    fn a_blank_stands_for_a_run_of_blanks() {
        let squid = "%{ts}x %{ms}x %h %{res}x/%s %b %m %U %{id}x %{h}x %{ct}x";
        for line in [
            "1930000000.779    180 192.0.2.224 TCP_MISS/200 400 GET http://e/a - DIRECT/- text/html",
            "1930000000.779 123456 192.0.2.224 TCP_MISS/200 400 GET http://e/a - DIRECT/- text/html ",
        ] {
            assert_eq!(
                value(squid, line, Field::Host).as_deref(),
                Ok("192.0.2.224")
            );
            assert_eq!(value(squid, line, Field::Bytes).as_deref(), Ok("400"));
        }
        let jetty =
            r#"192.0.2.26 -  alice  [09/Feb/2031:11:24:18 +0000]  "GET /a HTTP/1.1"  200 5 "#;
        assert_eq!(value("common", jetty, Field::User).as_deref(), Ok("alice"));
    }

    #[test]
    fn a_port_is_behind_the_last_colon() {
        let vhost = |line| value("%v:%p %h %>s", line, Field::Vhost);
        assert_eq!(
            vhost("[2001:db8::2]:443 h 200").as_deref(),
            Ok("[2001:db8::2]")
        );
        assert_eq!(vhost("2001:db8::2:443 h 200").as_deref(), Ok("2001:db8::2"));
        assert_eq!(vhost("example.org:443 h 200").as_deref(), Ok("example.org"));
        assert!(vhost("example.org h 200").is_err());
        assert!(vhost("example.org:https h 200").is_err());
        let host = |line| value("%>s %h:%{remote}p", line, Field::Host);
        assert_eq!(
            host("200 [2001:db8::3]:4711").as_deref(),
            Ok("[2001:db8::3]")
        );
        assert_eq!(host("200 192.0.2.1:4711").as_deref(), Ok("192.0.2.1"));
    }

    #[test]
    fn hosts_and_users_are_what_they_can_be() {
        let fields = |line: &str| {
            let line = format!(r#"{line} [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5"#);
            let field = |field| value("common", &line, field).ok();
            Some((field(Field::Host)?, field(Field::User)?))
        };
        let found = |host: &str, user: &str| Some((host.to_owned(), user.to_owned()));
        assert_eq!(
            fields("203.0.113.7, 198.51.100.2 - -"),
            found("203.0.113.7", "-")
        );
        assert_eq!(fields("h - Jane Q Doe"), found("h", "Jane Q Doe"));
        for line in [
            "Mar 13 08:15:03 web1 nginx[77]: 192.0.2.65 - bob",
            "a.example.org 192.0.2.10 - -",
            "a.example.org - 192.0.2.10 - -",
            "h frank Jane Doe",
            "\0\0h - -",
            "h - a\tb",
        ] {
            assert_eq!(fields(line), None, "{line}");
        }
        // In quotes a user may be anything.
        assert_eq!(
            value(r#"%h "%u" %>s"#, r#"h "a - b" 200"#, Field::User).as_deref(),
            Ok("a - b")
        );
    }

    #[test]
    fn times_may_have_other_forms() {
        for (format, line, hour) in [
            (
                "%h [%{%Y-%m-%dT%H:%M:%S%z}t] %>s",
                "h [2031-02-09T11:00:00+01:00] 200",
                "2031-02-09T10",
            ),
            ("%{msec}t %h %>s", "1930000000779 h 200", "2031-02-27T23"),
            (
                "%{sec}t.%{msec_frac}t %h %>s",
                "1930000000.779 h 200",
                "2031-02-27T23",
            ),
            (
                "%h [%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t] %>s",
                "h [09/Feb/2031 11:00:00.125 -0100] 200",
                "2031-02-09T12",
            ),
            (
                "%{iso8601}t %h %>s",
                "2031-02-09T11:00:00Z h 200",
                "2031-02-09T11",
            ),
        ] {
            assert_eq!(
                value(format, line, Field::TimeHour).as_deref(),
                Ok(hour),
                "{format}"
            );
        }
        let format = LineFormat::new("%{%Y-%m-%d}t %h").unwrap();
        assert!(format.has(Field::TimeDay) && !format.has(Field::TimeHour));
        assert_eq!(
            value("%{%Y-%m-%d}t %h", "2031-02-09 h", Field::TimeDay).as_deref(),
            Ok("2031-02-09")
        );
        assert!(value("%{%Y-%m-%d}t %h", "2031-02-30 h", Field::TimeDay).is_err());
        let hours = LineFormat::new("%{%H}t %h").unwrap();
        assert!(!hours.has(Field::TimeDay) && !hours.has(Field::TimeHour));
        assert_eq!(value("%{%H}t %h", "10 h", Field::Host).as_deref(), Ok("h"));
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
            ("%h %{%Q}t", "`%Q` is not read"),
            ("%h%{sec}t", "nothing between %h and %{sec}t"),
        ] {
            let error = LineFormat::new(format).unwrap_err();
            assert!(error.contains(why), "{format}: {error}");
        }
    }
}
