//! Says whether two tools gave the same result, whatever their output formats add to it. It must
//! not know which tools they are, and reads line by line: this process has to stay small, because
//! a child's reported memory peak starts at that of its parent.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::Hasher;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// What the lines of a result mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Key, TAB, count; further columns (bytes) are not compared.
    Counts,
    /// The lines themselves.
    Lines,
    /// JSON with `name`, `lines`, `words`, `bytes`; of the name only what follows the last slash.
    Members,
}

/// A result in short: equal digests mean equal results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) lines: u64,
    in_order: u64,
    any_order: u64,
}

impl Digest {
    /// Of the files of a result, one after the other.
    pub(crate) fn of(files: &[PathBuf], shape: Shape) -> Result<Self> {
        let mut digest = Digest {
            lines: 0,
            in_order: 0,
            any_order: 0,
        };
        for file in files {
            digest
                .add(file, shape)
                .with_context(|| format!("cannot compare {}", file.display()))?;
        }
        Ok(digest)
    }

    fn add(&mut self, file: &Path, shape: Shape) -> Result<()> {
        let mut reader = BufReader::new(File::open(file)?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let mut hasher = DefaultHasher::new();
            match shape {
                Shape::Lines => hasher.write(text),
                Shape::Counts => {
                    for column in text.split(|&b| b == b'\t').take(2) {
                        hasher.write(column);
                        hasher.write_u8(0);
                    }
                }
                Shape::Members => {
                    let value: Value = serde_json::from_slice(text)?;
                    let name = value["name"].as_str().context("a line without a name")?;
                    hasher.write(name.rsplit('/').next().unwrap_or(name).as_bytes());
                    for field in ["lines", "words", "bytes"] {
                        let count = value[field].as_u64();
                        hasher.write_u64(count.with_context(|| format!("no field {field}"))?);
                    }
                }
            }
            let hash = hasher.finish();
            self.lines += 1;
            self.any_order = self.any_order.wrapping_add(hash);
            self.in_order = self.in_order.rotate_left(7).wrapping_mul(0x9e37_79b1) ^ hash;
            line.clear();
        }
        Ok(())
    }

    /// Whether the results are the same; without `ordered`, lines may come in another order.
    pub(crate) fn same(&self, other: &Digest, ordered: bool) -> bool {
        self.lines == other.lines
            && self.any_order == other.any_order
            && (!ordered || self.in_order == other.in_order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str, shape: Shape) -> Digest {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("part");
        std::fs::write(&file, text).unwrap();
        Digest::of(&[file], shape).unwrap()
    }

    #[test]
    fn only_what_the_jobs_share_is_compared() {
        let counts = |text| digest(text, Shape::Counts);
        assert!(counts("200\t7\t99\n404\t1\t5\n").same(&counts("200\t7\n404\t1\n"), true));
        assert!(!counts("200\t8\n404\t1\n").same(&counts("200\t7\n404\t1\n"), false));
        assert!(!counts("200\t7\n").same(&counts("200\t7\n404\t1\n"), false));
        let members = |text| digest(text, Shape::Members);
        let here = members("{\"name\":\"a.zip/t/x\",\"lines\":1,\"words\":2,\"bytes\":3}\n");
        let there = members("{\"bytes\":3,\"lines\":1,\"name\":\"t/x\",\"words\":2}");
        assert!(here.same(&there, true));
    }

    #[test]
    fn order_counts_unless_it_is_waived() {
        let (one, two) = (
            digest("a\nb\n", Shape::Lines),
            digest("b\na\n", Shape::Lines),
        );
        assert!(one.same(&two, false));
        assert!(!one.same(&two, true));
    }
}
