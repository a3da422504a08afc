//! `pos`: part-of-speech tags of English text.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use gristmill_common::name::{on_one_line, shown};
use gristmill_common::spec::{Format, Pos, Tagset};
use gristmill_tagger::{MAX_FILE, Model, Tag, Tagger, replace_invalid};

use crate::engine::batch::{Batch, Part, Record};
use crate::engine::job_file::JobFile;
use crate::engine::output::Output;
use crate::engine::prepared::{Factory, SpecError};
use crate::engine::processor::{ProcessError, Processor};

/// Fills in which model a job uses: its hash is part of the spec, because the output is a function
/// of it (I2). Returns the file at `path`, loaded, unless it is the built-in model.
///
/// # Errors
/// When the model cannot be read.
pub fn name_model(options: &mut Pos, path: Option<&Path>) -> Result<Option<JobFile>, SpecError> {
    let built_in = Model::embedded_hash();
    let file = path.map(load).transpose()?;
    let file = file.filter(|file| file.hash() != built_in);
    options.model_hash = file.as_ref().map_or(built_in, JobFile::hash);
    options.own_model = file.is_some();
    Ok(file)
}

/// Makes what all threads share, with the job's own model or the one that is built in.
pub(super) fn prepare(
    options: &Pos,
    format: Format,
    file: Option<&JobFile>,
) -> Result<Factory, SpecError> {
    let model = file.map_or_else(Model::embedded, |file| Arc::clone(file.model()));
    if options.model_hash != 0 && options.model_hash != model.hash() {
        return Err(SpecError(format!(
            "pos: the job wants the model with hash {:016x}, this one has {:016x}",
            options.model_hash,
            model.hash()
        )));
    }
    let style = Style {
        format,
        tokenized: options.tokenized,
        tagset: options.tagset,
        separator: options.separator.clone(),
    };
    let universal = style.tagset == Tagset::Universal || style.format == Format::Conllu;
    Ok(Box::new(move || {
        let model = Arc::clone(&model);
        Box::new(PosTagger {
            tagger: if universal {
                Tagger::new(model)
            } else {
                Tagger::penn_only(model)
            },
            style: style.clone(),
            tags: Vec::new(),
        })
    }))
}

fn load(path: &Path) -> Result<JobFile, SpecError> {
    let wrong = |error: String| SpecError(format!("--model {}: {error}", path.display()));
    let read = || {
        let mut bytes = Vec::new();
        // One byte more than a model may have, so that a larger file is refused and not cut off.
        File::open(path)?
            .take(MAX_FILE + 1)
            .read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    let bytes = read().map_err(|error| wrong(error.to_string()))?;
    JobFile::of_model(bytes.into()).map_err(|error| wrong(error.0))
}

/// How sentences are written.
#[derive(Clone, Debug)]
struct Style {
    format: Format,
    tokenized: bool,
    tagset: Tagset,
    separator: String,
}

/// The processor of one thread.
struct PosTagger {
    tagger: Tagger,
    style: Style,
    tags: Vec<Tag>,
}

/// A tagged sentence and where it stands.
struct Sentence<'a> {
    document: &'a [u8],
    /// Of the record in its document, from 0.
    record: u64,
    /// Of the sentence in its record, from 1.
    number: usize,
    /// Of the first token in the document, in bytes.
    offset: u64,
    /// The tokens' bytes as they came.
    tokens: &'a [&'a [u8]],
    /// Which tokens are followed by the next one without a space.
    joined: &'a [bool],
    tags: &'a [Tag],
}

impl Processor for PosTagger {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        for part in batch.parts() {
            if self.style.format == Format::Conllu && begins_document(part) {
                out.bytes.extend_from_slice(b"# newdoc id = ");
                push_line(&mut out.bytes, &part.piece.document);
                out.bytes.push(b'\n');
            }
            for record in batch.records(part) {
                if self.style.tokenized {
                    self.tokenized(part, &record, &mut out.bytes);
                } else {
                    self.raw(part, &record, &mut out.bytes);
                }
            }
        }
        Ok(())
    }
}

/// Whether a part is the first of its document: a bisected chunk has several parts of one piece.
fn begins_document(part: &Part<'_>) -> bool {
    part.piece.first && part.offset == part.piece.offset
}

impl PosTagger {
    /// Text as people write it: split into sentences and tokens.
    fn raw(&mut self, part: &Part<'_>, record: &Record<'_>, out: &mut Vec<u8>) {
        let bytes = record.text();
        let start = record.text_offset();
        let (model, style) = (Arc::clone(self.tagger.model()), &self.style);
        let mut number = 0;
        let (mut tokens, mut joined): (Vec<&[u8]>, Vec<bool>) = (Vec::new(), Vec::new());
        self.tagger.tag_bytes(bytes, |tagged| {
            number += 1;
            tokens.clear();
            tokens.extend(
                tagged
                    .tokens
                    .iter()
                    .map(|token| &bytes[token.start..token.end]),
            );
            joined.clear();
            let after = tagged.tokens.iter().skip(1).map(|token| token.start);
            joined.extend(
                tagged
                    .tokens
                    .iter()
                    .zip(after)
                    .map(|(token, next)| token.end == next),
            );
            joined.push(false);
            let sentence = Sentence {
                document: &part.piece.document,
                record: record.number,
                number,
                offset: start + tagged.tokens[0].start as u64,
                tokens: &tokens,
                joined: &joined,
                tags: tagged.tags,
            };
            style.write(&model, &sentence, out);
        });
    }

    /// One sentence a record, tokens between spaces.
    fn tokenized(&mut self, part: &Part<'_>, record: &Record<'_>, out: &mut Vec<u8>) {
        let bytes = record.text();
        let start = record.text_offset();
        let text = replace_invalid(bytes);
        // Spaces are in the same places of both: the replacement keeps every offset.
        let split = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let tokens: Vec<&[u8]> = bytes
            .split(split)
            .filter(|token| !token.is_empty())
            .collect();
        let forms: Vec<&str> = text
            .split([' ', '\t', '\r', '\n'])
            .filter(|form| !form.is_empty())
            .collect();
        self.tagger.tag(&forms, &mut self.tags);
        let first = bytes.iter().position(|byte| !split(byte)).unwrap_or(0);
        let sentence = Sentence {
            document: &part.piece.document,
            record: record.number,
            number: 1,
            offset: start + first as u64,
            tokens: &tokens,
            joined: &vec![false; tokens.len()],
            tags: &self.tags,
        };
        if !tokens.is_empty() {
            self.style.write(self.tagger.model(), &sentence, out);
        } else if self.style.format == Format::Text {
            // Line for line, so that the output can be pasted beside the input.
            out.push(b'\n');
        }
    }
}

impl Style {
    fn write(&self, model: &Model, sentence: &Sentence<'_>, out: &mut Vec<u8>) {
        match self.format {
            Format::Conllu => conllu(model, sentence, out),
            Format::Jsonl => self.jsonl(model, sentence, out),
            Format::Text | Format::Tsv | Format::Frames => self.text(model, sentence, out),
        }
    }

    fn tag<'a>(&self, model: &'a Model, tag: Tag) -> &'a str {
        match self.tagset {
            Tagset::Penn => &model.xpos_tags()[usize::from(tag.xpos)],
            Tagset::Universal => &model.upos_tags()[usize::from(tag.upos)],
        }
    }

    /// `word_TAG word_TAG`, one sentence a line.
    fn text(&self, model: &Model, sentence: &Sentence<'_>, out: &mut Vec<u8>) {
        for (at, (token, tag)) in sentence.tokens.iter().zip(sentence.tags).enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(token);
            out.extend_from_slice(self.separator.as_bytes());
            out.extend_from_slice(self.tag(model, *tag).as_bytes());
        }
        out.push(b'\n');
    }

    /// One JSON object a sentence.
    fn jsonl(&self, model: &Model, sentence: &Sentence<'_>, out: &mut Vec<u8>) {
        let tokens: Vec<_> = sentence
            .tokens
            .iter()
            .map(|t| String::from_utf8_lossy(t))
            .collect();
        let tags: Vec<&str> = sentence
            .tags
            .iter()
            .map(|tag| self.tag(model, *tag))
            .collect();
        let line = serde_json::json!({
            "document": shown(sentence.document),
            "offset": sentence.offset,
            "tokens": tokens,
            "tags": tags,
        });
        // Writing to memory cannot fail.
        let _ = writeln!(out, "{line}");
    }
}

/// CoNLL-U (universaldependencies.org/format.html): FORM, UPOS, XPOS, and SpaceAfter in MISC.
fn conllu(model: &Model, sentence: &Sentence<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# sent_id = ");
    push_line(out, sentence.document);
    let _ = writeln!(out, "-{}-{}", sentence.record + 1, sentence.number);
    for (at, (token, tag)) in sentence.tokens.iter().zip(sentence.tags).enumerate() {
        let _ = writeln!(
            out,
            "{}\t{}\t_\t{}\t{}\t_\t_\t_\t_\t{}",
            at + 1,
            String::from_utf8_lossy(token),
            model.upos_tags()[usize::from(tag.upos)],
            model.xpos_tags()[usize::from(tag.xpos)],
            if sentence.joined[at] {
                "SpaceAfter=No"
            } else {
                "_"
            },
        );
    }
    out.push(b'\n');
}

/// Appends a name to a comment, which is one line of UTF-8.
fn push_line(out: &mut Vec<u8>, name: &[u8]) {
    out.extend_from_slice(on_one_line(name).as_bytes());
}
