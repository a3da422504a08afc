//! Seeded inputs for tests: logs with malformed lines, texts in several scripts, in folders and
//! archives.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// SplitMix64: small, seeded, the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) % bound as u64) as usize
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// An access log with about one malformed line in twenty.
pub(crate) fn log(seed: u64, lines: usize) -> String {
    let mut random = Random(seed);
    let mut text = String::new();
    for line in 0..lines {
        if random.below(20) == 0 {
            let _ = writeln!(
                text,
                "{}",
                random.pick(&["", "garbage", "\"unbalanced", "1.2.3.4 - - [nonsense]"])
            );
            continue;
        }
        let _ = writeln!(
            text,
            "10.0.{}.{} - {} [17/May/2015:{:02}:{:02}:03 +0200] \"{} /{}{} HTTP/1.1\" {} {} \"{}\" \"{}\"",
            random.below(4),
            random.below(30),
            random.pick(&["-", "ann", "bob"]),
            (line / 60) % 24,
            line % 60,
            random.pick(&["GET", "GET", "POST", "HEAD"]),
            random.pick(&["", "robots.txt", "a/b", "caf%C3%A9", "q\\\"uote"]),
            random.pick(&["", "?x=1", "?y=2&z"]),
            random.pick(&["200", "200", "301", "404", "500"]),
            random.pick(&["-", "0", "512", "123456"]),
            random.pick(&["-", "http://example.org/"]),
            random.pick(&["Mozilla/5.0 (X11)", "curl/8.0", "-"]),
        );
    }
    text
}

/// Lines that are no JSON object.
const DAMAGED: [&str; 6] = [
    "",
    "garbage",
    "{\"level\":\"info\"",
    "{\"level\":\"in",
    "[1",
    "{\"a\":1} x",
];

/// JSON lines with about one in twenty that is none, and values of every type in most fields.
pub(crate) fn json(seed: u64, lines: usize) -> String {
    let mut random = Random(seed);
    let mut text = String::new();
    for line in 0..lines {
        if random.below(20) == 0 {
            text += random.pick(&DAMAGED);
            text += random.pick(&["\n", "\r\n"]);
            continue;
        }
        let _ = write!(
            text,
            r#"{{"ts":"2025-03-0{}T{:02}:{:02}:00Z","level":{},"request":{{"host":{},"method":"{}"{}}},"#,
            1 + line / 1440 % 9,
            line / 60 % 24,
            line % 60,
            random.pick(&[
                r#""info""#,
                r#""info""#,
                r#""w\u0061rn""#,
                r#""""#,
                "null",
                "3"
            ]),
            random.pick(&[
                r#""a.example""#,
                r#""b.example""#,
                r#""Stra\u00dfe \ud83d\ude00""#
            ]),
            random.pick(&["GET", "POST"]),
            random.pick(&["", r#","headers":{"A":["x","y"]}"#, r#","headers":null"#]),
        );
        let _ = write!(
            text,
            r#""status":{},"bytes":{},"took":{}{}}}"#,
            random.pick(&["200", "200", "404", "\"500\""]),
            random.pick(&[
                "0",
                "17",
                "123456789012",
                "-5",
                "null",
                "\"12\"",
                "\"n/a\"",
                "999999999999999999"
            ]),
            random.pick(&[
                "0.25",
                "1e-9",
                "-0.000000001",
                "3.5E+2",
                "0.1234567891",
                "1e400",
                "true"
            ]),
            random.pick(&[
                "",
                "",
                r#","user":"ann","user":"bob""#,
                r#","user":"\t-""#,
                r#","user":"-""#
            ]),
        );
        text += random.pick(&["\n", "\n", "\n", " \r\n"]);
    }
    text
}

/// Text of several scripts with blank lines, CRLF and words that are no words.
pub(crate) fn prose(seed: u64, words: usize) -> String {
    const WORDS: &[&str] = &[
        "the",
        "The",
        "mill",
        "grinds",
        "don't",
        "Straße",
        "ΣΊΣΥΦΟΣ",
        "naïve",
        "3.14",
        "a_b",
        "mill's",
        "co-op",
        "東京",
        "日本語",
        "İstanbul",
        "e\u{301}te\u{301}",
        "—",
        "42",
        "x.y",
        "\u{1F600}",
        "'quoted'",
        "end.",
    ];
    let mut random = Random(seed);
    let mut text = String::new();
    for _ in 0..words {
        text.push_str(random.pick(WORDS));
        text.push_str(random.pick(&[
            " ", " ", " ", " ", ", ", "\n", "\n", "\r\n", "\n\n", ".\n \n",
        ]));
    }
    text
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Writes a folder of logs: plain, gzipped, gzipped in two members, empty, without a last newline.
pub(crate) fn logs(folder: &Path) {
    std::fs::create_dir_all(folder.join("old")).expect("a folder");
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("a file");
    put("access.log", log(1, 900).as_bytes());
    put("access.log.1.gz", &gzip(log(2, 1200).as_bytes()));
    let two = log(3, 800);
    let cut = two.len() / 2;
    put(
        "access.log.2.gz",
        &[gzip(&two.as_bytes()[..cut]), gzip(&two.as_bytes()[cut..])].concat(),
    );
    put("old/empty.log", b"");
    put("old/unended.log", log(4, 40).trim_end().as_bytes());
}

/// Writes a folder of JSON lines: plain, gzipped, with a byte order mark, empty, without a last
/// newline.
pub(crate) fn json_logs(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("a file");
    put("app.jsonl", json(11, 900).as_bytes());
    put("app.jsonl.1.gz", &gzip(json(12, 1500).as_bytes()));
    put("bom.jsonl", format!("\u{FEFF}{}", json(13, 300)).as_bytes());
    put("empty.jsonl", b"");
    put("unended.jsonl", json(14, 40).trim_end().as_bytes());
}

/// Writes a folder of texts, small ones and one that is many chunks.
pub(crate) fn texts(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    for number in 0..40 {
        let text = prose(100 + number, 5 + number as usize * 7);
        std::fs::write(folder.join(format!("{number:02}.txt")), text).expect("a file");
    }
    std::fs::write(folder.join("big.txt.gz"), gzip(prose(7, 60_000).as_bytes())).expect("a file");
    std::fs::write(folder.join("latin1.txt"), b"caf\xE9 na\xEFve \xFF\nplain\n").expect("a file");
}
