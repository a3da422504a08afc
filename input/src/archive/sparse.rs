//! Members of a tar that are stored without their holes: GNU's old form and its three in pax
//! headers.

use super::pax::decimal;
use super::tar::{BLOCK, number};
use crate::stream::{Damage, Input, Pull};

/// Most stretches of data in one member.
const MOST: usize = 1 << 18;
/// The length of one stretch in GNU's old form: its offset and its length.
const OLD_ENTRY: usize = 24;

const CUT_OFF: &str = "tar: truncated inside a map of holes";

/// A stretch of data in a member: where it belongs, and how long it is.
type Stretch = (u64, u64);

/// Where a member's data belongs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Map {
    stretches: Vec<Stretch>,
    /// The length that the member unfolds to.
    size: u64,
}

/// What pax records say of a member with holes.
#[derive(Default)]
pub(crate) struct Described {
    /// The member's real name; the header has one made up.
    pub(crate) name: Option<Vec<u8>>,
    size: Option<u64>,
    /// The map, and an offset whose length has not come yet.
    stretches: Vec<Stretch>,
    open: Option<u64>,
    mapped: bool,
    major: Option<u64>,
    wrong: bool,
}

impl Described {
    /// Takes in one record.
    pub(crate) fn record(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"GNU.sparse.name" => self.name = Some(value.to_vec()),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                self.size = decimal(value);
                self.wrong |= self.size.is_none();
            }
            b"GNU.sparse.major" => self.major = decimal(value),
            b"GNU.sparse.numblocks" => self.mapped = true,
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.number(value),
            b"GNU.sparse.map" => {
                self.stretches.clear();
                self.mapped = true;
                if !value.is_empty() {
                    value
                        .split(|&byte| byte == b',')
                        .for_each(|number| self.number(number));
                }
            }
            _ => {}
        }
    }

    fn number(&mut self, text: &[u8]) {
        let number = decimal(text);
        self.wrong |= number.is_none() || self.stretches.len() >= MOST;
        let number = number.unwrap_or(0);
        match self.open.take() {
            None => self.open = Some(number),
            Some(offset) if !self.wrong => self.stretches.push((offset, number)),
            Some(_) => {}
        }
    }

    /// Whether a member is described as one with holes.
    pub(crate) fn is_sparse(&self) -> bool {
        self.mapped || self.major.is_some()
    }

    /// The map of a member of `stored` bytes; in the newest form, the first of them say it. Returns
    /// how many bytes that took. The inner error is a map that cannot be used.
    ///
    /// # Errors
    /// When the stream is damaged.
    pub(crate) fn map(
        self,
        input: &mut Input<'_>,
        stored: u64,
    ) -> Result<Result<(Map, u64), &'static str>, Damage> {
        let Some(size) = self.size else {
            return Ok(Err("no length"));
        };
        if self.wrong || self.open.is_some() {
            return Ok(Err("a malformed number"));
        }
        let (stretches, taken) = match self.major {
            None | Some(0) => (self.stretches, 0),
            Some(1) => match leading(input, stored)? {
                Ok(found) => found,
                Err(what) => return Ok(Err(what)),
            },
            Some(_) => return Ok(Err("an unknown version")),
        };
        let map = Map { stretches, size };
        Ok(map.checked(stored - taken).map(|map| (map, taken)))
    }
}

/// The map that stands before the data: decimal lines, filled up to a whole block.
fn leading(
    input: &mut Input<'_>,
    stored: u64,
) -> Result<Result<(Vec<Stretch>, u64), &'static str>, Damage> {
    let start = input.offset();
    let mut line = || -> Result<Option<u64>, Damage> {
        let bytes = input.want(21)?;
        if bytes.is_empty() {
            return Err(Damage::corrupt(CUT_OFF));
        }
        let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(21)]);
        let number = end.and_then(|end| decimal(&bytes[..end]));
        input.consume(end.map_or(0, |end| end + 1));
        Ok(number)
    };
    let Some(count) = line()?.filter(|&count| count <= MOST as u64) else {
        return Ok(Err("a malformed number of stretches"));
    };
    let mut stretches = Vec::new();
    for _ in 0..count {
        let (Some(offset), Some(length)) = (line()?, line()?) else {
            return Ok(Err("a malformed number"));
        };
        stretches.push((offset, length));
    }
    let taken = (input.offset() - start).next_multiple_of(BLOCK as u64);
    if taken > stored {
        return Ok(Err("more of it than the member has"));
    }
    input.skip(start + taken - input.offset())?;
    Ok(Ok((stretches, taken)))
}

/// The map of GNU's old form: what the header holds, then blocks of more. The inner error is a map
/// that cannot be used.
///
/// # Errors
/// When the stream is damaged.
pub(crate) fn old_map(
    input: &mut Input<'_>,
    header: (&[u8], bool, Option<u64>),
    stored: u64,
) -> Result<Result<Map, &'static str>, Damage> {
    let (first, mut more, size) = header;
    let mut stretches = Vec::new();
    let mut wrong = push(&mut stretches, first);
    while more {
        let block = input.want(BLOCK)?;
        let Some(block) = block.first_chunk::<BLOCK>() else {
            return Err(Damage::corrupt(CUT_OFF));
        };
        wrong |= push(&mut stretches, &block[..21 * OLD_ENTRY]);
        more = block[21 * OLD_ENTRY] != 0;
        input.consume(BLOCK);
    }
    let Some(size) = size else {
        return Ok(Err("no length"));
    };
    if wrong {
        return Ok(Err("a malformed number"));
    }
    Ok(Map { stretches, size }.checked(stored))
}

/// Adds the stretches of one piece of an old map; true if they cannot be read.
fn push(stretches: &mut Vec<Stretch>, entries: &[u8]) -> bool {
    for entry in entries.chunks_exact(OLD_ENTRY) {
        // Entries that are not used are blank.
        if entry[0] == 0 && entry[12] == 0 {
            continue;
        }
        let (Some(offset), Some(length)) = (number(&entry[..12]), number(&entry[12..])) else {
            return true;
        };
        if stretches.len() >= MOST {
            return true;
        }
        stretches.push((offset, length));
    }
    false
}

impl Map {
    /// The map, if it fits a member of `stored` bytes.
    fn checked(self, stored: u64) -> Result<Self, &'static str> {
        let (mut at, mut sum) = (0, 0_u64);
        for &(offset, length) in &self.stretches {
            if offset < at {
                return Err("stretches out of order");
            }
            at = offset.checked_add(length).ok_or("a stretch too long")?;
            sum = sum.saturating_add(length);
        }
        if at > self.size {
            return Err("a stretch past the end");
        }
        if sum != stored {
            return Err("not as many bytes as the member has");
        }
        Ok(self)
    }

    /// The length of all holes together, in bytes.
    pub(crate) fn holes(&self) -> u64 {
        let stored: u64 = self.stretches.iter().map(|(_, length)| length).sum();
        self.size - stored
    }
}

/// Unfolds a member: its data at the places of the map, zeros between.
pub(crate) struct Unfolded<P> {
    data: P,
    /// Zeros and data in turn, what comes next last.
    runs: Vec<(u64, bool)>,
}

impl<P: Pull> Unfolded<P> {
    pub(crate) fn new(data: P, map: &Map) -> Self {
        let mut runs = Vec::new();
        let mut at = 0;
        for &(offset, length) in &map.stretches {
            runs.push((offset - at, false));
            runs.push((length, true));
            at = offset + length;
        }
        runs.push((map.size - at, false));
        runs.reverse();
        Self { data, runs }
    }
}

impl<P: Pull> Pull for Unfolded<P> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        while let Some((left, is_data)) = self.runs.last_mut() {
            if *left == 0 {
                self.runs.pop();
                continue;
            }
            let step = usize::try_from(*left).map_or(max, |left| left.min(max));
            let got = match is_data {
                true => self.data.pull(out, step)?,
                false => {
                    out.resize(out.len() + step, 0);
                    step
                }
            };
            *left -= got as u64;
            return Ok(got);
        }
        Ok(0)
    }
}
