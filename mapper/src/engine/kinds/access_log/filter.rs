//! `--where`: which lines count.

use gristmill_common::condition::{self, Condition, Record, Test, Value};
use gristmill_common::spec::Field;

use super::entry::{Entry, Scratch};
use crate::engine::prepared::SpecError;

/// One condition, and the fields that it asks for.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    condition: Condition,
    pub(super) fields: Vec<Field>,
}

impl Filter {
    /// Reads a condition such as `status >= 500 and path ~ ^/api/`.
    pub(super) fn parse(text: &str) -> Result<Self, SpecError> {
        let mut fields = Vec::new();
        let condition = condition::parse("--where", text, &mut |name| {
            let known = Field::all().iter().position(|field| field.name() == name);
            let number = known.ok_or_else(|| {
                let names: Vec<&str> = Field::all().iter().map(|field| field.name()).collect();
                format!("`{name}` is not a field (fields are {})", names.join(", "))
            })?;
            fields.push(Field::all()[number]);
            Ok(number)
        });
        let condition = condition.map_err(SpecError)?;
        check(&condition).map_err(|why| SpecError(format!("--where '{text}': {why}")))?;
        Ok(Self { condition, fields })
    }

    /// The path that a line must have, where the condition says so.
    pub(super) fn path(&self) -> Option<&[u8]> {
        path_of(&self.condition)
    }

    /// Whether a line satisfies the condition. `scratch` is for values that are not in the line.
    pub(super) fn holds(&self, entry: &Entry<'_>, scratch: &mut Scratch) -> bool {
        self.condition.holds(&mut Line { entry, scratch })
    }
}

/// A line, and scratch for values that are not in it.
struct Line<'l, 'e> {
    entry: &'l Entry<'e>,
    scratch: &'l mut Scratch,
}

impl Record for Line<'_, '_> {
    #[inline]
    fn value(&mut self, field: usize) -> Value<'_> {
        Value::Text(self.entry.value(Field::all()[field], self.scratch))
    }
}

/// Refuses what can hold for no line, or for every one.
fn check(condition: &Condition) -> Result<(), String> {
    match condition {
        Condition::Not(inner) => check(inner),
        Condition::All(all) | Condition::Any(all) => all.iter().try_for_each(check),
        Condition::Test(field, test) => {
            let field = Field::all()[*field];
            match test {
                Test::Text(texts) if is_number(field) => {
                    Err(no_number(field, texts.first().map_or(&[], Vec::as_slice)))
                }
                Test::TextOrder(_, text) if is_number(field) => Err(no_number(field, text)),
                Test::Exists | Test::Null => Err(format!(
                    "every line has `{0}`, which is - where the server had none; write {0} != -",
                    field.name()
                )),
                _ => Ok(()),
            }
        }
    }
}

fn is_number(field: Field) -> bool {
    matches!(field, Field::Status | Field::Bytes)
}

fn no_number(field: Field, text: &[u8]) -> String {
    format!(
        "`{}` is compared as a number, and '{}' is none; write {0} = 200, without quotes",
        field.name(),
        String::from_utf8_lossy(text)
    )
}

fn path_of(condition: &Condition) -> Option<&[u8]> {
    match condition {
        Condition::Test(field, Test::Text(texts)) => match (Field::all()[*field], &texts[..]) {
            (Field::Path, [path]) => Some(path),
            _ => None,
        },
        Condition::All(all) => all.iter().find_map(path_of),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::servers;
    use super::*;

    #[test]
    fn conditions_that_cannot_work_are_refused() {
        for (text, why) in [
            ("", "a field is missing"),
            ("verb = GET", "is not a field"),
            ("status 200", "no operator"),
            ("status = ok", "'ok' is none"),
            ("bytes > '1'", "'1' is none"),
            ("path ~ (", "not a regular expression"),
            ("path == /x", "`=` is no operator here"),
            ("method = GET && status = 404", "`&&` is no operator here"),
            ("method = GET || status = 404", "`||` is no operator here"),
            ("exists referer", "write referer != -"),
        ] {
            let error = Filter::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("--where"), "{error}");
        }
    }

    #[test]
    fn conditions_hold_for_lines() {
        let line = br#"192.0.2.1 - ann [17/May/2015:10:05:03 +0000] "GET /x HTTP/1.1" 404 20"#;
        let entry = servers::parse(line).unwrap();
        for (text, expected) in [
            ("status>=400", true),
            (" status >= 405 ", false),
            ("time:hour!=2015-05-17T10", false),
            ("path = '/x'", true),
            ("path = /x and status = 404", true),
            ("path ~ ^/x and status = 200", false),
            ("method in (HEAD, GET)", true),
            ("not (method = GET or bytes < 10)", false),
            ("referer = -", true),
        ] {
            let filter = Filter::parse(text).unwrap();
            assert_eq!(
                filter.holds(&entry, &mut Scratch::default()),
                expected,
                "{text}"
            );
        }
        let path = |text: &str| Filter::parse(text).unwrap().path().map(<[u8]>::to_vec);
        assert_eq!(path("status = 404 and path = /x"), Some(b"/x".to_vec()));
        assert_eq!(path("status = 404 or path = /x"), None);
        assert_eq!(path("path != /x"), None);
    }
}
