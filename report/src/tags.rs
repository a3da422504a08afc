//! How often each part-of-speech tag occurs in a tagged text.

use std::collections::HashMap;

use gristmill_common::commonest::commonest;
use gristmill_common::spec::Format;

/// The longest tag and the most different ones that are counted; what is beyond is no tag set.
const LONGEST: usize = 32;
const MOST: usize = 4096;

/// Counts tags.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    counts: HashMap<String, u64>,
}

impl Tags {
    /// Counts the tags of a line of output.
    pub(crate) fn take(&mut self, line: &[u8], format: Format) {
        match format {
            Format::Conllu => {
                let mut fields = line.split(|&byte| byte == b'\t');
                let id = fields.next().unwrap_or_default();
                if id.iter().all(u8::is_ascii_digit) {
                    // XPOS, or UPOS where there is none.
                    let upos = fields.nth(2);
                    match fields.next() {
                        Some(b"_") | None => upos.into_iter().for_each(|tag| self.count(tag)),
                        Some(xpos) => self.count(xpos),
                    }
                }
            }
            Format::Jsonl => {
                let sentence: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
                let tags = sentence.get("tags").and_then(serde_json::Value::as_array);
                for tag in tags.into_iter().flatten().filter_map(|tag| tag.as_str()) {
                    self.count(tag.as_bytes());
                }
            }
            _ => {
                for token in line.split(|&byte| byte == b' ') {
                    if let Some(at) = memchr::memrchr(b'_', token) {
                        self.count(&token[at + 1..]);
                    }
                }
            }
        }
    }

    fn count(&mut self, tag: &[u8]) {
        let Ok(tag) = std::str::from_utf8(tag) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(tag) {
            *count += 1;
        } else if !tag.is_empty() && tag.len() <= LONGEST && self.counts.len() < MOST {
            self.counts.insert(tag.to_owned(), 1);
        }
    }

    /// The tags with their counts, the most frequent first.
    pub(crate) fn by_count(&self) -> Vec<(String, u64)> {
        let counts = self.counts.iter();
        commonest(counts.map(|(tag, &count)| (&tag[..], count)), usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_gives_the_same_counts() {
        let lines: [(&[u8], Format); 3] = [
            (b"a_b_DT dog_NN runs_VBZ a_DT", Format::Text),
            (
                br#"{"tokens":["a_b","dog","runs","a"],"tags":["DT","NN","VBZ","DT"]}"#,
                Format::Jsonl,
            ),
            (
                b"1\ta_b\t_\tDET\tDT\t_\n2\tdog\t_\tNOUN\tNN\t_\n3-4\truns\n3\truns\t_\tVERB\tVBZ\n4\ta\t_\tDT\t_\t_",
                Format::Conllu,
            ),
        ];
        for (text, format) in lines {
            let mut tags = Tags::default();
            let lines: Vec<&[u8]> = match format {
                Format::Conllu => text.split(|&byte| byte == b'\n').collect(),
                _ => vec![text],
            };
            lines.into_iter().for_each(|line| tags.take(line, format));
            let counts: Vec<(String, u64)> = tags.by_count();
            let expected = [("DT", 2), ("NN", 1), ("VBZ", 1)];
            assert_eq!(counts, expected.map(|(tag, n)| (tag.to_owned(), n)));
        }
    }
}
