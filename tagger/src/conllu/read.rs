//! Reads CoNLL-U, plain or gzip: words, their lemmas and two tags, and what is needed to rebuild
//! the raw text.
//! Must not know of models.

use std::io::Read;

/// One syntactic word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// FORM, as it stands in the file.
    pub form: String,
    /// LEMMA; `_` where there is none.
    pub lemma: String,
    /// UPOS, the universal tag.
    pub upos: String,
    /// XPOS, the treebank's own tag (Penn tags in English EWT).
    pub xpos: String,
    /// Whether white space (or the end of the sentence) follows in the text.
    pub space_after: bool,
}

/// A surface token that stands for several words, such as `don't` for `do n't`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiWord {
    /// Index of its first word in the sentence, from 0.
    pub first: usize,
    /// Number of words it stands for, at least 1.
    pub count: usize,
    /// The surface form.
    pub form: String,
    /// Whether white space (or the end of the sentence) follows in the text.
    pub space_after: bool,
}

/// One sentence of a CoNLL-U file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence {
    /// The words in order; empty nodes (`8.1`) are left out.
    pub words: Vec<Word>,
    /// Surface tokens of several words.
    pub multi: Vec<MultiWord>,
    /// Whether a paragraph or document starts with this sentence (`# newpar`, `# newdoc`).
    pub new_paragraph: bool,
}

/// Most words of a token.
const MOST_WORDS: usize = 100;

/// Why a CoNLL-U file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ConlluError {
    /// Reading or decompressing failed.
    #[error("cannot read: {0}")]
    Io(#[from] std::io::Error),
    /// A line is not CoNLL-U.
    #[error("line {line}: {what}")]
    Syntax {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Reads a whole stream, decompressing it when it starts with gzip's magic bytes, up to `limit`
/// bytes of content.
///
/// # Errors
/// Fails on a read error, a damaged gzip stream, or content past `limit`.
pub fn read_maybe_gzip(mut reader: impl Read, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut magic = Vec::with_capacity(2);
    reader.by_ref().take(2).read_to_end(&mut magic)?;
    let gzip = magic == [0x1f, 0x8b];
    let whole = std::io::Cursor::new(magic).chain(reader);
    let mut content = Vec::new();
    if gzip {
        flate2::read::MultiGzDecoder::new(whole)
            .take(limit.saturating_add(1))
            .read_to_end(&mut content)?;
    } else {
        whole
            .take(limit.saturating_add(1))
            .read_to_end(&mut content)?;
    }
    if content.len() as u64 > limit {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!("more than {limit} bytes"),
        ));
    }
    Ok(content)
}

/// Parses the content of a CoNLL-U file; bytes that are not UTF-8 become U+FFFD.
///
/// # Errors
/// [`ConlluError::Syntax`] names the first line that is not CoNLL-U.
pub fn parse(content: &[u8]) -> Result<Vec<Sentence>, ConlluError> {
    let content = String::from_utf8_lossy(content);
    let mut sentences = Vec::new();
    let mut current = Sentence::default();
    for (index, line) in content.lines().enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            finish(&mut current, &mut sentences).map_err(|what| wrong(index, what))?;
        } else if let Some(comment) = line.strip_prefix('#') {
            let comment = comment.trim_start();
            if comment.starts_with("newpar") || comment.starts_with("newdoc") {
                current.new_paragraph = true;
            }
        } else {
            parse_word(line, &mut current).map_err(|what| wrong(index, what))?;
        }
    }
    let last = content.lines().count();
    finish(&mut current, &mut sentences).map_err(|what| wrong(last, what))?;
    Ok(sentences)
}

fn wrong(index: usize, what: &'static str) -> ConlluError {
    ConlluError::Syntax {
        line: index + 1,
        what,
    }
}

/// Adds the sentence that ends here, if there is one.
fn finish(current: &mut Sentence, sentences: &mut Vec<Sentence>) -> Result<(), &'static str> {
    let sentence = std::mem::take(current);
    let last = sentence.multi.last();
    if last.is_some_and(|range| range.first + range.count > sentence.words.len()) {
        return Err("the sentence ends within a range");
    }
    if sentence.words.is_empty() {
        current.new_paragraph = sentence.new_paragraph;
    } else {
        sentences.push(sentence);
    }
    Ok(())
}

fn parse_word(line: &str, sentence: &mut Sentence) -> Result<(), &'static str> {
    let mut columns = line.split('\t');
    let id = columns.next().unwrap_or_default();
    let mut next = || columns.next().ok_or("fewer than ten columns");
    let (form, lemma, upos, xpos) = (next()?, next()?, next()?, next()?);
    let (_, _, _, _, misc) = (next()?, next()?, next()?, next()?, next()?);
    if form.is_empty() {
        return Err("an empty FORM");
    }
    if [lemma, upos, xpos].contains(&"") {
        return Err("an empty LEMMA, UPOS or XPOS");
    }
    let unfit = |c: char| c.is_whitespace() || c.is_control();
    if upos.contains(unfit) || xpos.contains(unfit) {
        return Err("a tag with white space");
    }
    let space_after = !misc.split('|').any(|item| item == "SpaceAfter=No");
    if id.contains('.') {
        return Ok(());
    }
    if let Some((first, last)) = id.split_once('-') {
        let first: usize = first.parse().map_err(|_| "an ID that is not a number")?;
        let last: usize = last.parse().map_err(|_| "an ID that is not a number")?;
        if last < first {
            return Err("a range out of order");
        }
        if last - first >= MOST_WORDS {
            return Err("a range of more than 100 words");
        }
        let open = sentence.multi.last();
        if first != sentence.words.len() + 1
            || open.is_some_and(|range| range.first + range.count > sentence.words.len())
        {
            return Err("a range out of order");
        }
        sentence.multi.push(MultiWord {
            first: first - 1,
            count: last - first + 1,
            form: form.to_owned(),
            space_after,
        });
        return Ok(());
    }
    let number: usize = id.parse().map_err(|_| "an ID that is not a number")?;
    if number != sentence.words.len() + 1 {
        return Err("IDs out of order");
    }
    let mut word = Word {
        form: form.to_owned(),
        lemma: lemma.to_owned(),
        upos: upos.to_owned(),
        xpos: xpos.to_owned(),
        space_after,
    };
    // Inside a range the file says nothing of spaces: the range's own SpaceAfter holds for its last
    // word.
    if let Some(range) = sentence.multi.last()
        && number > range.first
        && number <= range.first + range.count
    {
        word.space_after = number == range.first + range.count && range.space_after;
    }
    sentence.words.push(word);
    Ok(())
}
