//! How fast the kinds map on one thread, beside a newline scan of the same bytes.
//!
//! `cargo run --release -p gristmill-mapper --example speed [NAME…]` prints MB/s of each job whose
//! name contains one of the arguments. The data is generated from a fixed seed.

#![allow(clippy::print_stdout, reason = "a program that prints its findings")]

mod thread_time;

use std::sync::Arc;
use std::time::Duration;

use gristmill_common::chunk::{Chunk, ChunkHead, Piece};
use gristmill_common::id::ChunkId;
use gristmill_common::spec::{
    AccessLog, Field, Format, Grep, JobSpec, Kind, Records, Wc, WordCount, Words,
};
use gristmill_mapper::{Mapper, Prepared};

use self::thread_time::now;

const CHUNK: usize = 512 << 10;
const SIZE: usize = 32 << 20;
/// How long each measurement takes.
const ENOUGH: Duration = Duration::from_millis(300);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let logs = chunks(&logs());
    let texts = chunks(&texts());
    for (name, kind, data) in jobs(&logs, &texts) {
        if wanted.is_empty() || wanted.iter().any(|want| name.contains(&want[..])) {
            measure(name, kind, data);
        }
    }
}

fn jobs<'a>(logs: &'a [Chunk], texts: &'a [Chunk]) -> Vec<(&'static str, Kind, &'a [Chunk])> {
    let access = |by: &[Field], filters: &[&str], line_format: Option<&str>| {
        Kind::AccessLog(AccessLog {
            by: by.to_vec(),
            filters: filters.iter().map(|&filter| filter.to_owned()).collect(),
            distinct: None,
            top: None,
            line_format: line_format.map(str::to_owned),
            skip_prefix: None,
        })
    };
    let words = |words| Kind::WordCount(WordCount { words, top: None });
    let grep = |pattern: &str, invert_match| {
        Kind::Grep(Grep {
            invert_match,
            ..Grep::of(pattern)
        })
    };
    let robots = "path = /robots.txt";
    vec![
        (
            "access-log status",
            access(&[Field::Status], &[], None),
            logs,
        ),
        (
            "access-log robots",
            access(&[Field::Host], &[robots], None),
            logs,
        ),
        ("access-log path", access(&[Field::Path], &[], None), logs),
        (
            "access-log hour",
            access(&[Field::TimeHour], &[], None),
            logs,
        ),
        (
            "access-log host,path",
            access(&[Field::Host, Field::Path], &[], None),
            logs,
        ),
        (
            "access-log format",
            access(
                &[Field::Status],
                &[],
                Some(r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#),
            ),
            logs,
        ),
        ("word-count ascii", words(Words::Ascii), texts),
        ("word-count unicode", words(Words::Unicode), texts),
        ("grep literal", grep("/robots.txt", false), logs),
        (
            "grep regex",
            grep(r#""(POST|PUT) [^"]*" 5\d\d "#, false),
            logs,
        ),
        ("grep invert", grep("Mozilla", true), logs),
        ("wc", Kind::Wc(Wc {}), texts),
    ]
}

fn measure(name: &str, kind: Kind, chunks: &[Chunk]) {
    let spec = JobSpec {
        format: Format::Tsv,
        records: Records::Lines,
        ..JobSpec::of(kind)
    };
    let prepared = match Prepared::new(&spec) {
        Ok(prepared) => Arc::new(prepared),
        Err(error) => {
            println!("{name:22} {error}");
            return;
        }
    };
    let mut mapper = Mapper::new(prepared, &spec, 1);
    let mut outcome = 0;
    let mapped = mean(|| {
        outcome = 0;
        for chunk in chunks {
            match mapper.map(chunk) {
                Ok(messages) => outcome += messages.iter().map(|(_, m)| m.len()).sum::<usize>(),
                Err(error) => println!("{error}"),
            }
        }
    });
    let mut newlines = 0;
    let scanned = mean(|| {
        newlines = 0;
        for chunk in chunks {
            let mut rest = &chunk.body[..];
            while let Some(at) = memchr::memchr(b'\n', rest) {
                newlines += 1;
                rest = &rest[at + 1..];
            }
        }
    });
    let bytes: usize = chunks.iter().map(|chunk| chunk.body.len()).sum();
    let rate = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
    println!(
        "{name:22} {:6.0} MB/s  {:6.1} ns/line  {:5.2} x the newline scan ({:.0} MB/s)  out {outcome}",
        rate(mapped),
        mapped.as_secs_f64() * 1e9 / f64::from(newlines),
        mapped.as_secs_f64() / scanned.as_secs_f64(),
        rate(scanned),
    );
}

/// The mean over enough rounds to be exact, after one that warms up.
fn mean(mut run: impl FnMut()) -> Duration {
    run();
    let start = now();
    let mut rounds = 0;
    while now().saturating_sub(start) < ENOUGH {
        run();
        rounds += 1;
    }
    now().saturating_sub(start) / rounds
}

fn chunks(text: &[u8]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let limit = (at + CHUNK).min(text.len());
        let end = memchr::memrchr(b'\n', &text[at..limit]).map_or(limit, |end| at + end + 1);
        let body = &text[at..end];
        let records = memchr::memchr_iter(b'\n', body).count() as u32;
        let piece = Piece {
            source: 0,
            document: b"data".to_vec(),
            ordinal: 0,
            offset: at as u64,
            record: 0,
            records,
            first: at == 0,
            last: end == text.len(),
            len: body.len() as u32,
            inside: None,
            large: 0,
            header: None,
        };
        chunks.push(Chunk {
            head: ChunkHead {
                id: ChunkId {
                    split: 0,
                    index: chunks.len() as u32,
                },
                pieces: vec![piece],
                faults: vec![],
            },
            body: body.to_vec().into(),
            hash: 0,
        });
        at = end;
    }
    chunks
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    /// Small numbers often, large ones seldom: about Zipf's law.
    fn zipf(&mut self, bound: usize) -> usize {
        let unit = self.below(1 << 30) as f64 / f64::from(1 << 30);
        ((bound as f64).powf(unit) - 1.0) as usize
    }
}

fn logs() -> Vec<u8> {
    let mut random = Random(7);
    let mut text = String::with_capacity(SIZE);
    let agents = [
        "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.107 Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/",
        "Mozilla/5.0 (X11; Linux x86_64; rv:24.0) Gecko/20140205 Firefox/24.0 Iceweasel/24.3.0",
    ];
    let statuses = [
        "200", "200", "200", "200", "304", "404", "301", "206", "500",
    ];
    let mut second = 0;
    while text.len() < SIZE {
        second += random.below(3);
        if random.below(40) == 0 {
            text.push_str("a line that is cut off [17/May/2015:10:05:03 +0000] \"GET /\n");
            continue;
        }
        let host = random.zipf(40_000);
        let status = random.pick(&statuses);
        let path = match random.zipf(30_000) {
            20 => "/robots.txt".to_owned(),
            number => format!("/articles/{}/page-{number}.html", number % 97),
        };
        let referer = match random.below(3) {
            0 => "-".to_owned(),
            _ => format!("http://www.example.org/blog/{}", random.zipf(5_000)),
        };
        text.push_str(&format!(
            "10.{}.{}.{} - - [{:02}/May/2015:{:02}:{:02}:{:02} +0000] \"{} {path} HTTP/1.1\" {status} {} \"{referer}\" \"{}\"\n",
            host >> 12,
            (host >> 6) & 63,
            host & 63,
            17 + second / 86_400 % 10,
            second / 3600 % 24,
            second / 60 % 60,
            second % 60,
            random.pick(&["GET", "GET", "GET", "GET", "POST"]),
            random.below(200_000),
            random.pick(&agents),
        ));
    }
    text.into_bytes()
}

impl Random {
    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

fn texts() -> Vec<u8> {
    let mut random = Random(11);
    let syllables = [
        "ta", "ri", "on", "the", "en", "mo", "s", "an", "der", "qui", "le", "ver", "o", "i",
    ];
    let mut text = String::with_capacity(SIZE);
    let mut column = 0;
    while text.len() < SIZE {
        let mut number = random.zipf(600_000);
        let start = text.len();
        loop {
            text.push_str(syllables[number % syllables.len()]);
            number /= syllables.len();
            if number == 0 {
                break;
            }
        }
        if random.below(12) == 0 {
            text[start..].get_mut(..1).map(str::make_ascii_uppercase);
        }
        column += text.len() - start;
        text.push_str(random.pick(&[" ", " ", " ", " ", " ", " ", ", ", ". ", " it's "]));
        if column > 70 {
            column = 0;
            text.push('\n');
        }
    }
    text.into_bytes()
}
