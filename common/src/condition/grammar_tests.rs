//! What conditions mean as they are typed, and what is refused.

use super::super::{Record, Value};
use super::*;

struct Fields<'a>([Option<&'a str>; 3]);

impl Record for Fields<'_> {
    fn value(&mut self, field: usize) -> Value<'_> {
        match self.0[field] {
            None => Value::Absent,
            Some("null") => Value::Null,
            Some(text) => Value::Text(text.as_bytes()),
        }
    }
}

fn read(typed: &str) -> Result<Condition, String> {
    parse("--where", typed, &mut |name| {
        let known = ["a", "b", "c"].iter().position(|known| *known == name);
        known.ok_or_else(|| format!("no field {name}"))
    })
}

/// Whether a record whose fields a, b, c have these values satisfies a condition.
fn holds(condition: &str, values: [Option<&str>; 3]) -> bool {
    read(condition).unwrap().holds(&mut Fields(values))
}

#[test]
fn conditions_mean_what_they_say() {
    let record = [Some("5.0"), Some("GET /x (y)"), None];
    for (condition, expected) in [
        ("a = 5", true),
        ("a = '5'", false),
        ("a != 5", false),
        ("a>4.99 and a<=5", true),
        ("a < 10", true),
        ("a < '10'", false),
        ("b = GET /x (y)", true),
        ("(b = GET /x (y) and a = 5)", true),
        (r"b ~ ^GET /(x|y) \(y\)$ and a = 5", true),
        ("b ~ [(] and a = 5", true),
        ("b ~ [^])] and a = 4", false),
        ("b = 'x AND y' or b = '== 5'", false),
        ("b !~ ^GET", false),
        ("c = 1", false),
        ("c != 1", true),
        ("c < 1 or c >= 1", false),
        ("not c < 1", true),
        ("exists c", false),
        ("not exists c and exists a", true),
        ("a in (4, 5)", true),
        ("a not in (4, 5)", false),
        ("b in (x, 'GET /x (y)')", true),
        ("c not in (x)", true),
        ("a = 4 or a = 5 and b ~ x", true),
        ("(a = 4 or a = 5) and c = 1", false),
        ("not (a = 4 or a = 5)", false),
        ("a = null", false),
        ("a = or", false),
        ("a >= '1000000000000000000'", true),
        ("a < 10.0.0.1", false),
        ("a < 'null'", true),
    ] {
        assert_eq!(holds(condition, record), expected, "{condition}");
    }
    assert!(holds("a = null and exists a", [Some("null"), None, None]));
    assert!(holds("a = 'null'", [None; 3]) == holds("a = ''", [None; 3]));
    assert!(holds("a = ''", [Some(""), None, None]));
    // Words of the language may be fields.
    let mut named = |name: &str| match name {
        "not" | "exists" => Ok(0),
        _ => Err(name.to_owned()),
    };
    let read = parse("--where", "not != x and exists = 1", &mut named).unwrap();
    assert!(read.holds(&mut Fields([Some("1"), None, None])));
}

#[test]
fn conditions_that_cannot_work_are_refused() {
    let deep = format!("{}a = 1", "(".repeat(1000));
    for (text, why) in [
        ("", "a field is missing"),
        ("a", "no operator"),
        ("a 200", "no operator"),
        ("a =", "a value is missing"),
        ("a = 'x", "is not closed"),
        ("(a = 1", "a parenthesis is not closed"),
        ("a = 1)", "is left over"),
        ("a in 1", "no list"),
        ("a in (1", "is not closed"),
        ("b ~ (", "not a regular expression"),
        ("d = 1", "no field d"),
        ("a = 1 and", "a field is missing"),
        ("a < null", "null has no order; write = or !="),
        ("a >= 1000000000000000000", "more than 18 digits"),
        ("a < -1e18", "more than 18 digits"),
        ("a > 0.0000000001", "in quotes it is compared as text"),
        ("a == 5", "`=` is no operator here"),
        ("a => 5", "`>` is no operator"),
        ("a <> 5", "`>` is no operator"),
        ("a = 5 AND b = 1", "`AND` is no operator"),
        ("b = x && a = 5", "`&&` is no operator"),
        ("b = x Or a = 5", "joined by `and` and `or`"),
        ("b = /x( and a = 5", "quote a value that holds one"),
        ("b ~ ( and a = 5", "not a regular expression"),
        (&deep, "too many parentheses"),
    ] {
        match read(text) {
            Ok(condition) => panic!("{text}: {condition:?}"),
            Err(error) => {
                assert!(error.contains(why), "{text}: {error}");
                assert!(error.contains("--where"), "{error}");
            }
        }
    }
}
