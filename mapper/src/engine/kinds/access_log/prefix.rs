//! `--skip-prefix`: what a log shipper puts in front of a line.

use regex::bytes::Regex;

use crate::engine::prepared::SpecError;

/// Prefixes that have a name.
const NAMED: [(&str, &str); 3] = [
    // RFC 5424 (structured data may hold brackets in quotes), RFC 3164 as syslogd and rsyslog write
    // it, and journalctl's short forms. The first two with or without PRI. A host does not end with
    // a colon, and a tag's colon stands behind its pid, or before a blank or the end: others are of
    // an address.
    (
        "syslog",
        r#"(?:<\d{1,3}>)?(?:1 [^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ (?:-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+) (?:\xEF\xBB\xBF)?|(?:[A-Z][a-z]{2} [ \d]?\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?|(?:[A-Z][a-z]{2} )?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d| [A-Z]{2,5})?|\d+\.\d+|\[ *\d+\.\d+\]) +(?:[^ ]*[^ :] +)?[^ :\[\]]+(?:\[[^\] ]*\]: ?|:(?: |$)))"#,
    ),
    // A `P` line is a part of one, and is no entry.
    (
        "cri",
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) F ",
    ),
    // `docker compose logs`, coloured or not, and `docker logs --timestamps`.
    (
        "docker",
        r"(?:(?:\x1b\[[\d;]*m)?[A-Za-z0-9][A-Za-z0-9._-]* +(?:\x1b\[[\d;]*m)?\| ?(?:\x1b\[[\d;]*m)? ?)?(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) )?",
    ),
];

/// What is skipped at a line's beginning.
#[derive(Clone, Debug)]
pub(in crate::engine::kinds) struct Prefix(Regex);

impl Prefix {
    /// Compiles a prefix's name or a regular expression.
    pub(in crate::engine::kinds) fn new(text: &str) -> Result<Self, SpecError> {
        let pattern = NAMED
            .iter()
            .find(|(name, _)| *name == text)
            .map_or(text, |(_, pattern)| pattern);
        let unicode = if pattern == text { "" } else { "(?-u)" };
        let regex = Regex::new(&format!("^(?:{unicode}{pattern})")).map_err(|error| {
            SpecError(format!(
                "--skip-prefix '{text}': {error}; write syslog, cri, docker or a regular expression \
                 that matches what stands before the host"
            ))
        })?;
        Ok(Self(regex))
    }

    /// The line without its prefix; a line without one stays as it is.
    pub(in crate::engine::kinds) fn strip<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        self.0.find(line).map_or(line, |found| &line[found.end()..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 4] = [
        "192.0.2.64 - bob [13/Mar/2031:08:15:00 +0100] \"GET /\" 200 1",
        "2001:db8::1 - - [13/Mar/2031:08:15:00 +0100] \"GET /a: b\" 200 1",
        "addr=10.0.0.1:80 level=warn",
        "",
    ];

    fn check(name: &str, prefixes: &[&str]) {
        let prefix = Prefix::new(name).unwrap();
        for (text, line) in prefixes
            .iter()
            .flat_map(|text| LINES.map(|line| (text, line)))
        {
            let whole = format!("{text}{line}");
            let rest = prefix.strip(whole.as_bytes());
            assert_eq!(String::from_utf8_lossy(rest), line, "{name}: {text}");
        }
        // A tag at the end of its line.
        assert_eq!(
            prefix.strip(b"Mar 13 08:15:03 web1 nginx:").is_empty(),
            name == "syslog"
        );
    }

    #[test]
    fn named_prefixes_are_skipped() {
        check(
            "syslog",
            &[
                "",
                "<134>Mar 13 08:15:02 web1 apache: ",
                "Mar 13 08:15:03 web1 nginx[77]: ",
                "Mar  3 08:15:03 web1 nginx[77]: ",
                "Mar 13 08:15:03.123456 web1 nginx[77]: ",
                "Mar 13 08:15:03 nginx: ",
                "<190>Mar 13 08:15:03 nginx[77]: ",
                "Mar 13 08:15:03 fe80::1 nginx: ",
                "Mar 13 08:15:03 web1 nginx[77]:",
                "2031-03-13T08:15:03.000000+00:00 app[web.1]: ",
                "<190>Mar 13 2031 08:15:03 web1 docker/web_1: ",
                "2031-03-13T08:15:03.123456+01:00 web1 haproxy[1234]: ",
                "2031-03-13T08:15:03+0100 web1 nginx[77]: ",
                "Thu 2031-03-13 08:15:03 CET web1 nginx[77]: ",
                "1930000000.123456 web1 nginx[77]: ",
                "[   12.345678] web1 nginx[77]: ",
                "<134>1 2031-03-13T08:15:02Z web1 apache - - - ",
                "1 2031-03-13T08:15:02.003Z web1 apache 12 ID47 - ",
                "<165>1 2031-03-13T08:15:02Z web1 app 1 - [a@1 k=\"v]\\\"\"][b@2] \u{FEFF}",
            ],
        );
        check(
            "cri",
            &[
                "2031-03-13T08:15:04.123456789Z stdout F ",
                "2031-03-13T08:15:04.123+01:00 stderr F ",
            ],
        );
        check(
            "docker",
            &[
                "",
                "web-1  | ",
                "web_1 | ",
                "\u{1b}[36mweb-1  | \u{1b}[0m",
                "\u{1b}[36mweb-1  |\u{1b}[0m ",
                "2031-03-13T08:15:04.123456789Z ",
                "web-1  | 2031-03-13T08:15:04.123456789Z ",
            ],
        );
        check("[^|]*\\| ", &["anything | "]);
    }

    #[test]
    fn what_is_no_prefix_stays() {
        for (name, line) in [
            ("cri", "2031-03-13T08:15:04.1Z stdout P 192.0.2.1 - - ["),
            ("syslog", "2031-03-13T08:15:04.123Z 192.0.2.67 - - ["),
            ("syslog", "2031-03-13T08:15:04.123Z 2001:db8::1 - - ["),
            ("syslog", "Mar 13 08:15:03 web1 10.0.0.1:80 - - ["),
            ("syslog", "Mar 13 08:15:03 ts=2031-03-13T08:15:03Z a=1"),
            ("syslog", "web-1  | 192.0.2.67 - - ["),
            ("docker", "192.0.2.67 - - ["),
        ] {
            let rest = Prefix::new(name).unwrap();
            assert_eq!(rest.strip(line.as_bytes()), line.as_bytes(), "{name}");
        }
        let error = Prefix::new("(").unwrap_err().to_string();
        assert!(error.contains("--skip-prefix"), "{error}");
    }
}
