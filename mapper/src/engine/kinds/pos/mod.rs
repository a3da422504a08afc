//! `pos`: part-of-speech tags of text.

mod style;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use gristmill_common::name::on_one_line;
use gristmill_common::spec::{Format, Pos, Tagset};
use gristmill_tagger::conllu::{Form, push_comment};
use gristmill_tagger::{MAX_FILE, Model, Tag, Tagger, Token, replace_invalid};

use crate::engine::batch::{Batch, Part, Record};
use crate::engine::job_file::JobFile;
use crate::engine::output::Output;
use crate::engine::prepared::{Factory, SpecError};
use crate::engine::processor::{ProcessError, Processor};
use style::{Sentence, Style};

/// Fills in which model a job uses: its hash is part of the spec, because the output is a function
/// of it (I2). Returns the file at `path`, loaded, unless it is the built-in model.
///
/// # Errors
/// When the model cannot be read.
pub fn name_model(options: &mut Pos, path: Option<&Path>) -> Result<Option<JobFile>, SpecError> {
    let built_in = built_in(options);
    let file = path.map(load).transpose()?;
    let file = file.filter(|file| file.hash() != Model::embedded_hash());
    if let Some(model) = file.as_ref().and_then(JobFile::model) {
        fits(options, model)?;
    }
    options.model_hash = file.as_ref().map_or(built_in, JobFile::hash);
    options.own_model = file.is_some();
    Ok(file)
}

/// What names the built-in model in a spec: with lemmas, the file of its lemmas too.
fn built_in(options: &Pos) -> u64 {
    if options.lemmas {
        Model::embedded_hash_with_lemmas()
    } else {
        Model::embedded_hash()
    }
}

/// Whether a model can do what the options ask for.
fn fits(options: &Pos, model: &Model) -> Result<(), SpecError> {
    let wrong = |what: &str| Err(SpecError(format!("pos: {what}")));
    if options.lemmas && !model.has_lemmas() {
        return wrong(
            "--lemmas: the model knows none; `gristmill tagger train` learns them from a treebank \
             that has them",
        );
    }
    let penn = |tag: &String| tag == "VBZ";
    if options.tagset == Tagset::Penn && !model.xpos_tags().iter().any(penn) {
        return wrong("--tagset penn: the model's tags are no Penn tags; --tagset ewt gives them");
    }
    Ok(())
}

/// Makes what all threads share, with the job's own model or the one that is built in.
pub(super) fn prepare(
    options: &Pos,
    format: Format,
    file: Option<&JobFile>,
) -> Result<Factory, SpecError> {
    let own = file.and_then(JobFile::model);
    let model = own.map_or_else(Model::embedded, Arc::clone);
    let hash = own.map_or_else(|| built_in(options), |model| model.hash());
    if options.model_hash != 0 && options.model_hash != hash {
        return Err(SpecError(format!(
            "pos: the job wants the model with hash {:016x}, this one has {hash:016x}",
            options.model_hash,
        )));
    }
    fits(options, &model)?;
    let style = Style {
        format,
        tokenized: options.tokenized,
        tagset: match options.tagset {
            Tagset::Ewt if !model.has_xpos() => Tagset::Universal,
            tagset => tagset,
        },
        lemmas: options.lemmas,
        spaces: !model.splits_by_rules(),
        separator: options.separator.clone(),
    };
    // Lemmas go by both tags.
    let universal =
        style.tagset == Tagset::Universal || style.format != Format::Text || style.lemmas;
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

/// The processor of one thread.
struct PosTagger {
    tagger: Tagger,
    style: Style,
    tags: Vec<Tag>,
}

impl Processor for PosTagger {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        for part in batch.parts() {
            let before = out.bytes.len();
            if self.style.format == Format::Conllu && begins_document(part) {
                out.bytes.extend_from_slice(b"# newdoc id = ");
                let name = on_one_line(&part.piece.document);
                push_comment(&mut out.bytes, name.as_bytes());
                out.bytes.push(b'\n');
            }
            let begun = out.bytes.len();
            let name = self.style.name(&part.piece.document);
            for record in batch.records(part) {
                if self.style.tokenized {
                    self.tokenized(&name, &record, &mut out.bytes);
                } else {
                    self.raw(&name, &record, &mut out.bytes);
                }
            }
            if out.bytes.len() == begun && is_small_document(part) {
                out.bytes.truncate(before);
            }
        }
        Ok(())
    }
}

/// Whether a part is the first of its document: a bisected chunk has several parts of one piece.
fn begins_document(part: &Part<'_>) -> bool {
    part.piece.first && part.offset == part.piece.offset
}

/// Whether a part is a whole document that no chunk divides. Of such a one it is known that no
/// sentence follows, and a comment without a sentence is no CoNLL-U.
fn is_small_document(part: &Part<'_>) -> bool {
    part.piece.first && part.piece.last && part.piece.records <= 1
}

impl PosTagger {
    /// Text as people write it: split into sentences and tokens.
    fn raw(&mut self, document: &[u8], record: &Record<'_>, out: &mut Vec<u8>) {
        let bytes = record.text();
        let start = record.text_offset();
        let (model, style) = (Arc::clone(self.tagger.model()), &self.style);
        let mut number = 0;
        let mut places = Vec::new();
        self.tagger.tag_bytes(bytes, |tagged| {
            number += 1;
            places.clear();
            let forms: Vec<Form<'_>> = tagged.forms_in(bytes).collect();
            let place = |token: &Token| (start + token.start as u64, start + token.end as u64);
            places.extend(tagged.tokens.iter().map(place));
            let sentence = Sentence {
                document,
                record: record.number,
                number,
                forms: &forms,
                places: &places,
                words: tagged.words,
                tags: tagged.tags,
            };
            style.write(&model, &sentence, out);
        });
    }

    /// One sentence a record, tokens between spaces.
    fn tokenized(&mut self, document: &[u8], record: &Record<'_>, out: &mut Vec<u8>) {
        let bytes = record.text();
        let start = record.text_offset();
        let text = replace_invalid(bytes);
        let (mut forms, mut places, mut words) = (Vec::new(), Vec::new(), Vec::new());
        let mut from = 0;
        // Spaces are in the same places of both: the replacement keeps every offset.
        for word in text.split([' ', '\t', '\r', '\n']) {
            if !word.is_empty() {
                forms.push(Form {
                    bytes: &bytes[from..from + word.len()],
                    joined: false,
                    continues: false,
                    surface: None,
                });
                let from = start + from as u64;
                places.push((from, from + word.len() as u64));
                words.push(word);
            }
            from += word.len() + 1;
        }
        self.tagger.tag_into(&words, &mut self.tags);
        if !forms.is_empty() {
            let sentence = Sentence {
                document,
                record: record.number,
                number: 1,
                forms: &forms,
                places: &places,
                words: &words,
                tags: &self.tags,
            };
            self.style.write(self.tagger.model(), &sentence, out);
        } else if self.style.format == Format::Text {
            // Line for line, so that the output can be pasted beside the input.
            out.push(b'\n');
        }
    }
}
