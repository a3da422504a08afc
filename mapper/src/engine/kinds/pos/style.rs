//! How `pos` writes a tagged sentence: text, CoNLL-U or JSON lines. Must not know how tags are
//! found.

use std::borrow::Cow;

use gristmill_common::name::shown;
use gristmill_common::spec::{Format, Tagset};
use gristmill_tagger::conllu::{Form, push_id, push_number, push_sentence};
use gristmill_tagger::{Model, Tag, penn_style};

use crate::engine::json;

/// How sentences are written.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) format: Format,
    pub(super) tokenized: bool,
    pub(super) tagset: Tagset,
    pub(super) separator: String,
    pub(super) lemmas: bool,
    /// Whether words may hold spaces.
    pub(super) spaces: bool,
}

/// A tagged sentence and where it stands.
pub(super) struct Sentence<'a> {
    /// The document's name as [`Style::name`] wants it.
    pub(super) document: &'a [u8],
    /// Of the record in its document, from 0.
    pub(super) record: u64,
    /// Of the sentence in its record, from 1.
    pub(super) number: usize,
    /// The words, at least one, with their bytes as they came.
    pub(super) forms: &'a [Form<'a>],
    /// The same as the tagger saw them.
    pub(super) words: &'a [&'a str],
    /// Where each word, or the token that it is of, begins and ends in the document, in bytes.
    pub(super) places: &'a [(u64, u64)],
    pub(super) tags: &'a [Tag],
}

impl Style {
    /// A document's name as every sentence of it names it.
    pub(super) fn name(&self, document: &[u8]) -> Vec<u8> {
        let mut name = Vec::new();
        match self.format {
            Format::Conllu => push_id(&mut name, document),
            Format::Jsonl => {
                json::push_string(&mut name, shown(document).as_bytes());
            }
            _ => {}
        }
        name
    }

    pub(super) fn write(&self, model: &Model, sentence: &Sentence<'_>, out: &mut Vec<u8>) {
        match self.format {
            Format::Conllu => {
                let id = |out: &mut Vec<u8>| {
                    out.extend_from_slice(sentence.document);
                    out.push(b'-');
                    push_number(out, sentence.record + 1);
                    out.push(b'-');
                    push_number(out, sentence.number as u64);
                };
                let lemmas = self.lemmas(model, sentence);
                push_sentence(out, model, id, sentence.forms, sentence.tags, &lemmas);
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

    /// A lemma per word, or none at all.
    fn lemmas<'a>(&self, model: &Model, sentence: &Sentence<'a>) -> Vec<Cow<'a, str>> {
        if !self.lemmas {
            return Vec::new();
        }
        let words = sentence.words.iter().zip(sentence.tags);
        let lemma = |((word, tag), form): ((&&'a str, &Tag), &Form<'a>)| {
            // The tagger sees a control in the place of each byte that is not UTF-8.
            match std::str::from_utf8(form.bytes) {
                Ok(_) => model.lemma(word, *tag).unwrap_or((*word).into()),
                Err(_) => String::from_utf8_lossy(form.bytes),
            }
        };
        words.zip(sentence.forms).map(lemma).collect()
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

    /// `word_TAG word_TAG` or `word_TAG_lemma`, one sentence a line.
    fn text(&self, model: &Model, sentence: &Sentence<'_>, out: &mut Vec<u8>) {
        let lemmas = self.lemmas(model, sentence);
        for (at, (form, tag)) in self.tags(model, sentence).enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            self.push_word(out, form.bytes);
            out.extend_from_slice(self.separator.as_bytes());
            out.extend_from_slice(tag.as_bytes());
            if let Some(lemma) = lemmas.get(at) {
                out.extend_from_slice(self.separator.as_bytes());
                self.push_word(out, lemma.as_bytes());
            }
        }
        out.push(b'\n');
    }

    /// A space inside a word (`10 000`) becomes a no-break space, so that words can be told apart.
    fn push_word(&self, out: &mut Vec<u8>, bytes: &[u8]) {
        if !self.spaces || !bytes.contains(&b' ') {
            return out.extend_from_slice(bytes);
        }
        for (at, part) in bytes.split(|byte| *byte == b' ').enumerate() {
            if at > 0 {
                out.extend_from_slice("\u{a0}".as_bytes());
            }
            out.extend_from_slice(part);
        }
    }

    /// One JSON object a sentence, its members in the order of their names.
    fn jsonl(&self, model: &Model, sentence: &Sentence<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"document\":");
        out.extend_from_slice(sentence.document);
        if self.lemmas {
            out.extend_from_slice(b",\"lemmas\":");
            let lemmas = self.lemmas(model, sentence);
            json::push_list(out, &lemmas, |out, lemma| {
                json::push_string(out, lemma.as_bytes());
            });
        }
        out.extend_from_slice(b",\"offset\":");
        push_number(out, sentence.places[0].0);
        out.extend_from_slice(b",\"offsets\":");
        json::push_list(out, sentence.places, |out, (start, end)| {
            json::push_list(out, [start, end], |out, place| push_number(out, *place));
        });
        out.extend_from_slice(b",\"tags\":");
        json::push_list(out, self.tags(model, sentence), |out, (_, tag)| {
            json::push_string(out, tag.as_bytes());
        });
        out.extend_from_slice(b",\"tokens\":");
        json::push_list(out, sentence.forms, |out, form| {
            json::push_string(out, form.bytes);
        });
        out.extend_from_slice(b",\"upos\":");
        json::push_list(out, sentence.tags, |out, tag| {
            json::push_string(out, model.upos(*tag).as_bytes());
        });
        out.extend_from_slice(b"}\n");
    }
}
