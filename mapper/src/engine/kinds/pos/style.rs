//! How `pos` writes a tagged sentence: text, CoNLL-U or JSON lines. Must not know how tags are
//! found.

use std::io::Write as _;

use gristmill_common::name::shown;
use gristmill_common::spec::{Format, Tagset};
use gristmill_tagger::conllu::{Form, push_id, push_sentence};
use gristmill_tagger::{Model, Tag, penn_style};

/// How sentences are written.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) format: Format,
    pub(super) tokenized: bool,
    pub(super) tagset: Tagset,
    pub(super) separator: String,
}

/// A tagged sentence and where it stands.
pub(super) struct Sentence<'a> {
    pub(super) document: &'a [u8],
    /// Of the record in its document, from 0.
    pub(super) record: u64,
    /// Of the sentence in its record, from 1.
    pub(super) number: usize,
    /// The tokens, at least one, with their bytes as they came.
    pub(super) forms: &'a [Form<'a>],
    /// Where each token begins in the document, in bytes.
    pub(super) starts: &'a [u64],
    pub(super) tags: &'a [Tag],
}

impl Style {
    pub(super) fn write(&self, model: &Model, sentence: &Sentence<'_>, out: &mut Vec<u8>) {
        match self.format {
            Format::Conllu => {
                let id = |out: &mut Vec<u8>| {
                    push_id(out, sentence.document);
                    // Writing to memory cannot fail.
                    let _ = write!(out, "-{}-{}", sentence.record + 1, sentence.number);
                };
                push_sentence(out, model, id, sentence.forms, sentence.tags);
            }
            Format::Jsonl => self.jsonl(model, sentence, out),
            Format::Text
            | Format::Tsv
            | Format::Frames
            | Format::Tar
            | Format::Csv
            | Format::Table => self.text(model, sentence, out),
        }
    }

    fn tag<'a>(&self, model: &'a Model, form: &Form<'_>, tag: Tag) -> &'a str {
        match self.tagset {
            Tagset::Ewt => model.xpos(tag),
            Tagset::Penn => penn_style(form.bytes, model.xpos(tag)),
            Tagset::Universal => model.upos(tag),
        }
    }

    fn tags<'a>(
        &self,
        model: &'a Model,
        sentence: &Sentence<'a>,
    ) -> impl Iterator<Item = (&'a Form<'a>, &'a str)> {
        let pairs = sentence.forms.iter().zip(sentence.tags);
        pairs.map(|(form, tag)| (form, self.tag(model, form, *tag)))
    }

    /// `word_TAG word_TAG`, one sentence a line.
    fn text(&self, model: &Model, sentence: &Sentence<'_>, out: &mut Vec<u8>) {
        for (at, (form, tag)) in self.tags(model, sentence).enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(form.bytes);
            out.extend_from_slice(self.separator.as_bytes());
            out.extend_from_slice(tag.as_bytes());
        }
        out.push(b'\n');
    }

    /// One JSON object a sentence.
    fn jsonl(&self, model: &Model, sentence: &Sentence<'_>, out: &mut Vec<u8>) {
        let tokens: Vec<_> = sentence
            .forms
            .iter()
            .map(|form| String::from_utf8_lossy(form.bytes))
            .collect();
        let offsets: Vec<[u64; 2]> = sentence
            .starts
            .iter()
            .zip(sentence.forms)
            .map(|(start, form)| [*start, start + form.bytes.len() as u64])
            .collect();
        let tags: Vec<&str> = self.tags(model, sentence).map(|(_, tag)| tag).collect();
        let upos: Vec<&str> = sentence.tags.iter().map(|tag| model.upos(*tag)).collect();
        let line = serde_json::json!({
            "document": shown(sentence.document),
            "offset": sentence.starts[0],
            "tokens": tokens,
            "offsets": offsets,
            "tags": tags,
            "upos": upos,
        });
        // Writing to memory cannot fail.
        let _ = writeln!(out, "{line}");
    }
}
