//! The model file: magic, version, checksum, the sizes of the sections, then the sections in zstd
//! blocks: words, main rows, universal rows; in version 3 then the treebank's own tags, how text is
//! split, lemmas (each empty where the model has none). A model without these three is written as
//! version 2. Must not know how rows look in memory.

use std::thread;

use xxhash_rust::xxh3::xxh3_64;

use super::bytes::{Bytes, put_keys, put_number, put_strings};
use super::error::ModelError;
use super::fine::{put_fine, read_fine};
use super::learned::{put_lemmas, put_splitter, read_lemmas, read_splitter};
use super::parts::{ModelParts, Rows};
use super::rows::{Blocks, MAX_ROWS, put_block, put_rows, read_rows};
use crate::lemma::LemmaParts;
use crate::lexicon::Entry;

const MAGIC: &[u8; 8] = b"GRISTPOS";
const LEMMAS_MAGIC: &[u8; 8] = b"GRISTLEM";
/// The version that this program writes.
pub(crate) const VERSION: u32 = 3;
/// The version before, of models with nothing but tags, which is read and written too.
pub(crate) const TAGS_ONLY: u32 = 2;
/// Most main tags: the top byte of a class is not a tag.
const MOST_TAGS: usize = 56;
/// Sections that only version 3 has.
const MORE: usize = 3;
/// Largest model file read, in bytes.
pub const MAX_FILE: u64 = 64 << 20;

/// What a file holds: all but the rows, then the two sets of rows.
pub(crate) struct Loaded<X, U> {
    pub(crate) parts: ModelParts,
    pub(crate) main: X,
    pub(crate) upos: U,
}

/// Sizes of a section of rows, as the header gives them.
struct Section<'a> {
    tags: usize,
    count: usize,
    stored: &'a [u8],
}

/// Writes a model file.
pub(crate) fn encode(parts: &ModelParts) -> std::io::Result<Vec<u8>> {
    let mut words = Vec::new();
    put_block(&mut words, &encode_words(parts))?;
    let mut body = Vec::from((words.len() as u32).to_le_bytes());
    let mut sections = words;
    for (rows, tags) in [
        (&parts.main_rows, parts.main.len()),
        (&parts.upos_rows, parts.upos.len()),
    ] {
        let before = sections.len();
        put_rows(&mut sections, rows, tags)?;
        body.extend((tags as u32).to_le_bytes());
        body.extend((rows.keys.len() as u32).to_le_bytes());
        body.extend(((sections.len() - before) as u32).to_le_bytes());
    }
    let more = more_sections(parts)?;
    let version = if more.iter().all(Vec::is_empty) && !parts.upos.is_empty() {
        TAGS_ONLY
    } else {
        more.iter().for_each(|section| {
            body.extend((section.len() as u32).to_le_bytes());
            sections.extend_from_slice(section);
        });
        VERSION
    };
    body.extend(sections);
    Ok(wrap(MAGIC, version, &body))
}

fn wrap(magic: &[u8; 8], version: u32, body: &[u8]) -> Vec<u8> {
    let mut file = Vec::from(magic);
    file.extend(version.to_le_bytes());
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(xxh3_64(body).to_le_bytes());
    file.extend(body);
    file
}

/// Writes a file of lemmas alone.
pub(crate) fn encode_lemmas(parts: &LemmaParts) -> std::io::Result<Vec<u8>> {
    let mut section = Vec::new();
    put_lemmas(&mut section, parts)?;
    Ok(wrap(LEMMAS_MAGIC, VERSION, &section))
}

/// Reads a file of lemmas alone.
pub(crate) fn decode_lemmas(file: &[u8]) -> Result<LemmaParts, ModelError> {
    read_lemmas(unwrap(file, LEMMAS_MAGIC)?.1.0)
}

/// The sections that only version 3 has.
fn more_sections(parts: &ModelParts) -> std::io::Result<[Vec<u8>; MORE]> {
    let mut more = [const { Vec::new() }; MORE];
    if let Some(fine) = &parts.fine {
        put_fine(&mut more[0], fine)?;
    }
    if let Some(splitter) = &parts.splitter {
        put_splitter(&mut more[1], splitter)?;
    }
    if let Some(lemmas) = &parts.lemmas {
        put_lemmas(&mut more[2], lemmas)?;
    }
    Ok(more)
}

fn encode_words(parts: &ModelParts) -> Vec<u8> {
    let mut out = Vec::new();
    put_strings(&mut out, &parts.main);
    put_strings(&mut out, &parts.upos);
    put_strings(&mut out, &[parts.sources.clone(), parts.notice.clone()]);
    let allowed = parts.allowed.iter();
    allowed.for_each(|mask| out.extend(mask.to_le_bytes()));
    put_number(&mut out, parts.clusters.len() as u64);
    let clusters = parts.clusters.iter();
    clusters.for_each(|path| put_number(&mut out, u64::from(*path)));
    put_number(&mut out, parts.classes.len() as u64);
    let classes = parts.classes.iter();
    classes.for_each(|class| out.extend(class.to_le_bytes()));
    put_number(&mut out, parts.lexicon.len() as u64);
    put_keys(&mut out, parts.lexicon.iter().map(|(key, _)| *key), 0);
    let entries = || parts.lexicon.iter().map(|(_, entry)| entry);
    entries().for_each(|entry| out.extend(entry.cluster.to_le_bytes()));
    entries().for_each(|entry| out.extend(entry.class.to_le_bytes()));
    out
}

/// The version and the body of a file.
fn unwrap<'a>(file: &'a [u8], magic: &[u8; 8]) -> Result<(u32, Bytes<'a>), ModelError> {
    let mut header = Bytes(file);
    let start = 8.min(file.len());
    if header.take(start)? != &magic[..start] || file.is_empty() {
        return Err(ModelError::Foreign);
    }
    let found = header.u32()?;
    if found != VERSION && found != TAGS_ONLY {
        return Err(ModelError::Version {
            found,
            expected: VERSION,
        });
    }
    let length = header.u32()? as usize;
    let checksum = header.u64()?;
    let body = header;
    if body.0.len() < length {
        return Err(ModelError::Truncated);
    }
    if body.0.len() > length || xxh3_64(body.0) != checksum {
        return Err(ModelError::Checksum);
    }
    Ok((found, body))
}

/// Reads a model file, the main rows and the rest on a thread each.
pub(crate) fn decode<X: Rows, U: Rows + Send>(file: &[u8]) -> Result<Loaded<X, U>, ModelError> {
    let (found, mut body) = unwrap(file, MAGIC)?;
    let words = body.u32()? as usize;
    let sizes = [(); 2].map(|()| (body.u32(), body.u32(), body.u32()));
    let mut more = [0; MORE];
    if found == VERSION {
        for size in &mut more {
            *size = body.u32()? as usize;
        }
    }
    let words = body.take(words)?;
    let mut sections = Vec::new();
    for (tags, count, stored) in sizes {
        let section = Section {
            tags: tags? as usize,
            count: count? as usize,
            stored: body.take(stored? as usize)?,
        };
        // A model whose main tags are universal has no others.
        let may_be_none = found == VERSION && !sections.is_empty();
        if section.tags == 0 && !may_be_none || section.tags > MOST_TAGS {
            return Err(ModelError::Malformed("no tags, or more than 56"));
        }
        if section.count > MAX_ROWS {
            return Err(ModelError::TooLarge {
                limit: MAX_ROWS as u64 * 64,
            });
        }
        sections.push(section);
    }
    let [main, upos] = sections.as_slice() else {
        return Err(ModelError::Truncated);
    };
    let [fine, splitter, lemmas] = more.map(|size| body.take(size));
    let more = [fine?, splitter?, lemmas?];
    if !body.0.is_empty() {
        return Err(ModelError::Malformed("bytes after the last section"));
    }
    let (main_rows, rest) = thread::scope(|scope| {
        let rest = move || Ok((decode_words(words)?, read_section(upos)?));
        let rest = thread::Builder::new().spawn_scoped(scope, rest);
        let main_rows = read_section(main);
        let rest: Result<_, ModelError> = match rest {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => Err(error.into()),
        };
        (main_rows, rest)
    });
    let (mut parts, universal) = rest?;
    if parts.main.len() != main.tags || parts.upos.len() != upos.tags {
        return Err(ModelError::Malformed("rows for another number of tags"));
    }
    read_more(&mut parts, more)?;
    Ok(Loaded {
        parts,
        main: main_rows?,
        upos: universal,
    })
}

/// Reads the sections that only version 3 has.
fn read_more(
    parts: &mut ModelParts,
    [fine, splitter, lemmas]: [&[u8]; MORE],
) -> Result<(), ModelError> {
    if !fine.is_empty() {
        if !parts.upos.is_empty() {
            return Err(ModelError::Malformed("tags of their own twice"));
        }
        parts.fine = Some(read_fine(fine, parts.main.len())?);
    }
    if !splitter.is_empty() {
        parts.splitter = Some(read_splitter(splitter)?);
    }
    if !lemmas.is_empty() {
        parts.lemmas = Some(read_lemmas(lemmas)?);
    }
    Ok(())
}

fn read_section<T: Rows>(section: &Section<'_>) -> Result<T, ModelError> {
    read_rows(section.stored, section.count, section.tags)
}

/// All but the rows.
fn decode_words(section: &[u8]) -> Result<ModelParts, ModelError> {
    let mut blocks = Blocks::new(section)?;
    let mut bytes = blocks
        .next()?
        .ok_or(ModelError::Malformed("no words section"))?;
    let parts = decode_body(&mut bytes)?;
    if !bytes.0.is_empty() || blocks.next()?.is_some() {
        return Err(ModelError::Malformed("bytes after the lexicon"));
    }
    Ok(parts)
}

fn decode_body(bytes: &mut Bytes<'_>) -> Result<ModelParts, ModelError> {
    let main = bytes.tags()?;
    let upos = bytes.tags()?;
    let [sources, notice] = <[String; 2]>::try_from(bytes.strings()?)
        .map_err(|_| ModelError::Malformed("sources and notice are missing"))?;
    let allowed = (0..main.len())
        .map(|_| bytes.u64())
        .collect::<Result<Vec<_>, _>>()?;
    let count = bytes.count(1)?;
    let clusters = (0..count)
        .map(|_| bytes.number().map(|n| n as u32))
        .collect::<Result<Vec<_>, _>>()?;
    let count = bytes.count(8)?;
    let classes = (0..count)
        .map(|_| bytes.u64())
        .collect::<Result<Vec<_>, _>>()?;
    let count = bytes.count(5)?;
    let mut last = 0;
    let keys = (0..count)
        .map(|_| bytes.key(last).inspect(|key| last = *key))
        .collect::<Result<Vec<_>, _>>()?;
    let cluster = bytes.take(count * 2)?;
    let class = bytes.take(count * 2)?;
    let pair = |column: &[u8], at: usize| u16::from_le_bytes([column[2 * at], column[2 * at + 1]]);
    let lexicon: Vec<(u32, Entry)> = keys
        .into_iter()
        .enumerate()
        .map(|(at, key)| {
            (
                key,
                Entry {
                    cluster: pair(cluster, at),
                    class: pair(class, at),
                },
            )
        })
        .collect();
    if lexicon
        .iter()
        .any(|(_, e)| e.cluster as usize > clusters.len() || e.class as usize > classes.len())
    {
        return Err(ModelError::Malformed(
            "a word's cluster or class does not exist",
        ));
    }
    Ok(ModelParts {
        main,
        upos,
        sources,
        notice,
        allowed,
        clusters,
        classes,
        lexicon,
        ..ModelParts::default()
    })
}
