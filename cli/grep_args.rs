//! The words of `grep`: its options, and where its pattern comes from.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use gristmill_common::spec::Grep;

use crate::exit::usage;

/// A pattern that nothing matches: what a file without patterns says.
const NOTHING: &str = r"[^\s\S]";

/// Records that match a pattern, in input order.
#[derive(Args, Debug)]
pub struct GrepArgs {
    /// Regular expression (the syntax of Rust's regex crate: no look-around, linear time); with -e
    /// or -f it is the first INPUT
    #[arg(value_name = "PATTERN", required_unless_present_any = ["regexp", "file"])]
    pub pattern: Option<OsString>,
    /// A pattern, also one that begins with a hyphen; of several, any may match (--only-matching
    /// shows what the first in their order matches, of -F texts the longest)
    #[arg(short = 'e', long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub regexp: Vec<String>,
    /// A file of patterns, one a line
    #[arg(short, long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// The other options.
    #[command(flatten)]
    pub options: Grep,
}

impl GrepArgs {
    /// The options with the pattern that was typed. With -e or -f the first word is an input.
    ///
    /// # Errors
    /// When a file cannot be read, or a pattern is not UTF-8.
    pub fn into_options(self, inputs: &mut Vec<OsString>) -> anyhow::Result<Grep> {
        let mut options = self.options;
        let mut patterns = self.regexp;
        if patterns.is_empty() && self.file.is_empty() {
            let pattern = self.pattern.unwrap_or_default();
            options.pattern = text(pattern.into_string().ok(), "PATTERN")?;
            return Ok(options);
        }
        if let Some(input) = self.pattern {
            inputs.insert(0, input);
        }
        for file in &self.file {
            patterns.extend(lines_of(file)?);
        }
        if let [only] = &mut patterns[..] {
            options.pattern = std::mem::take(only);
            return Ok(options);
        }
        let fixed = std::mem::take(&mut options.fixed_strings);
        // Of what matches at one place the first in the list is shown. Texts: the longest one, as
        // POSIX has it; and nothing last.
        match fixed {
            true => patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.len())),
            false => patterns.sort_by_key(String::is_empty),
        }
        let each = patterns.iter().map(|pattern| match fixed {
            true => format!("(?:{})", regex_syntax::escape(pattern)),
            false => format!("(?:{pattern})"),
        });
        options.pattern = each.collect::<Vec<_>>().join("|");
        if patterns.is_empty() {
            options.pattern = NOTHING.into();
        }
        Ok(options)
    }
}

fn lines_of(file: &Path) -> anyhow::Result<Vec<String>> {
    let bytes = std::fs::read(file)
        .map_err(|error| usage(format!("--file {}: {error}", file.display())))?;
    let lines = text(String::from_utf8(bytes).ok(), &file.display().to_string())?;
    // Editors put a mark before the first and a CR at the end of each.
    let lines = lines.strip_prefix('\u{FEFF}').unwrap_or(&lines).lines();
    let line = |line: &str| line.strip_suffix('\r').unwrap_or(line).to_owned();
    Ok(lines.map(line).collect())
}

fn text(text: Option<String>, of: &str) -> anyhow::Result<String> {
    text.ok_or_else(|| {
        usage(format!(
            "{of}: a pattern must be UTF-8; (?-u:\\xFF) stands for a byte that is not"
        ))
    })
}
