//! The sections of a model file that say how raw text is split and what lemmas are. Must not know
//! how they are used.

use super::bytes::{Bytes, put_keys, put_number, put_strings};
use super::error::ModelError;
use super::rows::{Blocks, put_block};
use crate::lemma::LemmaParts;
use crate::lemma::rule::{Capitals, Rule};
use crate::split::SplitterParts;
use crate::split::classifier::{ClassifierParts, LABELS};
use crate::split::multiword::{Ending, MultiWordParts};

/// Rows per block.
const BLOCK: usize = 1 << 16;
/// Most rows of a classifier, endings or forms: bounds what a hostile file can make of it.
const MOST: usize = 8 << 20;

/// Longest string, in bytes, and most words of a token: what a rule puts in for a token is bounded.
pub(crate) const LONGEST: usize = 1000;
const MOST_WORDS: usize = 100;

fn malformed<T>(what: &'static str) -> Result<T, ModelError> {
    Err(ModelError::Malformed(what))
}

/// Keys of `rows`, in blocks, each with what `put` writes of its rows.
fn put_blocks<T>(
    out: &mut Vec<u8>,
    rows: &[T],
    key: impl Fn(&T) -> u32,
    put: impl Fn(&mut Vec<u8>, &T),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    put_number(&mut head, rows.len() as u64);
    put_block(out, &head)?;
    let mut last = 0;
    for block in rows.chunks(BLOCK) {
        let mut raw = Vec::new();
        put_number(&mut raw, block.len() as u64);
        put_keys(&mut raw, block.iter().map(&key), last);
        last = block.last().map_or(last, &key);
        block.iter().for_each(|row| put(&mut raw, row));
        put_block(out, &raw)?;
    }
    Ok(())
}

/// Calls `read` for each key in order.
fn read_blocks<T>(
    blocks: &mut Blocks<'_>,
    mut read: impl FnMut(u32, &mut Bytes<'_>) -> Result<T, ModelError>,
) -> Result<Vec<T>, ModelError> {
    let count = whole(blocks, |bytes| bytes.number())? as usize;
    if count > MOST {
        return malformed("too many rows");
    }
    let mut rows = Vec::new();
    let mut last = 0;
    while rows.len() < count {
        let Some(mut bytes) = blocks.next()? else {
            return malformed("fewer rows than the header says");
        };
        let here = bytes.count(2)?;
        if here == 0 || rows.len() + here > count {
            return malformed("more rows than the header says");
        }
        let mut keys = Vec::new();
        for _ in 0..here {
            last = bytes.key(last)?;
            if last & 1 == 0 {
                return malformed("an even row key");
            }
            keys.push(last);
        }
        for key in keys {
            rows.push(read(key, &mut bytes)?);
        }
        if !bytes.0.is_empty() {
            return malformed("bytes after the last row");
        }
    }
    Ok(rows)
}

/// Reads one block to its end.
fn whole<T>(
    blocks: &mut Blocks<'_>,
    read: impl FnOnce(&mut Bytes<'_>) -> Result<T, ModelError>,
) -> Result<T, ModelError> {
    let Some(mut bytes) = blocks.next()? else {
        return malformed("a block is missing");
    };
    let found = read(&mut bytes)?;
    if bytes.0.is_empty() {
        Ok(found)
    } else {
        malformed("bytes after the end of a block")
    }
}

fn put_classifier(out: &mut Vec<u8>, parts: &ClassifierParts) -> std::io::Result<()> {
    let rows = parts.keys.iter().copied().zip(&parts.weights);
    let rows: Vec<(u32, &[i8; LABELS])> = rows.collect();
    put_blocks(
        out,
        &rows,
        |row| row.0,
        |out, row| {
            out.extend(row.1.iter().map(|weight| *weight as u8));
        },
    )
}

fn read_classifier(blocks: &mut Blocks<'_>) -> Result<ClassifierParts, ModelError> {
    let rows = read_blocks(blocks, |key, bytes| {
        let mut weights = [0; LABELS];
        let found = bytes.take(LABELS)?;
        weights
            .iter_mut()
            .zip(found)
            .for_each(|(w, byte)| *w = *byte as i8);
        Ok((key, weights))
    })?;
    let (keys, weights) = rows.into_iter().unzip();
    Ok(ClassifierParts { keys, weights })
}

/// Appends the splitter's section.
pub(super) fn put_splitter(out: &mut Vec<u8>, parts: &SplitterParts) -> std::io::Result<()> {
    put_classifier(out, &parts.breaks)?;
    put_classifier(out, &parts.words.choice)?;
    let mut raw = Vec::new();
    put_number(&mut raw, parts.never.len() as u64);
    parts
        .never
        .iter()
        .for_each(|pair| raw.extend(pair.to_le_bytes()));
    put_number(&mut raw, parts.words.whole.len() as u64);
    for (form, words) in &parts.words.whole {
        put_strings(&mut raw, std::slice::from_ref(form));
        put_strings(&mut raw, words);
    }
    put_number(&mut raw, parts.words.endings.len() as u64);
    for (ending, rule) in &parts.words.endings {
        put_number(&mut raw, u64::from(rule.cut));
        put_strings(&mut raw, &[ending.clone(), rule.add.clone()]);
        put_strings(&mut raw, &rule.rest);
    }
    put_strings(&mut raw, &parts.words.single);
    put_strings(&mut raw, &parts.words.open);
    put_block(out, &raw)
}

/// Reads the splitter's section.
pub(super) fn read_splitter(section: &[u8]) -> Result<SplitterParts, ModelError> {
    let mut blocks = Blocks::new(section)?;
    let breaks = read_classifier(&mut blocks)?;
    let choice = read_classifier(&mut blocks)?;
    let (never, words) = whole(&mut blocks, |bytes| {
        let count = bytes.count(4)?;
        let never = (0..count).map(|_| bytes.u32()).collect::<Result<_, _>>()?;
        let count = bytes.count(4)?;
        let whole = (0..count).map(|_| {
            let [form] = exactly(bytes.strings()?)?;
            Ok((form, filled(bytes.strings()?, 1)?))
        });
        let whole = whole.collect::<Result<_, ModelError>>()?;
        let count = bytes.count(4)?;
        let endings = (0..count).map(|_| {
            let cut = bytes.number()?.min(255) as u8;
            let [ending, add] = exactly(bytes.strings()?)?;
            let rest = filled(bytes.strings()?, 0)?;
            Ok((ending, Ending { cut, add, rest }))
        });
        let endings = endings.collect::<Result<_, ModelError>>()?;
        let words = MultiWordParts {
            whole,
            endings,
            single: bytes.strings()?,
            open: bytes.strings()?,
            choice,
        };
        Ok((never, words))
    })?;
    end(&mut blocks)?;
    Ok(SplitterParts {
        breaks,
        never,
        words,
    })
}

fn exactly<const N: usize>(strings: Vec<String>) -> Result<[String; N], ModelError> {
    if strings.iter().any(|string| string.len() > LONGEST) {
        return malformed("a string is too long");
    }
    <[String; N]>::try_from(strings).or_else(|_| malformed("strings are missing"))
}

/// Words, at least `least`, none empty.
fn filled(words: Vec<String>, least: usize) -> Result<Vec<String>, ModelError> {
    let fits = |word: &String| !word.is_empty() && word.len() <= LONGEST;
    if words.len() < least || words.len() > MOST_WORDS || !words.iter().all(fits) {
        return malformed("a token without words, or too many, or an empty or too long one");
    }
    Ok(words)
}

fn end(blocks: &mut Blocks<'_>) -> Result<(), ModelError> {
    match blocks.next()? {
        Some(_) => malformed("blocks after the last one"),
        None => Ok(()),
    }
}

/// Appends the lemmas' section.
pub(super) fn put_lemmas(out: &mut Vec<u8>, parts: &LemmaParts) -> std::io::Result<()> {
    let mut raw = Vec::new();
    put_number(&mut raw, parts.rules.len() as u64);
    for rule in &parts.rules {
        raw.push(rule.capitals as u8);
        let sides = [&rule.front.0, &rule.front.1, &rule.back.0, &rule.back.1];
        put_strings(&mut raw, &sides.map(String::clone));
    }
    put_block(out, &raw)?;
    for rows in [&parts.endings, &parts.forms] {
        put_blocks(
            out,
            rows,
            |row| row.0,
            |out, row| {
                put_number(out, u64::from(row.1));
            },
        )?;
    }
    Ok(())
}

/// Reads the lemmas' section.
pub(super) fn read_lemmas(section: &[u8]) -> Result<LemmaParts, ModelError> {
    let mut blocks = Blocks::new(section)?;
    let rules: Vec<Rule> = whole(&mut blocks, |bytes| {
        let count = bytes.count(6)?;
        let rule = |bytes: &mut Bytes<'_>| {
            let [which] = *bytes.take(1)? else {
                return malformed("a rule is missing");
            };
            let [a, b, c, d] = exactly(bytes.strings()?)?;
            Ok(Rule {
                capitals: *Capitals::ALL
                    .get(usize::from(which))
                    .ok_or(ModelError::Malformed("a rule of an unknown kind"))?,
                front: (a, b),
                back: (c, d),
            })
        };
        (0..count).map(|_| rule(bytes)).collect()
    })?;
    let mut rows = || {
        read_blocks(&mut blocks, |key, bytes| {
            let rule = bytes.number()?;
            if rule >= rules.len() as u64 || rule > u64::from(u16::MAX) {
                return malformed("a rule that does not exist");
            }
            Ok((key, rule as u16))
        })
    };
    let (endings, forms) = (rows()?, rows()?);
    end(&mut blocks)?;
    Ok(LemmaParts {
        rules,
        endings,
        forms,
    })
}
