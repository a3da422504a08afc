//! Each kind's result on a few real lines.

mod support;

use gristmill_common::spec::{
    AccessLog, Extract, Field, Format, Grep, Kind, Pos, Tagset, Wc, WordCount, Words,
};
use support::{Document, Merged, cut, document, grep, map, spec};

fn run(kind: Kind, text: &str) -> Merged {
    let spec = spec(kind);
    map(&spec, &cut(&[document("d", text)], &spec.records, 1 << 20))
}

fn word_count(words: Words) -> Kind {
    Kind::WordCount(WordCount { words, top: None })
}

#[test]
fn word_count_takes_unicode_words() {
    let text = "\u{FEFF}Can't stop: Ça va, 3.14 — ΟΔΟΣ!\nstop don't. snake_case ___ 日本\n";
    assert_eq!(
        run(word_count(Words::Unicode), text).lines(),
        [
            "3.14 1",
            "can't 1",
            "don't 1",
            "snake_case 1",
            "stop 2",
            "va 1",
            "ça 1",
            "οδος 1",
            "日 1",
            "本 1"
        ]
    );
}

#[test]
fn word_count_takes_ascii_words() {
    assert_eq!(
        run(word_count(Words::Ascii), "Can't Ça 'tis it's3D\nd\n").lines(),
        ["'tis 1", "a 1", "can't 1", "d 2", "it's 1"]
    );
}

#[test]
fn word_count_makes_no_word_of_a_lone_mark() {
    let text = "a \u{93E} b\n\t\u{93E} c\n\"\u{93E} q\n\u{202F}\u{93E} x_\u{93E} न\u{93E}म\n";
    assert_eq!(
        run(word_count(Words::Unicode), text).lines(),
        ["a 1", "b 1", "c 1", "q 1", "x_\u{93E} 1", "न\u{93E}म 1"]
    );
    assert_eq!(
        run(word_count(Words::Unicode), "\u{93E} \u{301}\n").lines(),
        [""; 0]
    );
}

#[test]
fn grep_takes_a_byte_that_is_not_utf8_for_no_word() {
    let lines: &[u8] = b"\x93error\x94 in quotes\nan \x96error\x96 too\nno errors\n\xE9error\n\
        r\xC3\xA9error\xFF\nerror\xFF\n\xFFerrors \xFF\nplain error\n";
    let found = |options: Grep| {
        let spec = spec(Kind::Grep(options));
        let chunks = cut(&[document("d", lines)], &spec.records, 1 << 20);
        map(&spec, &chunks).bytes
    };
    let word = |pattern: &str| Grep {
        word_regexp: true,
        line_number: true,
        only_matching: true,
        ..grep(pattern)
    };
    let numbers = |options: Grep| {
        let found = found(options);
        let lines = found
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty());
        lines.map(|line| line[0] - b'0').collect::<Vec<u8>>()
    };
    // As GNU grep has it: `grep -a -w`.
    assert_eq!(numbers(word("error")), [1, 2, 4, 6, 8]);
    assert_eq!(numbers(word("ERROR")), [0; 0]);
    assert_eq!(
        numbers(Grep {
            ignore_case: true,
            ..word("ERROR")
        }),
        [1, 2, 4, 6, 8]
    );
    assert_eq!(numbers(word("^error")), [6]);
    assert_eq!(numbers(word("error$")), [4, 8]);
    assert_eq!(numbers(word("(^|o )error|plain")), [6, 8]);
    let bounded = Grep {
        word_regexp: false,
        ..word(r"\berror\b")
    };
    assert_eq!(numbers(bounded), [1, 2, 4, 6, 8]);
    let others = Grep {
        invert_match: true,
        only_matching: false,
        ..word("error")
    };
    assert_eq!(numbers(others), [3, 5, 7]);
}

#[test]
fn grep_finds_lines() {
    let text = "alpha beta\r\nBETA\n\ngamma betas\nlast beta";
    let found = |options: Grep| run(Kind::Grep(options), text).text().to_owned();
    assert_eq!(found(grep("beta$")), "alpha beta\r\nlast beta\n");
    assert_eq!(found(grep("^$")), "\n");
    assert_eq!(
        found(Grep {
            word_regexp: true,
            ignore_case: true,
            line_number: true,
            with_filename: true,
            ..grep("beta")
        }),
        "d:1:alpha beta\r\nd:2:BETA\nd:5:last beta\n"
    );
    assert_eq!(
        found(Grep {
            invert_match: true,
            ..grep("beta")
        }),
        "BETA\n\n"
    );
    assert_eq!(
        found(Grep {
            only_matching: true,
            ..grep("[a-z]*a")
        }),
        "alpha\nbeta\ngamma\nbeta\nla\nbeta\n"
    );
    assert_eq!(
        found(Grep {
            fixed_strings: true,
            ..grep("a.b")
        }),
        ""
    );
}

#[test]
fn grep_counts() {
    let counted = |options: Grep| {
        let spec = spec(Kind::Grep(Grep {
            count: true,
            ..options
        }));
        let documents = [
            document("a", "x\ny\nx"),
            document("b", ""),
            document("c", "y\n"),
        ];
        map(&spec, &cut(&documents, &spec.records, 1 << 20))
    };
    assert_eq!(counted(grep("x")).lines(), [" 2"]);
    assert_eq!(counted(grep("none")).lines(), [" 0"]);
    let by_name = counted(Grep {
        with_filename: true,
        ..grep("x")
    });
    let rows: Vec<(&[u8], u128)> = by_name
        .table
        .iter()
        .map(|(key, values)| (&key[8..], values[0]))
        .collect();
    assert_eq!(rows, [(&b"a"[..], 2), (b"b", 0), (b"c", 0)]);
}

const LOG: &str = r#"83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a/b.png HTTP/1.1" 200 203023 "http://example.org/x" "Mozilla/5.0 (Macintosh)"
83.149.9.216 - john doe [17/May/2015:23:05:03 -0200] "GET /robots.txt HTTP/1.1" 404 - "-" "a \"quoted\" agent"
www.example.org:443 10.0.0.1 - - [18/May/2015:01:00:00 +0000] "POST /f?q=1&r=2 HTTP/2.0" 200 17 "-" "curl/8"
10.0.0.2 - - [18/May/2015:01:00:00 +0000] "\x16\x03\x01" 400 226
this is no log line
10.0.0.3 - - [18/May/2015:01:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "open
"#;

fn access_log(by: &[Field], filters: &[&str], distinct: Option<Field>) -> Merged {
    run(
        Kind::AccessLog(AccessLog {
            by: by.to_vec(),
            filters: filters.iter().map(|&f| f.to_owned()).collect(),
            distinct,
            top: None,
            line_format: None,
            skip_prefix: None,
        }),
        LOG,
    )
}

#[test]
fn access_log_groups() {
    let by = |field| access_log(&[field], &[], None).lines();
    assert_eq!(by(Field::Status), ["200 2 203040", "400 1 226", "404 1 0"]);
    assert_eq!(
        by(Field::Host),
        ["10.0.0.1 1 17", "10.0.0.2 1 226", "83.149.9.216 2 203023"]
    );
    assert_eq!(by(Field::User), ["- 3 203266", "john doe 1 0"]);
    assert_eq!(
        by(Field::TimeHour),
        ["2015-05-17T10 1 203023", "2015-05-18T01 3 243"]
    );
    assert_eq!(
        by(Field::Path)[..],
        [
            "\u{16}\u{3}\u{1} 1 226",
            "/a/b.png 1 203023",
            "/f?q=1&r=2 1 17",
            "/robots.txt 1 0"
        ]
    );
    assert_eq!(by(Field::Query), [" 3 203249", "q=1&r=2 1 17"]);
    assert_eq!(
        by(Field::Agent),
        [
            "- 1 226",
            "Mozilla/5.0 (Macintosh) 1 203023",
            "a \"quoted\" agent 1 0",
            "curl/8 1 17"
        ]
    );
    assert_eq!(by(Field::Vhost), ["- 3 203249", "www.example.org 1 17"]);
    assert_eq!(
        by(Field::Bytes),
        ["0 1 0", "17 1 17", "203023 1 203023", "226 1 226"]
    );
    assert_eq!(access_log(&[], &[], None).lines(), [" 4 203266"]);
}

#[test]
fn access_log_filters() {
    let totals = |filters: &[&str]| access_log(&[], filters, None).lines()[0].clone();
    assert_eq!(totals(&["path = /robots.txt"]), " 1 0");
    assert_eq!(totals(&["status>=400", "method != GET"]), " 1 226");
    assert_eq!(totals(&["bytes < 100"]), " 2 17");
    assert_eq!(totals(&["time:day > 2015-05-17"]), " 3 243");
    assert_eq!(totals(&["agent ~ ^Mozilla"]), " 1 203023");
    assert_eq!(totals(&["agent !~ ^Mozilla", "user = john doe"]), " 1 0");
    assert_eq!(totals(&["status = 999"]), " 0 0");
}

#[test]
fn access_log_counts_distinct_values_and_quarantines_the_rest() {
    let merged = access_log(&[Field::Status], &[], Some(Field::Host));
    let members: Vec<Vec<Vec<u8>>> = merged
        .members
        .iter()
        .map(|key| gristmill_common::key::fields(key).unwrap())
        .collect();
    assert_eq!(
        members,
        [
            [&b"200"[..], b"10.0.0.1"],
            [b"200", b"83.149.9.216"],
            [b"400", b"10.0.0.2"],
            [b"404", b"83.149.9.216"]
        ]
    );
    assert_eq!(
        merged.reasons(),
        [
            "no [time]; --line-format describes other formats",
            "the user agent's quote is not closed"
        ]
    );
    assert_eq!(merged.quarantined[0].sample, b"this is no log line");
    assert_eq!(merged.counts[&0], [6, 4, 2]);
}

/// Lines of writers whose logs begin or end differently, with the hosts and users that they name.
const OTHER_WRITERS: &str = r#"203.0.113.7, 198.51.100.2 - - [09/Feb/2031:11:00:36 +0900] "GET / HTTP/1.1" 200 1 "-" "UA"
203.0.113.7 -  -  [09/Feb/2031:11:00:36 +0900] "GET / HTTP/1.1" 200 2  "-"  "UA" 17
192.0.2.26 -  alice  [09/Feb/2031:11:24:18 +0000] "GET /a HTTP/1.1" 200 4 
192.0.2.1 - - [09/Feb/2031:11:22:20 +0200] "GET /y HTTP/1.1" 200 8 "-" "UA" "203.0.113.9, 10.0.0.1"
192.0.2.1 - - [09/Feb/2031:11:22:20 +0200] "GET /y HTTP/1.1" 200 16 "-" "UA" 12 "web@file" "http://10.0.0.7:80" 5ms
192.0.2.1 - - [09/Feb/2031:11:22:20 +0200] "GET /y HTTP/1.1" -1 32 "" "" 35024 123 "f" "b" "s" 0 0 "----" 1
[2001:db8::2]:443 [2001:db8::3] - - [09/Feb/2031:11:22:20 +0200] "GET / HTTP/1.1" 200 64 "-" "UA"
unix: - Jane Q Doe [09/Feb/2031:11:22:20 +0200] "GET / HTTP/1.1" 200 128 "-" "UA"
"#;

#[test]
fn access_log_reads_what_other_writers_write() {
    let kind = |by: &[Field]| {
        Kind::AccessLog(AccessLog {
            by: by.to_vec(),
            filters: vec![],
            distinct: None,
            top: None,
            line_format: None,
            skip_prefix: None,
        })
    };
    let hosts = run(kind(&[Field::Host]), OTHER_WRITERS);
    assert_eq!(hosts.reasons(), [""; 0]);
    assert_eq!(
        hosts.lines(),
        [
            "192.0.2.1 3 56",
            "192.0.2.26 1 4",
            "203.0.113.7 2 3",
            "[2001:db8::3] 1 64",
            "unix: 1 128"
        ]
    );
    assert_eq!(
        run(kind(&[Field::User]), OTHER_WRITERS).lines(),
        ["- 6 123", "Jane Q Doe 1 128", "alice 1 4"]
    );
    assert_eq!(
        run(kind(&[Field::Status]), OTHER_WRITERS).lines(),
        ["-1 1 32", "200 7 223"]
    );
}

#[test]
fn access_log_sets_lines_with_a_prefix_aside_or_skips_what_it_is_told_to() {
    let line = r#"192.0.2.64 - bob [13/Mar/2031:08:15:00 +0100] "GET / HTTP/1.1" 302 5 "-" "UA""#;
    for (name, prefix) in [
        ("syslog", "<134>Mar  3 08:15:02 web1 apache: "),
        ("syslog", "Mar 13 08:15:03 web1 nginx[77]: "),
        ("syslog", "<134>1 2031-03-13T08:15:02Z web1 apache - - - "),
        ("cri", "2031-03-13T08:15:04.123Z stdout F "),
        ("docker", "web-1  | "),
        (r"\S+ ", "a.example.org "),
        ("\0+", "\0\0\0\0\0\0\0\0"),
    ] {
        let count = |skip_prefix: Option<&str>| {
            let kind = Kind::AccessLog(AccessLog {
                by: vec![Field::Host, Field::User],
                filters: vec![],
                distinct: None,
                top: None,
                line_format: None,
                skip_prefix: skip_prefix.map(str::to_owned),
            });
            let merged = run(kind, &format!("{prefix}{line}\n"));
            let reasons = merged.reasons().concat();
            (merged.table.len(), reasons)
        };
        let (rows, reason) = count(None);
        assert_eq!(rows, 0, "{prefix}");
        assert!(reason.contains("--line-format"), "{prefix}: {reason}");
        assert_eq!(count(Some(name)), (1, String::new()), "{prefix}");
    }
}

#[test]
fn wc_counts_each_document() {
    let spec = spec(Kind::Wc(Wc {}));
    let documents = [
        document("a", "one two\nthree\u{A0}four"),
        document("empty", ""),
        document("z", "\u{FEFF}\n\x0B \n"),
    ];
    let merged = map(&spec, &cut(&documents, &spec.records, 4));
    let rows: Vec<(&[u8], &[u128])> = merged
        .table
        .iter()
        .map(|(key, values)| (&key[8..], &values[..]))
        .collect();
    assert_eq!(
        rows,
        [
            (&b"a"[..], &[1, 3, 19][..]),
            (b"empty", &[0, 0, 0]),
            (b"z", &[2, 1, 7])
        ]
    );
}

#[test]
fn extract_writes_json_lines() {
    let spec = spec(Kind::Extract(Extract {}));
    let documents = [
        document("a\"b", "\u{FEFF}line\n\t\"é\"\0"),
        document("empty", ""),
        document("bad", b"x\xFFy\xE2\x82z"),
    ];
    let merged = map(&spec, &cut(&documents, &spec.records, 1));
    assert_eq!(
        merged.text(),
        concat!(
            r#"{"name":"a\"b","text":"line\n\t\"é\"\u0000"}"#,
            "\n",
            r#"{"name":"empty","text":""}"#,
            "\n{\"name\":\"bad\",\"text\":\"x\u{FFFD}y\u{FFFD}z\",\"text_base64\":\"eP954oJ6\"}\n"
        )
    );
    assert_eq!(merged.counts[&0], [3, 3, 0]);
}

fn pos(format: Format, tagset: Tagset, text: &str) -> String {
    pos_with(format, tagset, false, text)
}

fn pos_with(format: Format, tagset: Tagset, lemmas: bool, text: &str) -> String {
    let mut spec = spec(Kind::Pos(Pos {
        tokenized: false,
        lemmas,
        tagset,
        separator: "_".into(),
        model_hash: 0,
        own_model: false,
    }));
    spec.format = format;
    let chunks = cut(&[document("a/b c", text)], &spec.records, 1 << 20);
    map(&spec, &chunks).text().to_owned()
}

#[test]
fn pos_writes_tags_of_three_sets() {
    let by = |tagset| pos(Format::Text, tagset, "She went to Rome; I don't.");
    assert_eq!(
        by(Tagset::Ewt),
        "She_PRP went_VBD to_IN Rome_NNP ;_, I_PRP do_VBP n't_RB ._.\n"
    );
    assert_eq!(
        by(Tagset::Penn),
        "She_PRP went_VBD to_TO Rome_NNP ;_: I_PRP do_VBP n't_RB ._.\n"
    );
    assert_eq!(
        by(Tagset::Universal),
        "She_PRON went_VERB to_ADP Rome_PROPN ;_PUNCT I_PRON do_AUX n't_PART ._PUNCT\n"
    );
}

#[test]
fn pos_writes_lemmas_in_every_format() {
    let by = |format| pos_with(format, Tagset::Ewt, true, "She didn't go.");
    assert_eq!(
        by(Format::Text),
        "She_PRP_she did_VBD_do n't_RB_not go_VB_go ._._.\n"
    );
    let json = by(Format::Jsonl);
    let lemmas = r#""lemmas":["she","do","not","go","."]"#;
    assert!(json.contains(lemmas), "{json}");
    let conllu = by(Format::Conllu);
    let lemma = |line: &str| line.split('\t').nth(2).map(str::to_owned);
    let column: Vec<String> = conllu.lines().filter_map(lemma).collect();
    assert_eq!(column, ["she", "_", "do", "not", "go", "."]);
}

#[test]
fn pos_writes_json_with_the_place_and_both_tags_of_each_token() {
    assert_eq!(
        pos(Format::Jsonl, Tagset::Ewt, "Hi.\n\nI don't."),
        concat!(
            r#"{"document":"a/b c","offset":0,"offsets":[[0,2],[2,3]],"tags":["UH","."],"tokens":["Hi","."],"upos":["INTJ","PUNCT"]}"#,
            "\n",
            r#"{"document":"a/b c","offset":5,"offsets":[[5,6],[7,9],[9,12],[12,13]],"tags":["PRP","VBP","RB","."],"tokens":["I","do","n't","."],"upos":["PRON","AUX","PART","PUNCT"]}"#,
            "\n",
        )
    );
}

#[test]
fn pos_writes_conllu_with_ids_text_and_ranges() {
    let line = |id: &str, form: &str, upos: &str, xpos: &str, misc: &str| {
        format!("{id}\t{form}\t_\t{upos}\t{xpos}\t_\t_\t_\t_\t{misc}\n")
    };
    let expected = [
        "# newdoc id = a/b c\n# sent_id = a%2Fb%20c-1-1\n# text = I don't.\n".to_owned(),
        line("1", "I", "PRON", "PRP", "_"),
        line("2-3", "don't", "_", "_", "SpaceAfter=No"),
        line("2", "do", "AUX", "VBP", "_"),
        line("3", "n't", "PART", "RB", "_"),
        line("4", ".", "PUNCT", ".", "_"),
        "\n".to_owned(),
    ];
    assert_eq!(
        pos(Format::Conllu, Tagset::Ewt, "I don't."),
        expected.concat()
    );
}

fn pos_documents(format: Format, documents: &[Document], size: usize) -> String {
    let mut spec = spec(Kind::Pos(Pos {
        tokenized: false,
        lemmas: true,
        tagset: Tagset::Ewt,
        separator: "_".into(),
        model_hash: 0,
        own_model: false,
    }));
    spec.format = format;
    let chunks = cut(documents, &spec.records, size);
    map(&spec, &chunks).text().to_owned()
}

#[test]
fn a_document_without_a_sentence_leaves_no_comment_behind() {
    let documents = [
        document("empty", ""),
        document("a\nb", "Yes."),
        document("blank", " \n\t\r\n"),
        document("last", ""),
    ];
    let conllu = pos_documents(Format::Conllu, &documents, 1 << 20);
    let comments: Vec<&str> = conllu
        .lines()
        .filter(|line| line.starts_with('#'))
        .collect();
    let wanted = [
        "# newdoc id = a\\x0Ab",
        "# sent_id = a%0Ab-1-1",
        "# text = Yes.",
    ];
    assert_eq!(comments, wanted);
    assert!(conllu.ends_with("\n\n"));
    // Wherever the chunks are cut.
    assert_eq!(pos_documents(Format::Conllu, &documents, 1), conllu);
    let jsonl = pos_documents(Format::Jsonl, &documents, 1 << 20);
    assert_eq!(jsonl.lines().count(), 1);
}

#[test]
fn hostile_text_is_written_as_json_that_says_where_each_token_was() {
    let text = "\u{feff}\u{202e}He said\u{202c} \"no\"\\.\r\n\r\n\u{200b}\n\n\
        \u{1f469}\u{200d}\u{1f680} \u{1f1e9}\u{1f1ea}\tok\u{0}\u{7f}\u{85}x =\u{338}";
    let mut bytes = text.as_bytes().to_vec();
    bytes.extend_from_slice(b" caf\xe9 ");
    bytes.extend(std::iter::repeat_n(b'w', 1 << 20));
    let documents = [document("\u{202e}a\tb\n\"c\"", &bytes)];
    let jsonl = pos_documents(Format::Jsonl, &documents, 1 << 20);
    let mut count = 0;
    for line in jsonl.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["document"], "\u{202e}a\tb\n\"c\"");
        let list = |name: &str| value[name].as_array().unwrap().clone();
        let (tokens, places) = (list("tokens"), list("offsets"));
        for name in ["tags", "upos", "lemmas", "offsets"] {
            assert_eq!(list(name).len(), tokens.len(), "{name}");
        }
        for (token, place) in tokens.iter().zip(&places) {
            let at = |end: usize| place[end].as_u64().unwrap() as usize;
            let here = String::from_utf8_lossy(&bytes[at(0)..at(1)]);
            assert_eq!(token.as_str(), Some(&*here));
            count += 1;
        }
    }
    assert!(count > 12, "{count} tokens");
}
