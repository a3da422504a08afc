//! What was set aside in one chunk, as it travels: each document and each reason stands once.
//!
//! Damaged input is set aside line by line, many lines of one document for one reason each time.
//! An entry is packed as LEB128 varints and bytes: the number of its document, the number of its
//! reason, its offset, the sample's length × 4 (+ 1 with a stretch, + 2 with stderr), the sample,
//! the stretch's records and bytes, the length of stderr, and stderr. It must not know the codec of
//! messages.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::chunk::{Quarantined, Stretch};
pub use crate::entry::Entry;
use crate::table::{push_uvarint, take_uvarint};

/// So many of the reasons that came last are looked through before one is written again.
const LOOK_BACK: usize = 16;
/// What a document or a reason takes beside its text, and all entries beside theirs, at most.
const TEXT_COST: usize = 16;
const SIZE: usize = 32;

const STRETCH: u128 = 1;
const STDERR: u128 = 2;

/// Entries, in the order in which they were pushed.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    documents: Vec<Document>,
    reasons: Vec<String>,
    len: usize,
    packed: Vec<u8>,
    cost: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Document {
    source: u32,
    #[serde(with = "serde_bytes")]
    name: Vec<u8>,
}

/// Where document and reason of an entry stand among those of its [`Entries`].
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Below [`Entries::documents`].
    pub document: usize,
    /// Below [`Entries::reasons`].
    pub reason: usize,
}

impl Entries {
    /// Appends an entry.
    pub fn push(&mut self, entry: Entry<'_>) {
        let (document, reason) = (self.document(&entry), self.reason(entry.reason));
        let out = &mut self.packed;
        push_uvarint(out, document as u128);
        push_uvarint(out, reason as u128);
        push_uvarint(out, entry.offset.into());
        let with = |mark, is_there| if is_there { mark } else { 0 };
        let marks = with(STRETCH, entry.stretch.is_some()) | with(STDERR, !entry.stderr.is_empty());
        push_uvarint(out, (entry.sample.len() as u128) << 2 | marks);
        out.extend_from_slice(entry.sample);
        if let Some(stretch) = entry.stretch {
            push_uvarint(out, stretch.records.into());
            push_uvarint(out, stretch.bytes.into());
        }
        if !entry.stderr.is_empty() {
            push_uvarint(out, entry.stderr.len() as u128);
            out.extend_from_slice(entry.stderr);
        }
        self.len += 1;
        self.cost += entry.cost();
    }

    /// The number of the entry's document: most have that of the entry before.
    fn document(&mut self, entry: &Entry<'_>) -> usize {
        if let Some(last) = self.documents.last()
            && last.source == entry.source
            && last.name == entry.document
        {
            return self.documents.len() - 1;
        }
        self.documents.push(Document {
            source: entry.source,
            name: entry.document.to_vec(),
        });
        self.documents.len() - 1
    }

    fn reason(&mut self, reason: &str) -> usize {
        let known = self.reasons.iter().rev().take(LOOK_BACK);
        match known.into_iter().position(|known| known == reason) {
            Some(back) => self.reasons.len() - 1 - back,
            None => {
                self.reasons.push(reason.to_owned());
                self.reasons.len() - 1
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What they take, each for itself, at most, in bytes: the same however they came together.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// What all of them take in a message, at most, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let names = self.documents.iter().map(|document| document.name.len());
        let reasons = self.reasons.iter().map(String::len);
        let texts: usize = names.chain(reasons).map(|len| len + TEXT_COST).sum();
        SIZE + texts + self.packed.len()
    }

    /// How many documents are named; one may be named more than once.
    #[must_use]
    pub fn documents(&self) -> usize {
        self.documents.len()
    }

    /// How many reasons are given; one may be given more than once.
    #[must_use]
    pub fn reasons(&self) -> usize {
        self.reasons.len()
    }

    /// The sources of the documents that are named.
    pub fn sources(&self) -> impl Iterator<Item = u32> {
        self.documents.iter().map(|document| document.source)
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.places().map(|(_, entry)| entry)
    }

    /// The entries, with the places of their documents and reasons.
    pub fn places(&self) -> impl Iterator<Item = (Places, Entry<'_>)> {
        let mut rest = &self.packed[..];
        // What was pushed or checked cannot fail.
        std::iter::from_fn(move || self.next(&mut rest)?.ok())
    }

    /// Takes them all out.
    pub fn clear(&mut self) {
        self.documents.clear();
        self.reasons.clear();
        self.packed.clear();
        (self.len, self.cost) = (0, 0);
    }

    /// Forgets all but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        if len == 0 {
            self.clear();
        } else if len < self.len {
            *self = self.iter().take(len).collect();
        }
    }

    /// Appends others.
    pub fn append(&mut self, others: &Entries) {
        if self.is_empty() {
            self.clone_from(others);
        } else {
            self.extend(others.iter());
        }
    }

    /// Takes the next entry off `rest`; none at its end.
    fn next<'a>(&'a self, rest: &mut &'a [u8]) -> Option<Result<(Places, Entry<'a>), Bad>> {
        (!rest.is_empty()).then(|| self.take(rest))
    }

    #[inline]
    fn take<'a>(&'a self, rest: &mut &'a [u8]) -> Result<(Places, Entry<'a>), Bad> {
        let (document, reason) = (number(rest)?, number(rest)?);
        let known = self.documents.get(document as usize).ok_or(Bad)?;
        let said = self.reasons.get(reason as usize).ok_or(Bad)?;
        let offset = number(rest)?;
        let head = number(rest)?;
        let sample = bytes(rest, head >> 2)?;
        let stretch = match u128::from(head) & STRETCH {
            0 => None,
            _ => Some(Stretch {
                records: number(rest)?,
                bytes: number(rest)?,
            }),
        };
        let stderr = match u128::from(head) & STDERR {
            0 => &[][..],
            _ => {
                let len = number(rest)?;
                bytes(rest, len)?
            }
        };
        let places = Places {
            document: document as usize,
            reason: reason as usize,
        };
        let entry = Entry {
            source: known.source,
            document: &known.name,
            offset,
            reason: said,
            sample,
            stretch,
            stderr,
        };
        Ok((places, entry))
    }
}

/// The bytes are no entries.
#[derive(Debug)]
struct Bad;

#[inline]
fn number(rest: &mut &[u8]) -> Result<u64, Bad> {
    let mut value = 0;
    // Nearly all have four bytes at most.
    for (at, &byte) in rest.iter().take(4).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * at);
        if byte < 0x80 {
            *rest = &rest[at + 1..];
            return Ok(value);
        }
    }
    u64::try_from(take_uvarint(rest).map_err(|_| Bad)?).map_err(|_| Bad)
}

fn bytes<'a>(rest: &mut &'a [u8], len: u64) -> Result<&'a [u8], Bad> {
    let (taken, tail) = usize::try_from(len)
        .ok()
        .and_then(|len| rest.split_at_checked(len))
        .ok_or(Bad)?;
    *rest = tail;
    Ok(taken)
}

impl<'a> Extend<Entry<'a>> for Entries {
    fn extend<T: IntoIterator<Item = Entry<'a>>>(&mut self, entries: T) {
        entries.into_iter().for_each(|entry| self.push(entry));
    }
}

impl<'a> FromIterator<Entry<'a>> for Entries {
    fn from_iter<T: IntoIterator<Item = Entry<'a>>>(entries: T) -> Self {
        let mut all = Self::default();
        all.extend(entries);
        all
    }
}

impl<'a> FromIterator<&'a Quarantined> for Entries {
    fn from_iter<T: IntoIterator<Item = &'a Quarantined>>(entries: T) -> Self {
        entries.into_iter().map(Entry::from).collect()
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Entries {}

/// [`Entries`] as they are encoded.
#[derive(Serialize)]
struct Said<'a> {
    documents: &'a [Document],
    reasons: &'a [String],
    #[serde(with = "serde_bytes")]
    packed: &'a [u8],
}

/// [`Entries`] as they are decoded, not yet checked.
#[derive(Deserialize)]
struct Heard {
    documents: Vec<Document>,
    reasons: Vec<String>,
    #[serde(with = "serde_bytes")]
    packed: Vec<u8>,
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            documents,
            reasons,
            packed,
            ..
        } = self;
        let said = Said {
            documents,
            reasons,
            packed,
        };
        said.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Heard {
            documents,
            reasons,
            packed,
        } = Heard::deserialize(deserializer)?;
        let mut entries = Self {
            documents,
            reasons,
            packed,
            ..Self::default()
        };
        let mut rest = &entries.packed[..];
        let (mut len, mut cost) = (0, 0);
        while let Some(entry) = entries.next(&mut rest) {
            let wrong = |_| serde::de::Error::custom("entries that are none");
            cost += entry.map_err(wrong)?.1.cost();
            len += 1;
        }
        (entries.len, entries.cost) = (len, cost);
        Ok(entries)
    }
}

#[cfg(test)]
#[path = "entries_tests.rs"]
mod tests;
