//! The reader of JSON against a complete one, and on texts that are made to break it.

use gristmill_common::record::content;
use proptest::prelude::*;
use serde_json::Value as Tree;

use gristmill_common::condition::Value;

use super::super::field::{Found, Names};
use super::Json;

/// What lines say of fields: a line each, or its reason.
fn read(fields: &[&str], text: &[u8]) -> Vec<Result<Vec<String>, String>> {
    let mut names = Names::default();
    let ids: Vec<_> = (fields.iter())
        .map(|name| names.field("", name).unwrap())
        .collect();
    let mut found = Found::new(names.paths.len());
    let mut all = Vec::new();
    let mut ends = 0;
    let lines = Json::new(&names).lines(text, &mut found, |at, line, read| {
        assert!(at >= ends, "lines overlap");
        ends = at + line.len();
        assert_eq!(&text[at..ends], line);
        assert!(at == 0 || text[at - 1] == b'\n');
        assert_eq!(memchr::memchr(b'\n', content(line)), None);
        all.push(match read {
            Ok((found, text)) => Ok(ids.iter().map(|&id| shown(found.value(id, text))).collect()),
            Err(reason) => Err(reason.to_owned()),
        });
    });
    assert_eq!(lines, gristmill_common::record::Splitter::Lines.count(text));
    // Alone, each line says the same.
    let mut alone = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        match Json::new(&names).record::<false>(line, &mut found) {
            Ok(true) => alone.push(Ok(ids
                .iter()
                .map(|&id| shown(found.value(id, line)))
                .collect())),
            Ok(false) => {}
            Err(reason) => alone.push(Err(reason.to_owned())),
        }
    }
    assert_eq!(all, alone);
    all
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Absent => "absent".into(),
        Value::Null => "null".into(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
    }
}

fn one(fields: &[&str], line: &str) -> Result<Vec<String>, String> {
    read(fields, line.as_bytes()).remove(0)
}

#[test]
fn fields_are_found_by_their_paths() {
    let line = r#"{"a":1,"b":{"c":"x","d":[10,{"e":null},"z"],"f":{}},"g.h":true,"":2,"é":"\u00e9\ud83d\ude00\n\""}"#;
    let fields = [
        "a", "b.c", "b.d.0", "b.d.1.e", "b.d.2", "b.d.3", "b.f", r"g\.h", "é", "b.d", "a.x",
    ];
    assert_eq!(
        one(&fields, line).unwrap(),
        [
            "'1'",
            "'x'",
            "'10'",
            "null",
            "'z'",
            "absent",
            "'{}'",
            "'true'",
            "'é😀\n\"'",
            r#"'[10,{"e":null},"z"]'"#,
            "absent"
        ]
    );
    assert_eq!(
        one(&["0.a", "1"], r#" [ {"a" : "x" } , 5 ] "#).unwrap(),
        ["'x'", "'5'"]
    );
    assert_eq!(one(&["a"], r#"{"\u0061":7}"#).unwrap(), ["'7'"]);
}

#[test]
fn of_keys_that_come_twice_the_last_one_counts() {
    assert_eq!(one(&["a"], r#"{"a":1,"a":2}"#).unwrap(), ["'2'"]);
    assert_eq!(
        one(&["a", "a.b"], r#"{"a":{"b":1},"a":{"c":2}}"#).unwrap(),
        [r#"'{"c":2}'"#, "absent"]
    );
    assert_eq!(one(&["a.b"], r#"{"a":{"b":1},"a":2}"#).unwrap(), ["absent"]);
    assert_eq!(one(&["a"], r#"{"a":1,"a":null}"#).unwrap(), ["null"]);
}

#[test]
fn what_is_no_json_says_why() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for (line, why) in [
        ("x", "no JSON object"),
        ("5", "no JSON object"),
        ("{", "in the middle"),
        (r#"{"a":1"#, "in the middle"),
        (r#"{"a":"x"#, "inside a string"),
        (r#"{"a":"x\"#, "escape"),
        (r#"{"a":"\x"}"#, "escape"),
        (r#"{"b":"\u12G4"}"#, "escape"),
        (r#"{"a":"\ud800"}"#, "surrogate"),
        (r#"{"a":"\udc00\ud800"}"#, "surrogate"),
        ("{\"b\":\"\t\"}", "control"),
        (r#"{"a":1,}"#, "no key"),
        (r#"{"a" 1}"#, "no colon"),
        (r#"{"a":}"#, "no value"),
        (r#"{"a":tru}"#, "no value"),
        (r#"{"a":NaN}"#, "no value"),
        (r#"{"a":01}"#, "number"),
        (r#"{"a":1.}"#, "number"),
        (r#"{"a":-}"#, "number"),
        (r#"{"a":1e}"#, "number"),
        (r#"{"a":[1 2]}"#, "comma"),
        (r#"{"a":[1}"#, "comma"),
        (r#"{"a":1} x"#, "follows"),
        (r#"{}{}"#, "follows"),
        (&deep, "deep"),
    ] {
        let reason = one(&["a"], line).unwrap_err();
        assert!(reason.contains(why), "{line:.60}: {reason}");
    }
    // Nobody asked for that field.
    assert!(one(&["a"], r#"{"b":"\ud800"}"#).is_ok());
}

#[test]
fn a_bad_line_leaves_its_neighbours_alone() {
    let text = b"{\"a\":\"1\n\n  \r\n{\"a\":2}\r\n{\"a\":\"\\\n{\"a\":\"\\\"\"}\n\"\n{\"a\":5}";
    let lines = read(&["a"], text);
    let good: Vec<_> = lines.iter().filter_map(|line| line.as_ref().ok()).collect();
    assert_eq!(good, [&["'2'"], &["'\"'"], &["'5'"]]);
    assert_eq!(lines.len(), 6);
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        any::<i64>().prop_map(|number| number.into()),
        any::<f64>().prop_map(|number| number.into()),
        "[a\"\\\\\u{0}\u{1F}é😀/]{0,8}".prop_map(Tree::String),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Array),
            prop::collection::vec(("[abc\"é]{0,2}", inner), 0..4)
                .prop_map(|fields| Tree::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Lines of one shape, each with something changed: what is remembered of a shape does not
    /// show.
    #[test]
    fn lines_that_are_nearly_alike_are_read_each_for_itself(
        fields in prop::collection::vec(("[abc]{1,2}", tree()), 1..4),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(&br#"ab01-n{}[],:"\ .e"#[..]), any::<bool>()),
            1..60,
        ),
    ) {
        let line = Tree::Object(fields.into_iter().collect()).to_string();
        let mut text = Vec::new();
        for (at, byte, insert) in changes {
            let mut changed = line.clone().into_bytes();
            let at = at.index(changed.len());
            match insert {
                true => changed.insert(at, byte),
                false => changed[at] = byte,
            }
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
            text.extend_from_slice(&changed);
            text.push(b'\n');
        }
        read(&["a", "a.b", "b.1", "a.c.a"], &text);
    }

    #[test]
    fn it_reads_what_a_complete_reader_reads(
        trees in prop::collection::vec(prop::collection::vec(("[abc]{1,2}", tree()), 0..4), 1..40)
    ) {
        let trees: Vec<Tree> = (trees.into_iter())
            .map(|fields| Tree::Object(fields.into_iter().collect()))
            .collect();
        let text: Vec<String> = trees.iter().map(Tree::to_string).collect();
        let lines = read(&["a", "a.b", "b.1", "a.c.a"], text.join("\n").as_bytes());
        for (tree, line) in trees.iter().zip(lines) {
            let wanted = ["/a", "/a/b", "/b/1", "/a/c/a"].map(|path| match tree.pointer(path) {
                None => "absent".to_owned(),
                Some(Tree::Null) => "null".to_owned(),
                Some(Tree::String(text)) => format!("'{text}'"),
                Some(other) => format!("'{other}'"),
            });
            prop_assert_eq!(line.unwrap(), wanted);
        }
    }

    #[test]
    fn it_refuses_what_a_complete_reader_refuses(
        text in r#"[\[\]{}:," \\0-9.eE+\-nulltrefas\n\r\tx]{0,30}"#,
        prefix in prop_oneof![Just("{\"a\":"), Just("["), Just("")],
    ) {
        let text = format!("{prefix}{text}");
        let lines: Vec<&str> = text.split('\n').filter(|line| !line.trim().is_empty()).collect();
        for (line, read) in lines.iter().zip(read(&["a"], text.as_bytes())) {
            let complete = serde_json::from_str::<Tree>(line);
            let good = complete.as_ref().is_ok_and(|tree| tree.is_object() || tree.is_array());
            // A number beyond what it can hold is the one thing that the other reader adds.
            let beyond = complete.is_err_and(|error| error.to_string().contains("out of range"));
            prop_assert!(beyond || read.is_ok() == good, "{}: {:?}", line, read);
        }
    }

    #[test]
    fn hostile_bytes_are_refused_not_fatal(text in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&["a", "a.b", "0"], &text);
    }
}
