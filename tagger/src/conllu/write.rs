//! Writes tagged sentences as `udvalidate --level 2` wants them, but for the tree, which a tagger
//! does not have. Must not know of documents.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::model::Model;
use crate::tagger::Tag;

/// One word to write.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// Its bytes as they stand in the text.
    pub bytes: &'a [u8],
    /// Whether the next word, or the next sentence, follows without white space.
    pub joined: bool,
    /// Whether it is the rest of a contraction that the word before begins.
    pub continues: bool,
    /// The token as it stands in the text, on the first of several words that are no parts of it.
    pub surface: Option<&'a [u8]>,
}

/// Appends a sentence: `# sent_id` as `id` writes it, `# text`, a line per word, and a range line
/// before the words of a contraction. `lemmas` holds one per word, or none at all.
pub fn push_sentence(
    out: &mut Vec<u8>,
    model: &Model,
    id: impl FnOnce(&mut Vec<u8>),
    forms: &[Form<'_>],
    tags: &[Tag],
    lemmas: &[Cow<'_, str>],
) {
    out.extend_from_slice(b"# sent_id = ");
    id(out);
    out.extend_from_slice(b"\n# text = ");
    push_text(out, forms);
    out.push(b'\n');
    // Words of the token that are left.
    let mut inside = 0;
    for (at, (form, tag)) in forms.iter().zip(tags).enumerate() {
        if inside == 0 && forms.get(at + 1).is_some_and(|next| next.continues) {
            inside = 1 + forms[at + 1..].iter().take_while(|f| f.continues).count();
            push_range(out, at, &forms[at..at + inside]);
        }
        push_number(out, at as u64 + 1);
        out.push(b'\t');
        push_form(out, form.bytes);
        match lemmas.get(at) {
            None => out.extend_from_slice(b"\t_\t"),
            Some(lemma) => {
                out.push(b'\t');
                push_form(out, lemma.as_bytes());
                out.push(b'\t');
            }
        }
        model.labels.upos[usize::from(tag.upos)].push(out);
        model.labels.xpos[usize::from(tag.xpos)].push(out);
        // Where a range stands for the words, it says what follows them.
        push_misc(out, form.joined && inside == 0);
        inside = inside.saturating_sub(1);
    }
    out.push(b'\n');
}

/// The text that the words came from.
fn push_text(out: &mut Vec<u8>, forms: &[Form<'_>]) {
    let mut whole = false;
    for (at, form) in forms.iter().enumerate() {
        whole = match form.surface {
            Some(surface) => {
                push_form(out, surface);
                true
            }
            None if form.continues && whole => true,
            None => {
                push_form(out, form.bytes);
                false
            }
        };
        let goes_on = forms.get(at + 1).is_some_and(|next| next.continues);
        if !form.joined && at + 1 < forms.len() && !(whole && goes_on) {
            out.push(b' ');
        }
    }
}

fn push_range(out: &mut Vec<u8>, at: usize, forms: &[Form<'_>]) {
    push_number(out, at as u64 + 1);
    out.push(b'-');
    push_number(out, (at + forms.len()) as u64);
    out.push(b'\t');
    match forms[0].surface {
        Some(surface) => push_form(out, surface),
        None => forms.iter().for_each(|form| push_form(out, form.bytes)),
    }
    out.extend_from_slice(b"\t_\t_\t_\t_\t_\t_\t_\t");
    push_misc(out, forms.last().is_some_and(|form| form.joined));
}

/// MISC and the end of the line.
#[inline(always)]
fn push_misc(out: &mut Vec<u8>, joined: bool) {
    if joined {
        out.extend_from_slice(b"SpaceAfter=No\n");
    } else {
        out.extend_from_slice(b"_\n");
    }
}

/// Appends a number in decimal digits.
pub fn push_number(out: &mut Vec<u8>, number: u64) {
    if number < 10 {
        return out.push(b'0' + number as u8);
    }
    if number < 100 {
        return out.extend([b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
    }
    let mut digits = [0; 20];
    let (mut at, mut left) = (digits.len(), number);
    while left > 0 {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

/// FORM: letters are composed (NFC), as the format asks, and what it does not allow in a word is
/// replaced.
#[inline]
fn push_form(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.iter().all(u8::is_ascii_graphic) {
        out.extend_from_slice(bytes);
    } else {
        // Treebanks write a space inside a word (`10 000`) as it is.
        push_fit(out, bytes, |c| c.is_whitespace() && c != ' ');
    }
}

/// Appends text with white space that is `unfit` as U+2423 (open box), and control characters and
/// bytes that are not UTF-8 as U+25A1 (white square): validators take U+FFFD for an error.
fn push_fit(out: &mut Vec<u8>, bytes: &[u8], unfit: fn(char) -> bool) {
    let text = String::from_utf8_lossy(bytes);
    let text = if is_nfc(&text) {
        text
    } else {
        Cow::Owned(text.nfc().collect())
    };
    let fit = |c: char| match c {
        c if unfit(c) => '\u{2423}',
        c if c.is_control() || c == '\u{fffd}' => '\u{25a1}',
        c => c,
    };
    out.extend_from_slice(text.chars().map(fit).collect::<String>().as_bytes());
}

/// Appends a name as a comment can hold it, on one line.
pub fn push_comment(out: &mut Vec<u8>, name: &[u8]) {
    push_fit(out, name, |_| false);
}

/// Appends a name as part of a sent_id, which has no white space and no slash: what does not fit is
/// written as `%` and two hexadecimal digits a byte, so that different names stay different.
pub fn push_id(out: &mut Vec<u8>, name: &[u8]) {
    for chunk in name.utf8_chunks() {
        let valid = chunk.valid();
        let whole = is_nfc(valid);
        for c in valid.chars() {
            let mut room = [0; 4];
            let bytes = c.encode_utf8(&mut room).as_bytes();
            if c.is_whitespace()
                || c.is_control()
                || matches!(c, '/' | '%')
                || !(whole || c.is_ascii())
            {
                bytes.iter().for_each(|byte| push_escaped(out, *byte));
            } else {
                out.extend_from_slice(bytes);
            }
        }
        chunk
            .invalid()
            .iter()
            .for_each(|byte| push_escaped(out, *byte));
    }
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    let digit = |half: u8| b"0123456789ABCDEF"[usize::from(half)];
    out.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
}
