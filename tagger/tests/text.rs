//! Tokenizer and splitter: the conventions, and the properties that hold for any input.

use gristmill_tagger::{Model, Tagger, Token, replace_invalid, tokenize};

fn split(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    tokenize(text, &mut tokens);
    tokens
        .iter()
        .map(|token| &text[token.start..token.end])
        .collect()
}

fn sentences(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    Tagger::penn_only(Model::embedded()).tag_text(text, |tagged| {
        let (first, last) = (tagged.tokens[0], tagged.tokens[tagged.tokens.len() - 1]);
        out.push(text[first.start..last.end].to_owned());
    });
    out
}

#[test]
fn invisible_characters_stay_inside_their_words() {
    for c in ['\u{ad}', '\u{200b}', '\u{2060}', '\u{feff}'] {
        let text = format!("They co{c}operate with neigh{c}bours{c} , don't{c}.");
        let plain: Vec<String> = split(&text)
            .iter()
            .map(|token| token.replace(c, ""))
            .collect();
        assert_eq!(
            plain,
            ["They", "cooperate", "with", "neighbours", ",", "don't", "."],
            "{c:?}"
        );
    }
}

/// Words with their tags, as they are written.
fn tagged(text: &str) -> String {
    let model = Model::embedded();
    let mut out = Vec::new();
    Tagger::new(std::sync::Arc::clone(&model)).tag_text(text, |tagged| {
        for (form, tag) in tagged.forms().zip(tagged.tags) {
            let form = String::from_utf8_lossy(form.bytes).into_owned();
            out.push(format!("{form}_{}_{}", model.xpos(*tag), model.upos(*tag)));
        }
    });
    out.join(" ")
}

#[test]
fn what_cannot_be_seen_changes_no_tag_and_no_sentence() {
    let plain = "The dogs bark. It is loud (very). Don't they co operate? 1. No";
    for c in ['\u{ad}', '\u{200b}', '\u{2060}', '\u{feff}'] {
        let hidden = format!(
            "{c}The do{c}gs bark{c}. It{c} is loud {c}(very).{c} {c}Don't they co operate?{c} {c}1. No"
        );
        assert_eq!(tagged(&hidden).replace(c, ""), tagged(plain), "{c:?}");
        let count = |text: &str| sentences(text).len();
        assert_eq!(count(&hidden), count(plain), "{c:?}");
        // Alone it is a token: every character that is not white space is in one.
        assert_eq!(split(&format!("{c}{c} a")).len(), 2);
    }
}

#[test]
fn spaces_tell_a_hyphen_from_a_pause_and_inches_from_quotation_marks() {
    for (text, wanted) in [
        (
            "A state-of-the-art tool.",
            "state_NN_NOUN -_HYPH_PUNCT of_IN_ADP -_HYPH_PUNCT",
        ),
        ("It is 17\" wide.", "17_CD_NUM \"_NNS_NOUN wide"),
        (
            "He is 5'11\" tall.",
            "5_CD_NUM '_NNS_NOUN 11_CD_NUM \"_NNS_NOUN tall",
        ),
        (
            "He said \"the year was 84\" again.",
            "84_CD_NUM \"_''_PUNCT",
        ),
        (
            "Mail to goldconn@isye.gatech.edu now.",
            "goldconn@isye.gatech.edu_ADD_PROPN now",
        ),
    ] {
        let found = tagged(text);
        assert!(found.contains(wanted), "{found}");
    }
}

#[test]
fn tokens_follow_the_treebank() {
    let cases = [
        (
            "I don't think it's John's.",
            "I do n't think it 's John 's .",
        ),
        (
            "They cannot, and we'll say: \"No!\"",
            "They can not , and we 'll say : \" No ! \"",
        ),
        (
            "Mr. O'Neill (of the U.S.) paid $5.50, i.e. 5% more...",
            "Mr. O'Neill ( of the U.S. ) paid $ 5.50 , i.e. 5 % more ...",
        ),
        (
            "Mail me@site.org or see http://a.b/c?d=e&f=g, ok?",
            "Mail me@site.org or see http://a.b/c?d=e&f=g , ok ?",
        ),
        (
            "$20m for 3k people, 4x 60Hz, 250ml and 2tbsp at 3G in the 1990s",
            "$ 20 m for 3 k people , 4 x 60 Hz , 250 ml and 2 tbsp at 3G in the 1990s",
        ),
        ("a =\u{338} b, -\u{301} c", "a =\u{338} b , -\u{301} c"),
        (
            "a well-known non-native e-mail at 10am :-)",
            "a well - known non-native e-mail at 10 am :-)",
        ),
        (
            "call 713-853-3989 on 11/28/2000 at 10:30 and/or later",
            "call 713-853-3989 on 11/28/2000 at 10:30 and / or later",
        ),
        (
            "1,000 dogs--big ones!!! \u{201c}Really\u{201d}",
            "1,000 dogs -- big ones !!! \u{201c} Really \u{201d}",
        ),
        (
            "He said \u{2019}tis John\u{2019}s; didn\u{2019}t he?",
            "He said \u{2019}t is John \u{2019}s ; did n\u{2019}t he ?",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(split(text).join(" "), expected);
    }
}

#[test]
fn contractions_of_all_kinds_are_split() {
    for (text, expected) in [
        ("You shouldn't've", "You should n't 've"),
        ("I'd've, who'll've", "I 'd 've , who 'll 've"),
        ("'Tis true, 'twas so", "'T is true , 't was so"),
        ("Gimme, lemme, gotcha", "Gim me , lem me , got cha"),
        (
            "im sure ive lost it, wont you",
            "i m sure i ve lost it , wo nt you",
        ),
        ("IM me", "IM me"),
        ("the '90s, rock 'n' roll", "the '90s , rock ' n ' roll"),
    ] {
        assert_eq!(split(text).join(" "), expected);
    }
}

#[test]
fn marks_of_other_scripts_are_tokens_and_end_sentences() {
    assert_eq!(
        split("\u{645}\u{631}\u{60c} \u{645}\u{61b} 5\u{66a} \u{645}\u{61f}"),
        [
            "\u{645}\u{631}",
            "\u{60c}",
            "\u{645}",
            "\u{61b}",
            "5",
            "\u{66a}",
            "\u{645}",
            "\u{61f}"
        ]
    );
    for stop in [
        "\u{61f}", "\u{6d4}", "\u{964}", "\u{589}", "\u{1362}", "\u{3002}", "\u{ff1f}", "\u{203d}",
    ] {
        let text = format!("abc{stop} abc{stop}");
        let whole = format!("abc{stop}");
        assert_eq!(sentences(&text), [whole.as_str(), whole.as_str()]);
    }
}

#[test]
fn the_line_of_a_list_item_begins_a_sentence() {
    for (text, expected) in [
        (
            "To buy:\n- milk\n- ten eggs",
            vec!["To buy:", "- milk", "- ten eggs"],
        ),
        (
            "1. Buy milk\n2. Go home.\n3) Sleep",
            vec!["1. Buy milk", "2. Go home.", "3) Sleep"],
        ),
        ("List\n(a) one\n(b) two", vec!["List", "(a) one", "(b) two"]),
        (
            "\u{2022} one\n\u{2022} two",
            vec!["\u{2022} one", "\u{2022} two"],
        ),
        ("1 one\n2 two\n3 three", vec!["1 one", "2 two", "3 three"]),
        ("1.1 Scope\n1.2. Terms", vec!["1.1 Scope", "1.2. Terms"]),
        // Wrapped text goes on.
        (
            "It was in\n1985 that we\n-5 or so met",
            vec!["It was in\n1985 that we\n-5 or so met"],
        ),
        ("I counted 1.\nThen 2.", vec!["I counted 1.", "Then 2."]),
    ] {
        assert_eq!(sentences(text), expected);
    }
}

#[test]
fn sentences_end_where_they_should() {
    let text = "Dr. Smith lives in the U.S. He paid Mr. J. Doe. \"Why?\" she asked. I see... not\n\nA title\n\nThe end";
    let expected = [
        "Dr. Smith lives in the U.S.",
        "He paid Mr. J. Doe.",
        "\"Why?\" she asked.",
        "I see... not",
        "A title",
        "The end",
    ];
    assert_eq!(sentences(text), expected);
    assert_eq!(
        sentences("One line\nwraps to the next. Two."),
        ["One line\nwraps to the next.", "Two."]
    );
    assert!(sentences("").is_empty() && sentences(" \n\n\t ").is_empty());
}

/// A small generator of its own: tests must not lean on the code they test.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

fn check(text: &str, tokens: &[Token]) {
    let mut end = 0;
    for token in tokens {
        assert!(
            token.start >= end && token.end > token.start && token.end <= text.len(),
            "{token:?} in {text:?}"
        );
        assert!(text.is_char_boundary(token.start) && text.is_char_boundary(token.end));
        assert!(
            text[end..token.start].chars().all(char::is_whitespace),
            "uncovered in {text:?}"
        );
        end = token.end;
    }
    assert!(
        text[end..].chars().all(char::is_whitespace),
        "uncovered at the end of {text:?}"
    );
}

/// What texts are put together from.
const PIECES: &[&str] = &[
    "a",
    "Zed",
    "n't",
    "'",
    "\u{2019}",
    "s",
    ".",
    "..",
    "!",
    "?",
    " ",
    "\n",
    "\n\n",
    "-",
    "--",
    "/",
    ",",
    ":",
    ")",
    "(",
    "$",
    "5",
    "1,0",
    "@",
    "http://",
    "www.",
    ".com",
    "\u{1f600}",
    "\u{1f468}\u{200d}\u{1f469}",
    "e\u{301}",
    "\u{301}",
    "\u{4e2d}",
    "\u{3002}",
    "\u{201c}",
    "\u{a0}",
    "\u{0}",
    "\u{7f}",
    "<b>",
    "&amp;",
    "``",
    "''",
    "`",
    "cannot",
    "U.S.",
    "Mr.",
    "am",
    "w/",
    "%",
    "\u{130}",
    "\u{df}",
    "\u{2026}",
    "\u{202e}",
    "\u{fffd}",
    "#",
    "_",
    "*",
    "=",
    "^",
    "|",
    "~",
    "+",
    ";",
];

#[test]
fn any_text_is_covered_in_order() {
    let mut dice = Dice(11);
    let mut tokens = Vec::new();
    for _ in 0..30_000 {
        let text: String = (0..dice.roll(12))
            .map(|_| PIECES[dice.roll(PIECES.len())])
            .collect();
        tokenize(&text, &mut tokens);
        check(&text, &tokens);
    }
}

#[test]
fn any_bytes_are_tagged_with_their_offsets() {
    let mut tagger = Tagger::new(Model::embedded());
    let mut dice = Dice(5);
    for _ in 0..2_000 {
        let bytes: Vec<u8> = (0..dice.roll(60))
            .map(|_| {
                if dice.roll(3) == 0 {
                    dice.roll(256) as u8
                } else {
                    b"the end. \xc3\xa9\n"[dice.roll(12)]
                }
            })
            .collect();
        let text = replace_invalid(&bytes);
        assert_eq!(text.len(), bytes.len());
        let mut all = Vec::new();
        tagger.tag_bytes(&bytes, |tagged| {
            assert_eq!(tagged.tokens.len(), tagged.tags.len());
            all.extend_from_slice(tagged.tokens);
        });
        check(&text, &all);
    }
}

const HOSTILE: [&str; 17] = [
    "a",
    ".",
    "-",
    "'",
    "\u{1f600}",
    "a.",
    "a-",
    "n't",
    "9,",
    "(",
    "A@b.",
    "e\u{301}",
    "a'",
    "\u{2014}",
    "Mr. ",
    "9\"",
    "\u{feff}-",
];

/// Time that this thread has spent on a processor, where the system says so: others' load is no
/// part of it.
fn spent(start: std::time::Instant) -> std::time::Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split(' ').next().and_then(|field| field.parse().ok());
    nanos.map_or_else(|| start.elapsed(), std::time::Duration::from_nanos)
}

#[test]
fn hostile_text_takes_linear_time() {
    let mut tokens = Vec::new();
    let start = std::time::Instant::now();
    let mut best = |text: &str| {
        let mut once = || {
            let before = spent(start);
            tokenize(text, &mut tokens);
            spent(start) - before
        };
        (0..3).map(|_| once()).min().unwrap_or_default()
    };
    for piece in HOSTILE {
        // Eight times the text: a quadratic scan takes 64 times as long. The time spent is known to
        // some milliseconds, and not at all where no tick of the clock fell into it.
        let small = best(&piece.repeat((1 << 18) / piece.len()));
        let large = best(&piece.repeat((1 << 21) / piece.len()));
        let slack = std::time::Duration::from_millis(100);
        assert!(
            large < small * 30 + slack,
            "{piece:?}: {small:?}, then {large:?}"
        );
    }
}

#[test]
fn a_megabyte_without_a_space_is_tagged() {
    let mut tagger = Tagger::new(Model::embedded());
    let text = "a".repeat(1 << 20);
    let mut count = 0;
    tagger.tag_text(&text, |tagged| count += tagged.tokens.len());
    assert_eq!(count, 1);
    for piece in HOSTILE {
        let text = piece.repeat((1 << 16) / piece.len());
        let mut end = 0;
        tagger.tag_text(&text, |tagged| {
            end = tagged.tokens.last().map_or(end, |token| token.end)
        });
        assert_eq!(end, text.trim_end().len(), "{piece:?}");
    }
}
