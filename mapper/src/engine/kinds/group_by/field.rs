//! The fields that a job names, and what one record says of them.
//!
//! It must not know how records are written.

use gristmill_common::condition::{self, Value};

use super::time::{self, Unit};
use crate::engine::prepared::SpecError;

/// Number of a field among those of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FieldId(pub(super) u16);

/// All fields that a job names, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) paths: Vec<Path>,
    /// The units that times are cut to.
    pub(super) units: Vec<(FieldId, Unit)>,
}

/// What of a field is asked for: its value, or the time that it is, cut to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) field: FieldId,
    pub(super) unit: Option<Unit>,
}

/// A field's name, taken apart: a field inside others has several steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) steps: Vec<Vec<u8>>,
}

impl Names {
    /// The field of this name, or with `:hour` and the like behind it the time that it is; `option`
    /// is where it was typed.
    pub(super) fn asked(&mut self, option: &str, typed: &str) -> Result<Asked, SpecError> {
        let cut = (typed.rsplit_once(':')).filter(|(name, _)| !name.ends_with('\\'));
        let cut = cut.and_then(|(name, unit)| Some((name, Unit::from_name(unit)?)));
        let (name, unit) = cut.map_or((typed, None), |(name, unit)| (name, Some(unit)));
        let field = self.field(option, name)?;
        self.units.extend(unit.map(|unit| (field, unit)));
        Ok(Asked { field, unit })
    }

    /// All fields, each with its name where names have no parts.
    pub(super) fn flat(&self) -> impl Iterator<Item = (FieldId, String)> {
        self.paths.iter().enumerate().map(|(number, path)| {
            let name = path.steps.join(&b'.');
            let name = String::from_utf8_lossy(&name).into_owned();
            (FieldId(number as u16), name)
        })
    }

    /// The field of this name; `option` is where it was typed.
    pub(super) fn field(&mut self, option: &str, typed: &str) -> Result<FieldId, SpecError> {
        let path =
            Path::parse(typed).map_err(|why| SpecError(format!("{option} {typed}: {why}")))?;
        let known = self.paths.iter().position(|known| *known == path);
        let at = known.unwrap_or(self.paths.len());
        if known.is_none() {
            self.paths.push(path);
        }
        match u16::try_from(at) {
            Ok(at) if at < u16::MAX => Ok(FieldId(at)),
            _ => Err(SpecError(format!("{option} {typed}: too many fields"))),
        }
    }
}

impl Path {
    fn parse(typed: &str) -> Result<Self, &'static str> {
        let mut steps = vec![Vec::new()];
        let mut bytes = typed.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => steps.push(Vec::new()),
                b'\\' => {
                    let next = bytes.next().ok_or("a backslash at the end")?;
                    steps.last_mut().ok_or("")?.push(next);
                }
                byte => steps.last_mut().ok_or("")?.push(byte),
            }
        }
        if steps.iter().any(Vec::is_empty) {
            return Err("an empty name; a backslash before a dot makes it part of the name");
        }
        Ok(Self { steps })
    }
}

/// The fields of records that name them, by their names.
#[derive(Clone, Debug)]
pub(super) struct Keys(Vec<(Vec<u8>, FieldId)>);

impl Keys {
    pub(super) fn new(names: &Names) -> Self {
        let wanted = names.flat().map(|(field, name)| (name.into_bytes(), field));
        Self(wanted.collect())
    }

    /// The field of this name, if the job names it.
    pub(super) fn field(&self, key: &[u8]) -> Option<FieldId> {
        let known = self.0.iter().find(|(name, _)| name == key);
        known.map(|(_, field)| *field)
    }
}

/// A value that is in the record as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    pub(super) field: FieldId,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What one record says of each field.
#[derive(Debug, Default)]
pub(super) struct Found {
    slots: Vec<Slot>,
    /// Values that do not stand in the record as they are.
    scratch: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    place: Place,
    start: u32,
    end: u32,
}

/// Where a value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Absent,
    Null,
    Record,
    /// In the record, with escapes to undo.
    Escaped,
    Scratch,
}

impl Found {
    /// Room for so many fields.
    pub(super) fn new(fields: usize) -> Self {
        Self {
            slots: vec![Slot::default(); fields],
            scratch: Vec::new(),
        }
    }

    /// Forgets the last record.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.slots.fill(Slot::default());
        self.scratch.clear();
    }

    /// Counts which fields the record has.
    #[inline]
    pub(super) fn count(&self, present: &mut [u64]) {
        for (count, slot) in present.iter_mut().zip(&self.slots) {
            *count += u64::from(slot.place != Place::Absent);
        }
    }

    /// The record has no such field after all.
    pub(super) fn forget(&mut self, field: FieldId) {
        self.slots[usize::from(field.0)] = Slot::default();
    }

    /// The field's value is null, which these bytes of the text say.
    pub(super) fn set_null(&mut self, field: FieldId, start: usize, end: usize) {
        self.slots[usize::from(field.0)] = Slot {
            place: Place::Null,
            start: start as u32,
            end: end as u32,
        };
    }

    /// Where the values are that the record has. `None` if one of them has escapes.
    pub(super) fn wholes(&self) -> Option<Vec<Whole>> {
        let all = self.slots.iter().enumerate();
        all.filter(|(_, slot)| slot.place != Place::Absent)
            .map(|(number, slot)| {
                matches!(slot.place, Place::Record | Place::Null).then_some(Whole {
                    field: FieldId(number as u16),
                    start: slot.start as usize,
                    end: slot.end as usize,
                })
            })
            .collect()
    }

    /// The field's value is these bytes of the text that records are read from.
    #[inline]
    pub(super) fn set(&mut self, field: FieldId, start: usize, end: usize, escaped: bool) {
        self.slots[usize::from(field.0)] = Slot {
            place: if escaped {
                Place::Escaped
            } else {
                Place::Record
            },
            start: start as u32,
            end: end as u32,
        };
    }

    /// Where in the record the field's value is, if it is there as it is.
    pub(super) fn place(&self, field: FieldId) -> Option<(usize, usize)> {
        let slot = self.slots[usize::from(field.0)];
        (slot.place == Place::Record).then_some((slot.start as usize, slot.end as usize))
    }

    /// The field's value is a copy of these bytes.
    pub(super) fn put(&mut self, field: FieldId, value: &[u8]) {
        let start = self.scratch.len();
        self.scratch.extend_from_slice(value);
        self.slots[usize::from(field.0)] = Slot {
            place: Place::Scratch,
            start: start as u32,
            end: self.scratch.len() as u32,
        };
    }

    /// Undoes the escapes of values that have any: `undo` appends a value without them.
    pub(super) fn unescape<E>(
        &mut self,
        text: &[u8],
        undo: impl Fn(&[u8], &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        for slot in &mut self.slots {
            if slot.place == Place::Escaped {
                let start = self.scratch.len();
                undo(
                    &text[slot.start as usize..slot.end as usize],
                    &mut self.scratch,
                )?;
                *slot = Slot {
                    place: Place::Scratch,
                    start: start as u32,
                    end: self.scratch.len() as u32,
                };
            }
        }
        Ok(())
    }

    /// A field's value in the record that was read last; `text` is the one that it was read from.
    #[inline]
    pub(super) fn value<'a>(&'a self, field: FieldId, text: &'a [u8]) -> Value<'a> {
        let slot = self.slots[usize::from(field.0)];
        let range = slot.start as usize..slot.end as usize;
        match slot.place {
            Place::Absent => Value::Absent,
            Place::Null => Value::Null,
            Place::Record | Place::Escaped => Value::Text(&text[range]),
            Place::Scratch => Value::Text(&self.scratch[range]),
        }
    }
}

/// A record that was read, with scratch for values that are worked out.
pub(super) struct Record<'a> {
    pub(super) found: &'a Found,
    /// What the record was read from.
    pub(super) text: &'a [u8],
    /// What conditions ask for, by number.
    pub(super) asked: &'a [Asked],
    pub(super) scratch: time::Scratch,
}

impl Record<'_> {
    /// What is asked for of a field. A value that is no time has no hour.
    #[inline]
    pub(super) fn ask(&mut self, asked: Asked) -> Value<'_> {
        match (self.found.value(asked.field, self.text), asked.unit) {
            (Value::Text(text), Some(unit)) => {
                time::cut(text, unit, &mut self.scratch).map_or(Value::Null, Value::Text)
            }
            (value, _) => value,
        }
    }
}

impl condition::Record for Record<'_> {
    fn value(&mut self, field: usize) -> Value<'_> {
        self.ask(self.asked[field])
    }
}
