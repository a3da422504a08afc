//! How long the reducer takes: table rows, ordered bytes, quarantined records.
//!
//! `cargo bench -p gristmill-reducer` prints one line a case. Messages are made before the clock
//! starts; what is timed is `reduce` and `commit` over the embedded transport.
#![allow(clippy::print_stdout, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use gristmill_common::id::ChunkId;
use gristmill_common::outcome::SourceCount;
use gristmill_common::shards::TableBody;
use gristmill_reducer::*;
use support::*;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// A rank below `count`, as often as words of a text have it (Zipf's law with exponent 1).
    fn rank(&mut self, count: f64) -> u64 {
        let uniform = self.next() as f64 / u64::MAX as f64;
        count.powf(uniform) as u64 - 1
    }
}

fn word(rank: u64) -> Vec<u8> {
    let mut letters = Random(rank);
    let length = 3 + letters.next() % 4 + letters.next() % 5;
    let mut word: Vec<u8> = (0..length)
        .map(|_| b'a' + (letters.next() % 26) as u8)
        .collect();
    // Rare words are distinct for certain.
    if rank > 2000 {
        word.extend(rank.to_string().bytes().map(|digit| digit + 49));
    }
    word
}

fn words(chunks: u32, rows: usize, distinct: f64) -> Job {
    let mut job = table_job(word_count(None), 1, &vec![vec![]; chunks as usize]);
    for (at, (_, whole)) in job.outcomes.iter_mut().enumerate() {
        let mut body = TableBody::default();
        let mut random = Random(at as u64);
        let mut seen = HashSet::new();
        while seen.len() < rows {
            let rank = random.rank(distinct);
            if seen.insert(rank) {
                body.push_row(
                    &word(rank),
                    &[u128::from(1 + distinct as u64 / (rank + 1) / 1000)],
                );
            }
        }
        *whole = body.take_bytes(0);
    }
    job
}

fn timed(name: &str, job: &Job, memory: usize, units: f64, unit: &str) {
    // An argument picks the cases whose names contain it.
    if std::env::args()
        .skip(1)
        .any(|part| !part.starts_with('-') && !name.contains(&part))
    {
        return;
    }
    let way = Way {
        memory,
        room: 4 << 30,
        ..Way::default()
    };
    let messages = messages(job, &way);
    let before = cpu();
    let mut spilled = 0;
    let mut wall = Duration::MAX;
    const TIMES: u32 = 3;
    for _ in 0..TIMES {
        let dir = tempfile::tempdir().unwrap();
        let out = OutputDir::open(&dir.path().join("out"), false).unwrap();
        let begin = Instant::now();
        let sent = messages.clone();
        let report = run_messages(job, sent, &way, Destination::Dir(out), dir.path()).unwrap();
        wall = wall.min(begin.elapsed());
        spilled = report.spilled;
    }
    let used = (cpu() - before) / f64::from(TIMES);
    println!(
        "{name:<28} {:>7.3} s wall {used:>7.3} s CPU {:>8.1} ns of CPU a {unit}  spilled {} MB",
        wall.as_secs_f64(),
        used * 1e9 / units,
        spilled / 1_000_000
    );
}

/// Seconds of processor time that this process has used, from the kernel's clock ticks of 10 ms.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(12) + ticks(13)) / 100.0
}

fn main() {
    let job = words(400, 20_000, 606_000.0);
    let rows = 400.0 * 20_000.0;
    timed("word-count rows", &job, 256 << 20, rows, "row");
    timed("word-count rows, 8 MiB", &job, 8 << 20, rows, "row");
    drop(job);

    let line = "GET /index.html HTTP/1.1 a line of a log that somebody looked for\n";
    let body = line.repeat((512 << 10) / line.len()).into_bytes();
    let job = ordered_job(&[500, 500], 1, |_| body.clone());
    let bytes = 1000.0 * body.len() as f64;
    timed("ordered bytes", &job, 256 << 20, bytes, "byte");
    drop(job);

    let mut job = ordered_job(&[2000, 2000], 1, |_| vec![]);
    for (head, _) in &mut job.outcomes {
        let ChunkId { split, index } = head.id;
        head.counts = vec![SourceCount {
            source: 0,
            records: 60,
            mapped: 0,
            quarantined: 60,
        }];
        let entry = |at| {
            let offset = u64::from(split) << 40 | u64::from(index) << 16 | at;
            let sample = line.repeat(3);
            quarantined(0, offset, "not an access log line", sample.as_bytes())
        };
        let entries: Vec<_> = (0..60).map(entry).collect();
        head.quarantined = entries.iter().collect();
    }
    job.seal.records = vec![240_000];
    timed("quarantined records", &job, 256 << 20, 240_000.0, "record");
}
