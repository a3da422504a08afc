//! The frames that a mapper and a worker exchange, as `docs/exec.md` describes them: a length, a
//! type and a payload. All numbers are big-endian.

use std::ops::Range;

use super::unit::Unit;
use gristmill_common::counters::Counter;

/// The version of the protocol.
pub(super) const VERSION: u32 = 1;
/// The longest frame of a worker, in bytes: one result of the largest size and a little more.
const LONGEST: usize = (64 << 20) + (64 << 10);

/// What a worker says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// It is ready, and speaks this version.
    Hello(&'a [u8]),
    /// The results of the next records.
    Out(&'a [u8]),
    /// Pairs of keys and values of the next records.
    Pairs(&'a [u8]),
    /// One result, without a newline in it, for each of the next records.
    Text(&'a [u8]),
    /// The next record is bad: the reason, and details behind the first newline.
    Bad(&'a [u8]),
    /// It cannot go on.
    Fail(&'a [u8]),
    /// A line for the log.
    Log(&'a [u8]),
    /// Something was counted.
    Count(&'a [u8]),
    /// It has answered every record of a batch.
    End,
    /// It is alive; perhaps with the number of records of the batch in work that are done.
    Ping(Option<u32>),
}

/// Takes the first frame of `bytes`: where it lies, or nothing if it is not all there.
///
/// # Errors
/// When it is none.
pub(super) fn first(bytes: &[u8]) -> Result<Option<(Said<'_>, usize)>, String> {
    let Some((head, _)) = bytes.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let len = u32::from_be_bytes(*head) as usize;
    if len == 0 || len > LONGEST {
        return Err(format!("a frame of {len} bytes"));
    }
    let Some(frame) = bytes.get(4..4 + len) else {
        return Ok(None);
    };
    let payload = &frame[1..];
    let said = match frame[0] {
        b'H' => Said::Hello(payload),
        b'O' => Said::Out(payload),
        b'T' => Said::Text(payload),
        b'X' => Said::Bad(payload),
        b'F' => Said::Fail(payload),
        b'L' => Said::Log(payload),
        b'C' => Said::Count(payload),
        b'E' => Said::End,
        b'P' => Said::Ping(payload.try_into().ok().map(u32::from_be_bytes)),
        b'K' => Said::Pairs(payload),
        other => return Err(format!("a frame of type {other}")),
    };
    Ok(Some((said, 4 + len)))
}

/// The greeting: what the worker may want to know.
pub(super) fn hello(each: &str, out: &str, timeout: u64) -> Vec<u8> {
    let json = serde_json::json!({
        "version": VERSION,
        "each": each,
        "out": out,
        "timeout": timeout,
    });
    frame(b'H', json.to_string().as_bytes())
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32 + 1).to_be_bytes().to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(payload);
    bytes
}

/// A batch of units, in place of what `into` holds: for each document its name, the id and number
/// of its first unit, the units' lengths, and their bytes, each followed by a newline.
pub(super) fn batch(into: &mut Vec<u8>, units: &[Unit<'_>]) {
    let bytes: usize = units.iter().map(|unit| unit.content.len() + 5).sum();
    into.clear();
    into.reserve(bytes + 256);
    into.extend_from_slice(&[0; 4]);
    into.push(b'B');
    let groups = groups(units);
    push(into, groups.len());
    for group in groups {
        let units = &units[group];
        let first = &units[0];
        let piece = first.part.piece;
        push(into, piece.document.len());
        into.extend_from_slice(&piece.document);
        let id = format!("{}-{}", first.split, piece.ordinal);
        push(into, id.len());
        into.extend_from_slice(id.as_bytes());
        into.extend_from_slice(&first.record.to_be_bytes());
        push(into, units.len());
        for unit in units {
            push(into, unit.content.len());
        }
        for unit in units {
            into.extend_from_slice(unit.content);
            into.push(b'\n');
        }
    }
    let len = (into.len() - 4) as u32;
    into[..4].copy_from_slice(&len.to_be_bytes());
}

/// The stretches of units that follow each other in one document.
fn groups(units: &[Unit<'_>]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, unit) in units.iter().enumerate() {
        match groups.last_mut() {
            Some(group)
                if std::ptr::eq(units[group.start].part.piece, unit.part.piece)
                    && units[at - 1].record + 1 == unit.record =>
            {
                group.end = at + 1;
            }
            _ => groups.push(at..at + 1),
        }
    }
    groups
}

fn push(into: &mut Vec<u8>, number: usize) {
    into.extend_from_slice(&(number as u32).to_be_bytes());
}

/// What a [`Said::Count`] says: a number (64 bits), a group and a name, each behind its length.
pub(super) fn counter(payload: &[u8]) -> Option<Counter> {
    let (count, rest) = payload.split_first_chunk::<8>()?;
    let mut rest = Reader(rest);
    let mut text = || rest.number().and_then(|len| rest.take(len));
    let (group, name) = (text()?, text()?);
    let counter = Counter::new(group, name, u64::from_be_bytes(*count));
    counter.filter(|_| rest.0.is_empty())
}

/// The payload of an answer, read from its beginning.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next number.
    pub(super) fn number(&mut self) -> Option<usize> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*head) as usize)
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }
}
