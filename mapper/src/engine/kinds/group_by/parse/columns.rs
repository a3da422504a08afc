//! Records whose values have places, not names: which place is which field.

use super::super::field::{FieldId, Found, Names};
use crate::engine::prepared::SpecError;

/// What of a column a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Before the last colon.
    Address,
    /// After the last colon.
    Port,
    /// Before the first slash.
    BeforeSlash,
    /// After the first slash.
    AfterSlash,
    /// Before the first blank: a request's method.
    Method,
    /// After the first blank, before the last one: what is requested.
    Url,
    /// After the last blank.
    Protocol,
}

/// A field that is part of a column: its name, and the column's.
pub(super) type Derived = (&'static str, &'static str, Part);

/// The named fields of records with columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// The fields that columns are, whole or in part, in order of the columns.
    wanted: Vec<Wanted>,
    len: usize,
    /// A lone dash is no value, in a column or a part of one.
    dashes: bool,
}

/// Whether a server means by a value that there is none.
#[inline]
pub(super) fn is_dash(value: &[u8]) -> bool {
    value == b"-"
}

/// What is wanted of the columns that come.
pub(super) struct Coming<'c>(&'c [Wanted]);

#[derive(Clone, Copy, Debug)]
struct Wanted {
    column: usize,
    part: Option<Part>,
    field: FieldId,
}

impl Columns {
    /// The columns of these names; `what` has them, for messages.
    pub(super) fn new(
        what: &str,
        columns: &[impl AsRef<str>],
        derived: &[Derived],
        names: &Names,
    ) -> Result<Self, SpecError> {
        let (found, missing) = Self::find(columns, derived, names);
        match missing {
            None => Ok(found),
            Some(name) => {
                let mut known: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
                // A pattern's groups need no names.
                known.retain(|name| !name.is_empty());
                known.extend(derived.iter().map(|(name, ..)| *name));
                Err(SpecError(format!(
                    "`{name}` is not a field of {what} (fields are {})",
                    known.join(", ")
                )))
            }
        }
    }

    /// The columns that a document's header names. Fields that it does not name are absent.
    pub(super) fn by_header(columns: &[impl AsRef<str>], names: &Names) -> Self {
        Self::find(columns, &[], names).0
    }

    /// The columns of fields, and a field that is in none.
    fn find(
        columns: &[impl AsRef<str>],
        derived: &[Derived],
        names: &Names,
    ) -> (Self, Option<String>) {
        // Of columns of one name the last one counts.
        let place = |name: &str| columns.iter().rposition(|known| known.as_ref() == name);
        let (mut wanted, mut missing) = (Vec::new(), None);
        for (field, name) in names.flat() {
            let part = derived.iter().find(|(known, ..)| *known == name);
            let (column, part) = match (place(&name), part) {
                (Some(column), _) => (Some(column), None),
                (None, Some((_, whole, part))) => (place(whole), Some(*part)),
                (None, None) => (None, None),
            };
            match column {
                Some(column) => wanted.push(Wanted {
                    column,
                    part,
                    field,
                }),
                None => missing = missing.or(Some(name)),
            }
        }
        wanted.sort_by_key(|wanted| wanted.column);
        let columns = Self {
            wanted,
            len: columns.len(),
            dashes: false,
        };
        (columns, missing)
    }

    /// The same, where a lone dash is no value.
    pub(super) fn with_dashes(self) -> Self {
        Self {
            dashes: true,
            ..self
        }
    }

    /// No field is one of them.
    pub(super) fn is_unwanted(&self) -> bool {
        self.wanted.is_empty()
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Notes the value of a column, which is these bytes of `text`.
    #[inline]
    pub(super) fn set(
        &self,
        found: &mut Found,
        column: usize,
        text: &[u8],
        start: usize,
        end: usize,
    ) {
        let mut wanted = Coming(&self.wanted);
        wanted.0 = &wanted.0[wanted.0.partition_point(|wanted| wanted.column < column)..];
        self.set_next(&mut wanted, found, column, text, (start, end));
    }

    /// What is wanted of a record's columns, for [`Columns::set_next`].
    #[inline]
    pub(super) fn wanted(&self) -> Coming<'_> {
        Coming(&self.wanted)
    }

    /// As [`Columns::set`], of a record's columns in order: `wanted` is what is still to come.
    #[inline(always)]
    pub(super) fn set_next(
        &self,
        wanted: &mut Coming<'_>,
        found: &mut Found,
        column: usize,
        text: &[u8],
        (start, end): (usize, usize),
    ) {
        while let [first, rest @ ..] = wanted.0
            && first.column == column
        {
            wanted.0 = rest;
            let range = match first.part {
                None => Some((start, end)),
                Some(part) => {
                    let range = part.of(&text[start..end]);
                    range.map(|(from, to)| (start + from, start + to))
                }
            };
            if let Some((start, end)) = range
                && !(self.dashes && is_dash(&text[start..end]))
            {
                found.set(first.field, start, end, false);
            }
        }
    }

    /// Notes the values of all columns; `place` says where in `text` a column is.
    #[inline(always)]
    pub(super) fn set_all(
        &self,
        found: &mut Found,
        text: &[u8],
        place: impl Fn(usize) -> (usize, usize),
    ) {
        let mut wanted = self.wanted();
        while let Some(column) = wanted.0.first().map(|wanted| wanted.column) {
            self.set_next(&mut wanted, found, column, text, place(column));
        }
    }

    /// The fields that a column is as a whole.
    pub(super) fn whole(&self, column: usize) -> impl Iterator<Item = FieldId> {
        let all = self
            .wanted
            .iter()
            .filter(move |wanted| wanted.column == column);
        all.map(|wanted| wanted.field)
    }
}

impl Part {
    /// Where in a value it is. `None` if the value has no such part.
    fn of(self, value: &[u8]) -> Option<(usize, usize)> {
        let end = value.len();
        match self {
            Part::Address => Some((0, memchr::memrchr(b':', value).unwrap_or(end))),
            Part::Port => memchr::memrchr(b':', value).map(|at| (at + 1, end)),
            Part::BeforeSlash => Some((0, memchr::memchr(b'/', value).unwrap_or(end))),
            Part::AfterSlash => memchr::memchr(b'/', value).map(|at| (at + 1, end)),
            Part::Method => memchr::memchr(b' ', value).map(|at| (0, at)),
            Part::Url => {
                let start = memchr::memchr(b' ', value)? + 1;
                let last = memchr::memrchr(b' ', value).filter(|&last| last > start);
                Some((start, last.unwrap_or(end)))
            }
            Part::Protocol => {
                let (first, last) = (memchr::memchr(b' ', value)?, memchr::memrchr(b' ', value)?);
                (last > first).then_some((last + 1, end))
            }
        }
    }
}
