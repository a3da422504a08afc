//! Chunks, partitions and the neighbourhood of a record do not show in what comes out (I2, I6).

mod support;

use gristmill_common::spec::{
    AccessLog, EncodingErrors, Field, Grep, GroupBy, JobSpec, Kind, Records, Wc, WordCount, Words,
};
use support::{Document, Random, cut, cut_headed, document, grep, map, map_with, prepare, spec};

fn kinds() -> Vec<Kind> {
    let mut kinds = vec![
        Kind::Wc(Wc {}),
        Kind::Extract(gristmill_common::spec::Extract {}),
    ];
    for words in [Words::Unicode, Words::Ascii] {
        kinds.push(Kind::WordCount(WordCount { words, top: None }));
    }
    for pattern in [
        "a",
        r"^\W*$",
        r"\Aa",
        r"[^b]\s",
        "b$",
        r"\bab?",
        "é|[\u{80}-\u{FF}]",
    ] {
        // Invert, numbers, names, count, only the matches, case and words.
        for bits in [0, 1, 2, 3, 4, 6, 7, 8, 9, 12, 16, 18, 22, 32, 33] {
            let on = |bit: u32| bits >> bit & 1 == 1;
            kinds.push(Kind::Grep(Grep {
                invert_match: on(0),
                line_number: on(1),
                with_filename: on(2),
                count: on(3),
                only_matching: on(4),
                ignore_case: on(5),
                word_regexp: on(5),
                ..grep(pattern)
            }));
        }
    }
    for (by, distinct, filters) in [
        (vec![], None, vec![]),
        (vec![Field::Status], None, vec!["bytes >= 10"]),
        (vec![Field::Path, Field::TimeHour], None, vec![]),
        (vec![Field::Host], Some(Field::Agent), vec!["path !~ x$"]),
        (vec![], Some(Field::Path), vec!["status != 404"]),
    ] {
        kinds.push(Kind::AccessLog(AccessLog {
            by,
            distinct,
            filters: filters.into_iter().map(str::to_owned).collect(),
            top: None,
            line_format: None,
            skip_prefix: None,
        }));
    }
    for (by, sum, filters) in [
        (vec![], vec!["b"], vec![]),
        (vec!["a"], vec![], vec![]),
        (
            vec!["a.b.1", "b"],
            vec!["b", "a"],
            vec!["exists b or a != 'x y'"],
        ),
    ] {
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        kinds.push(Kind::GroupBy(GroupBy {
            by: owned(by),
            sum: owned(sum.clone()),
            min: owned(sum.clone()),
            max: owned(sum.clone()),
            distinct: owned(sum.clone()),
            quantiles: sum.iter().map(|name| format!("{name}:0.5,1")).collect(),
            filters: owned(filters),
            ..GroupBy::default()
        }));
    }
    kinds
}

/// Lines of everything that is read differently somewhere.
fn text(random: &mut Random, lines: usize) -> Vec<u8> {
    let mut text = Vec::new();
    if random.below(4) == 0 {
        text.extend_from_slice(b"\xEF\xBB\xBF");
    }
    for _ in 0..lines {
        if random.below(3) == 0 {
            log_line(random, &mut text);
        } else if random.below(3) == 0 {
            json_line(random, &mut text);
        } else {
            for _ in 0..random.below(12) {
                text.extend_from_slice(random.pick::<[u8]>(&[
                    b"a",
                    b"b",
                    b"ab",
                    b"A",
                    b" ",
                    b" ",
                    b".",
                    b"'",
                    b"_",
                    b"1",
                    b",",
                    b"\t",
                    "é".as_bytes(),
                    "Σ".as_bytes(),
                    "日本".as_bytes(),
                    b"\xFF",
                    b"\0",
                    b"\r",
                    "\u{301}".as_bytes(),
                    "\u{93E}".as_bytes(),
                    b"\"",
                    "’".as_bytes(),
                    b"internationalisation's",
                ]));
            }
        }
        text.extend_from_slice(random.pick::<[u8]>(&[b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b""]));
    }
    text
}

fn json_line(random: &mut Random, out: &mut Vec<u8>) {
    let mut value = || {
        random.mostly(&[
            "1",
            "-2.5",
            "\"x\"",
            "\"x \\\"y\"",
            "\"\\u00e9\\n\"",
            "\"\\ud800\"",
            "{\"b\":[1,\"z\"]}",
            "{\"b\":[1,\"z\"],\"b\":[]}",
            "null",
            "[[{}],{\"a\":[]}]",
            "1e400",
            "tru",
            "\"open",
            "",
        ])
    };
    let line = format!("{{\"a\":{},\"b\":{}}}", value(), value());
    out.extend_from_slice(line.as_bytes());
}

/// What stands before the time of a log line: hosts, prefixes, users.
const CLIENTS: &[&str] = &[
    "10.0.0.1 - -",
    "::1 - -",
    "h - john doe",
    "v:80 h - -",
    "h -",
    "h - \"\"",
    "[a [b -",
    " - -",
    "h [ x",
    "v:80 h - a b",
    "[::1] - -",
    "v:80 [::1] - -",
    "fe80::1%eth0 - -",
    "a/b - -",
    "h\0 - -",
    "192.0.2.1, 192.0.2.2 - -",
    "h -  bob ",
    "a-name.of.more.than.sixteen.bytes - -",
    "a-name.of.more.than.sixteen-bytes:1 - -",
    "web-1  | 192.0.2.1 - -",
    "h 192.0.2.1 - -",
    "h - 192.0.2.1",
];

fn log_line(random: &mut Random, out: &mut Vec<u8>) {
    let client = random.mostly(CLIENTS);
    let time = random.mostly(&[
        "17/May/2015:10:05:03 +0000",
        "17/May/2015:10:59:03 +0000",
        "17/May/2015:10:05:61 +0000",
        "18/May/2015:23:05:03 -0130",
        "17/May/2015:10:05:03",
        "31/Feb/2015:10:05:03 +0000",
    ]);
    let request = random.mostly(&[
        "GET /x HTTP/1.1",
        "POST /y?a=b HTTP/2.0",
        "-",
        "",
        r#"GET /\"q\" HTTP/1.1"#,
        r"GET /\x41\\",
        "PUT /x",
        "GET /x y HTTP/1.1",
        "GET /xy HTTP/1.1",
        "/x",
    ]);
    let status = random.mostly(&["200", "404", "-", "-1", "20", "2000"]);
    let bytes = random.mostly(&[
        "-",
        "0",
        "17",
        "00000017",
        "123456789",
        "1234x",
        "99999999999999999999",
        "-5",
        "",
        "18446744073709551615",
    ]);
    let tail = random.mostly(&[
        "",
        r#" "-" "curl""#,
        r#" "http://a/" "b \" c""#,
        r#" "-""#,
        r#" "-" "open"#,
        r#" "-" "x" "y""#,
        r#" "-" "\\""#,
        r#" "-" "end\"#,
        r#"  "-" "two""#,
        " ",
    ]);
    let line = format!("{client} [{time}] \"{request}\" {status} {bytes}{tail}");
    // Now and then something is missing.
    let cut = if random.below(9) == 0 {
        random.below(line.len())
    } else {
        line.len()
    };
    out.extend_from_slice(&line.as_bytes()[..cut]);
}

fn documents(random: &mut Random) -> Vec<Document> {
    (0..4)
        .map(|number| {
            let lines = random.below(30);
            let mut document = document(&format!("doc{number}"), text(random, lines));
            document.source = number / 2;
            document
        })
        .collect()
}

#[test]
fn chunking_does_not_show() {
    for seed in 0..8 {
        let mut random = Random::new(seed);
        let documents = documents(&mut random);
        for kind in kinds() {
            let records = match kind {
                Kind::Extract(_) => Records::Document,
                _ => match seed % 4 {
                    0 => Records::Paragraphs,
                    1 => Records::Start("^a".into()),
                    _ => Records::Lines,
                },
            };
            let mut job = JobSpec {
                records,
                ..spec(kind)
            };
            if seed % 5 == 2 {
                job.encoding_errors = EncodingErrors::Quarantine;
            }
            let prepared = prepare(&job);
            let whole = map_with(&job, &prepared, &cut(&documents, &job.records, usize::MAX));
            for size in [1, 64, 300] {
                let chunks = cut(&documents, &job.records, size);
                assert_eq!(
                    map_with(&job, &prepared, &chunks),
                    whole,
                    "seed {seed}, {size}: {:?}",
                    job.kind
                );
            }
            job.partitions = 3;
            let chunks = cut(&documents, &job.records, 200);
            assert_eq!(
                map_with(&job, &prepared, &chunks),
                whole,
                "seed {seed}, partitions: {:?}",
                job.kind
            );
        }
    }
}

#[test]
fn a_header_is_known_to_every_chunk() {
    for seed in 0..20 {
        let mut random = Random::new(300 + seed);
        for parse in ["csv", "tsv", "w3c"] {
            let documents: Vec<Document> = (0..3)
                .map(|number| {
                    let mut text = String::new();
                    for _ in 0..random.below(40) {
                        text += random.pick(&[
                            "a,b\n",
                            "b,a\r\n",
                            "1,2\n",
                            "\n",
                            "\"x\ny\",2\n",
                            "\"x\ty\"\t2\n",
                            "a\tb\n",
                            "#Fields: a b\n",
                            "#Fields: b a\r\n",
                            "#x\n",
                            "1 2\n",
                            "3 4\r\n",
                            "3\n",
                            "\"",
                        ]);
                    }
                    document(&format!("d{number}"), text)
                })
                .collect();
            let mut job = spec(Kind::GroupBy(GroupBy {
                parse: parse.into(),
                by: vec!["a".into(), "b".into()],
                ..GroupBy::default()
            }));
            job.records = job.kind.default_records();
            job.encoding_errors = EncodingErrors::Quarantine;
            let prepared = prepare(&job);
            let rule = job.kind.header();
            let whole = cut_headed(&documents, &job.records, rule, usize::MAX);
            let whole = map_with(&job, &prepared, &whole);
            for size in [1, 20, 100] {
                let chunks = cut_headed(&documents, &job.records, rule, size);
                let found = map_with(&job, &prepared, &chunks);
                assert_eq!(found, whole, "seed {seed}, {size}: {parse}");
            }
        }
    }
}

#[test]
fn searching_whole_texts_finds_what_searching_lines_finds() {
    for seed in 100..108 {
        let mut random = Random::new(seed);
        let document = document("d", text(&mut random, 40));
        let one = std::slice::from_ref(&document);
        for kind in kinds() {
            let Kind::Grep(options) = &kind else { continue };
            if options.count || options.only_matching {
                continue;
            }
            let mut plain = options.pattern.clone();
            if options.word_regexp {
                plain = format!(r"\b{{start-half}}(?:{plain})\b{{end-half}}");
            }
            let regex = regex::bytes::RegexBuilder::new(&plain)
                .case_insensitive(options.ignore_case)
                .build()
                .unwrap();
            let body = &document.bytes;
            let skip = if body.starts_with(b"\xEF\xBB\xBF") {
                3
            } else {
                0
            };
            let mut expected = Vec::new();
            for (number, line) in body[skip..].split_inclusive(|&b| b == b'\n').enumerate() {
                let content = gristmill_common::record::content(line);
                let bounded = options.word_regexp || plain.contains(r"\b");
                let mut matches = regex.is_match(content);
                // Beside what is not UTF-8 a word ends as it does at the line's ends.
                let mut at = 0;
                for chunk in content.utf8_chunks().filter(|_| bounded) {
                    let run = chunk.valid();
                    let first = at == 0 || !options.pattern.starts_with(['^', '\\']);
                    at += run.len();
                    let last = at == content.len() || !options.pattern.ends_with('$');
                    at += chunk.invalid().len();
                    let boundary = options.pattern.starts_with(r"\b");
                    matches |= (first || boundary) && last && regex.is_match(run.as_bytes());
                }
                if matches == options.invert_match {
                    continue;
                }
                if options.with_filename {
                    expected.extend_from_slice(b"d:");
                }
                if options.line_number {
                    expected.extend_from_slice(format!("{}:", number + 1).as_bytes());
                }
                expected.extend_from_slice(line);
                if !line.ends_with(b"\n") {
                    expected.push(b'\n');
                }
            }
            let job = spec(kind.clone());
            let found = map(&job, &cut(one, &job.records, usize::MAX)).bytes;
            assert_eq!(
                String::from_utf8_lossy(&found),
                String::from_utf8_lossy(&expected),
                "seed {seed}: {kind:?}"
            );
        }
    }
}

#[test]
fn the_fast_reader_of_logs_agrees_with_the_careful_one() {
    for seed in 200..230 {
        let mut random = Random::new(seed);
        let mut body = Vec::new();
        for _ in 0..200 {
            log_line(&mut random, &mut body);
            body.extend_from_slice(random.pick::<[u8]>(&[b"\n", b"\n", b"\r\n"]));
        }
        let all = vec![Field::Host, Field::Bytes, Field::Path];
        for (by, filters) in [
            (
                vec![Field::Host, Field::User, Field::Vhost, Field::Status],
                vec![],
            ),
            (
                vec![Field::Bytes, Field::Referer, Field::Agent, Field::Path],
                vec![],
            ),
            (vec![Field::TimeHour], vec![]),
            (all.clone(), vec!["path = /x"]),
            (all.clone(), vec!["status = 200", "path = /x y"]),
            (all, vec!["path = ''"]),
        ] {
            let mut job = spec(Kind::AccessLog(AccessLog {
                by,
                filters: filters.into_iter().map(str::to_owned).collect(),
                distinct: None,
                top: None,
                line_format: None,
                skip_prefix: None,
            }));
            let one = [document("d", &body)];
            let fast = map(&job, &cut(&one, &job.records, usize::MAX));
            // Records that are not lines take the careful way.
            job.records = Records::Start(".|^$".into());
            let careful = map(&job, &cut(&one, &job.records, usize::MAX));
            assert_eq!(fast, careful, "seed {seed}");
            assert!(fast.counts[&0][1] > 10, "some lines are good");
        }
    }
}

/// Whether a character of these texts is a letter or digit: their only other ones that count for
/// some are marks.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && c != '\u{93E}'
}

#[test]
fn words_are_those_of_the_standard() {
    use unicode_segmentation::UnicodeSegmentation;

    for seed in 300..340 {
        let mut random = Random::new(seed);
        let document = document("d", text(&mut random, 1 + seed as usize % 700));
        let body = &document.bytes;
        let skip = if body.starts_with(b"\xEF\xBB\xBF") {
            3
        } else {
            0
        };
        let mut expected = std::collections::BTreeMap::new();
        for chunk in body[skip..].utf8_chunks() {
            // A mark after a blank or a quote makes no word of it.
            let words = chunk.valid().unicode_words();
            for word in words.filter(|word| word.contains(is_letter)) {
                *expected.entry(word.to_lowercase()).or_insert(0u128) += 1;
            }
        }
        let job = spec(Kind::WordCount(WordCount {
            words: Words::Unicode,
            top: None,
        }));
        let found = map(
            &job,
            &cut(std::slice::from_ref(&document), &job.records, usize::MAX),
        );
        let expected: Vec<String> = expected
            .iter()
            .map(|(word, count)| format!("{word} {count}"))
            .collect();
        assert_eq!(found.lines(), expected, "seed {seed}");
    }
}

#[test]
fn hostile_lines_are_counted_and_never_fatal() {
    let long = format!("{} x", "y".repeat(1 << 20));
    let quotes = "\"".repeat(100_000);
    let backslashes = "\\".repeat(100_001);
    let good = r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "a""#;
    let hostile = [
        "\0\0\0",
        "",
        " ",
        "\"",
        "\\",
        "[",
        "] \"",
        &long,
        &quotes,
        &backslashes,
        good,
        r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "a\"#,
        r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 -1 "-" "a""#,
        r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 184467440737095516160"#,
        r#"h - - [99/Xxx/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1"#,
        "h - - [17/May/2015:10:05:03 +0000] \"GET /\0 HTTP/1.1\" 200 1",
    ];
    let mut body = hostile.join("\n").into_bytes();
    body.extend_from_slice(b"\n\xFF\xFE\x80");
    for kind in kinds() {
        let job = spec(kind);
        let merged = map(
            &job,
            &cut(&[document("d", &body)], &job.records, usize::MAX),
        );
        let records = if job.records == Records::Document {
            1
        } else {
            17
        };
        let expected = match job.kind {
            // Two lines parse; two are blank.
            Kind::AccessLog(_) | Kind::GroupBy(_) => [17, 2, 15],
            // A word of a MiB is still a key that can travel.
            _ => [records, records, 0],
        };
        assert_eq!(merged.counts[&0], expected, "{:?}", job.kind);
    }
}
