//! What is written as CoNLL-U is what the validator of Universal Dependencies accepts at level 2,
//! but for the tree.

use std::sync::Arc;

use gristmill_tagger::conllu::{Form, parse, push_comment, push_id, push_sentence};
use gristmill_tagger::{Model, Tagger};
use unicode_normalization::is_nfc;

fn written(tagger: &mut Tagger, text: &str) -> String {
    let (model, mut out, mut number) = (Arc::clone(tagger.model()), Vec::new(), 0);
    tagger.tag_text(text, |tagged| {
        number += 1;
        let forms: Vec<Form<'_>> = tagged.forms().collect();
        let id = |out: &mut Vec<u8>| out.extend_from_slice(format!("d-1-{number}").as_bytes());
        push_sentence(&mut out, &model, id, &forms, tagged.tags, &[]);
    });
    String::from_utf8(out).expect("UTF-8")
}

/// ID, FORM and MISC of each line, and the comments.
fn short(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        match columns.as_slice() {
            [id, form, .., misc] => format!("{id} {form} {misc}"),
            _ => line.to_owned(),
        }
    };
    let mut tagger = Tagger::new(Model::embedded());
    written(&mut tagger, text).lines().map(line).collect()
}

#[test]
fn a_contraction_is_a_range_and_the_text_is_given() {
    assert_eq!(
        short("You shouldn't've,\n I  don't."),
        [
            "# sent_id = d-1-1",
            "# text = You shouldn't've, I don't.",
            "1 You _",
            "2-4 shouldn't've SpaceAfter=No",
            "2 should _",
            "3 n't _",
            "4 've _",
            "5 , _",
            "6 I _",
            "7-8 don't SpaceAfter=No",
            "7 do _",
            "8 n't _",
            "9 . _",
            ""
        ]
    );
}

#[test]
fn a_sentence_that_the_next_one_touches_says_so() {
    let lines = short("It ended.Then it began.");
    assert!(lines.contains(&"3 . SpaceAfter=No".to_owned()), "{lines:?}");
}

#[test]
fn forms_are_composed_and_hold_no_white_space() {
    let model = Model::embedded();
    let forms = [
        "e\u{301}t\u{e9}".as_bytes(),
        b"a\x0bb",
        "c\u{a0}d".as_bytes(),
        b"\xff",
    ]
    .map(|bytes| Form {
        bytes,
        joined: false,
        continues: false,
        surface: None,
    });
    let words = ["été", "a b", "c d", "?"];
    let tags = Tagger::new(Arc::clone(&model)).tag(&words);
    let mut out = Vec::new();
    push_sentence(&mut out, &model, |_| {}, &forms, &tags, &[]);
    let text = String::from_utf8(out).expect("UTF-8");
    let wanted = "# text = \u{e9}t\u{e9} a\u{2423}b c\u{2423}d \u{25a1}\n";
    assert!(text.contains(wanted), "{text}");
    let read = parse(text.as_bytes()).expect("CoNLL-U");
    assert_eq!(read[0].words[0].form, "\u{e9}t\u{e9}");
}

#[test]
fn names_become_ids_without_slash_or_space_and_stay_different() {
    let id = |name: &[u8]| {
        let mut out = Vec::new();
        push_id(&mut out, name);
        String::from_utf8(out).expect("UTF-8")
    };
    assert_eq!(id(b"a/b c%.txt"), "a%2Fb%20c%25.txt");
    assert_eq!(id("caf\u{e9}".as_bytes()), "caf\u{e9}");
    assert_eq!(id("cafe\u{301}".as_bytes()), "cafe%CC%81");
    assert_eq!(id(b"\xff\n"), "%FF%0A");
    let mut comment = Vec::new();
    push_comment(&mut comment, b"a/b\nc");
    assert_eq!(comment, "a/b\u{25a1}c".as_bytes());
}

/// The validator's rules for a sentence, in so far as they do not concern the tree.
fn check(block: &str) {
    let mut lines = block.lines();
    let id = lines
        .next()
        .and_then(|l| l.strip_prefix("# sent_id = "))
        .expect("sent_id");
    assert!(
        !id.is_empty() && !id.contains(|c: char| c == '/' || c.is_whitespace()),
        "{id}"
    );
    let mut text = lines
        .next()
        .and_then(|l| l.strip_prefix("# text = "))
        .expect("text");
    assert_eq!(text, text.trim());
    assert!(is_nfc(text), "the text is composed: {block}");
    let (mut next, mut inside) = (1, 0);
    for line in lines {
        let columns: Vec<&str> = line.split('\t').collect();
        assert_eq!(columns.len(), 10, "{line}");
        for column in &columns {
            assert!(
                !column.is_empty() && !column.contains(char::is_whitespace),
                "{line}"
            );
        }
        let range = columns[0].split_once('-');
        if let Some((first, last)) = range {
            assert!(inside == 0 && first.parse() == Ok(next), "{block}");
            let last: usize = last.parse().expect("a number");
            assert!(
                last > next && columns[2..9].iter().all(|c| *c == "_"),
                "{block}"
            );
            inside = last + 1 - next;
        } else {
            assert_eq!(columns[0].parse(), Ok(next), "{block}");
            next += 1;
            if inside > 0 {
                inside -= 1;
                assert_eq!(
                    columns[9], "_",
                    "a word of a range says nothing of spaces: {block}"
                );
                continue;
            }
        }
        text = text
            .strip_prefix(columns[1])
            .unwrap_or_else(|| panic!("{text:?}: {block}"));
        if columns[9] != "SpaceAfter=No" && !text.is_empty() {
            text = text
                .strip_prefix(' ')
                .unwrap_or_else(|| panic!("{text:?}: {block}"));
        }
    }
    assert!(text.is_empty() && inside == 0, "{block}");
}

#[test]
fn any_text_is_written_as_the_validator_wants_it() {
    let pieces = [
        "don't",
        "a",
        "'",
        "s",
        ".",
        " ",
        "\n",
        "\n\n",
        "cannot",
        "'tis",
        "-",
        "\u{301}",
        "e\u{301}",
        "\u{a0}",
        "\u{0}",
        "\u{fffd}",
        "\u{7f}",
        "\u{1f600}",
        "\u{61f}",
        "(",
        "1.",
        "\t",
        "\u{2028}",
        "n't",
        "10am",
        "\u{200d}",
        "#",
        "=",
        "<",
        "\u{338}",
        "\u{200b}",
        "\u{feff}",
        "\u{202e}",
        "\r\n",
        "\r",
        "\u{1c}",
        "\u{1f469}\u{200d}\u{1f680}",
    ];
    let mut tagger = Tagger::new(Model::embedded());
    let mut state = 7_u64;
    let mut roll = |sides: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    };
    for _ in 0..3_000 {
        let text: String = (0..roll(14)).map(|_| pieces[roll(pieces.len())]).collect();
        let out = written(&mut tagger, &text);
        parse(out.as_bytes()).expect("CoNLL-U");
        out.split_terminator("\n\n").for_each(check);
    }
}
