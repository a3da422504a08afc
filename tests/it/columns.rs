//! Seeded documents whose columns a header names: CSV and TSV of several headers, and W3C's logs.

use std::fmt::Write as _;
use std::path::Path;

use crate::corpus::{Random, gzip};

/// CSV or TSV with quoted line feeds and one row in thirty with a value too many. `torn` adds rows
/// that are no CSV.
pub(crate) fn csv(seed: u64, rows: usize, delimiter: char, torn: bool) -> String {
    let mut random = Random(seed);
    let orders = [
        ["day", "name", "country", "amount"],
        ["amount", "country", "day", "name"],
        // Without a country.
        ["name", "note", "amount", "day"],
    ];
    let names = orders[random.below(orders.len())];
    let mut text = names.join(&delimiter.to_string());
    let end = random.pick(&["\n", "\r\n"]);
    text += end;
    for row in 0..rows {
        if torn && random.below(40) == 0 {
            text += random.pick(&["\"a\"b,c,d,e", "", "x", "\"a\n\"\"\",,"]);
            text += end;
            continue;
        }
        for (column, name) in names.iter().enumerate() {
            if column > 0 {
                text.push(delimiter);
            }
            let _ = match *name {
                "day" => write!(text, "2025-03-{:02}", 1 + row % 28),
                "amount" => write!(text, "{}.{}", random.below(1000), random.below(100)),
                "country" => write!(text, "{}", random.pick(&["DE", "FR", "\"\"", "\"DE\"", ""])),
                _ => write!(
                    text,
                    "{}",
                    random.pick(&[
                        "Ann",
                        "\"Doe, \"\"A\"\"\"",
                        "\"two\nlines\"",
                        "\"many\r\n\n\nlines, \"\"\n\"\"\"",
                        "5\" pipe",
                        "\"\t\"",
                        "\"Ann\"",
                    ])
                ),
            };
        }
        if random.below(30) == 0 {
            text.push(delimiter);
            text += "more";
        }
        text += end;
    }
    text
}

/// A log as IIS writes it, whose columns change.
pub(crate) fn w3c(seed: u64, lines: usize) -> String {
    let mut random = Random(seed);
    let mut text = String::from("#Software: Microsoft Internet Information Services 10.0\r\n");
    let mut names = Vec::new();
    for line in 0..lines {
        if line == 0 || random.below(50) == 0 {
            names = random
                .pick(&[
                    "date time cs-uri-stem sc-status time-taken",
                    "date time sc-status cs-uri-stem time-taken cs(User-Agent)",
                    "time-taken sc-status cs-uri-stem",
                ])
                .split(' ')
                .collect();
            let _ = write!(text, "#Fields: {}\r\n", names.join(" "));
        }
        let values = names.iter().map(|name| match *name {
            "date" => format!("2025-03-{:02}", 1 + line % 28),
            "time" => format!("{:02}:00:01", line % 24),
            "sc-status" => random.pick(&["200", "404", "500"]).to_owned(),
            "time-taken" => random.below(10_000).to_string(),
            "cs-uri-stem" => random.pick(&["/", "/a", "/b", "-"]).to_owned(),
            _ => "Mozilla/5.0+(X11)".to_owned(),
        });
        text += &values.collect::<Vec<_>>().join(" ");
        text += random.pick(&["\r\n", "\r\n", "\r\n", " x\r\n"]);
    }
    text
}

/// Documents of one format in a folder; `csv`, `tsv` or `w3c`.
pub(crate) fn folder(folder: &Path, format: &str) {
    std::fs::create_dir_all(folder).expect("a folder");
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("a file");
    let text = |seed: u64, rows: usize| match format {
        "csv" => csv(seed, rows, ',', true),
        "tsv" => csv(seed, rows, '\t', true),
        _ => w3c(seed, rows),
    };
    put("a.log", text(21, 900).as_bytes());
    put("b.log.gz", &gzip(text(22, 1500).as_bytes()));
    put("bom.log", format!("\u{FEFF}{}", text(23, 300)).as_bytes());
    put("empty.log", b"");
    put("header.log", text(24, 0).as_bytes());
    put("unended.log", text(25, 40).trim_end().as_bytes());
    for number in 0..20 {
        put(
            &format!("small-{number}.log"),
            text(30 + number, 9).as_bytes(),
        );
    }
}
