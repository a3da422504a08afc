//! A stretch of a compressed text between two seek points: the lines that begin in it.
//!
//! Decoding cannot look at the byte before a seek point, so a line that begins right at one belongs
//! to the stretch before (the rule of Hadoop's LineRecordReader).

use std::ops::Range;

use super::walker::Walker;
use crate::cut::Stretch;
use crate::error::Halt;
use crate::seek;
use crate::stream::{Damage, Input, Pull, Random};

/// How much is decoded at once where the first line is looked for.
const BLOCK: usize = 64 << 10;

/// Cuts the lines of the stretch `text` of a text of `size` bytes, which is decoded from the
/// stretch `packed` of the file. The last line is read to its end, behind the stretch.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    file: &Random<'_>,
    packed: &Range<u64>,
    text: &Range<u64>,
    size: u64,
) -> Result<(), Halt> {
    // A message may say anything.
    let is_in_order = packed.start < packed.end && packed.end <= file.size();
    if !is_in_order || text.start > text.end || text.end > size {
        let damage = Damage::corrupt("a stretch of it is none that the file can have");
        return walker.fault(name, text.start, damage);
    }
    let progress = Some(walker.reading.progress);
    let mut lines = match seek::decode(file, packed.clone(), text.start, progress) {
        Ok(own) => Lines {
            own,
            left: text.end - text.start,
            is_longer: false,
            before: Vec::new(),
            behind: None,
            ended: text.end >= size,
            open: || seek::decode(file, packed.end..file.size(), text.end, None),
        },
        Err(damage) => return walker.fault(name, text.start, damage),
    };
    let (begins, ends) = (text.start == 0, lines.ended);
    let offset = match begins {
        true => 0,
        false => match lines.skip_line(text.start) {
            Ok(Some(offset)) => offset,
            // One line, which another stretch has, fills it.
            Ok(None) if !ends => return Ok(()),
            Ok(None) => size,
            Err(damage) => return walker.fault(name, text.start, damage),
        },
    };
    let stretch = Stretch {
        offset,
        begins,
        ends,
    };
    walker.document_from(name, stretch, &mut lines)
}

fn lies(what: &str) -> Damage {
    Damage::corrupt(format!(
        "a stretch of it decodes to {what} bytes than its index states"
    ))
}

/// The lines of a stretch.
struct Lines<'a, O> {
    /// The stretch itself, and how much of it is to come.
    own: Input<'a>,
    left: u64,
    /// It decoded to more than that.
    is_longer: bool,
    /// What was decoded of it and not given.
    before: Vec<u8>,
    /// The rest of the text, once the stretch was given.
    behind: Option<Input<'a>>,
    /// Nothing more is to be given behind the stretch.
    ended: bool,
    /// Decodes on from the stretch's end in the file.
    open: O,
}

impl<'a, O: Fn() -> Result<Input<'a>, Damage>> Lines<'a, O> {
    /// Steps over the line that an earlier stretch has to its end, and returns where the next one
    /// begins, as the stretch does at `start`; `None` if there is no end of a line.
    fn skip_line(&mut self, start: u64) -> Result<Option<u64>, Damage> {
        let mut passed = start;
        let mut block = Vec::new();
        loop {
            block.clear();
            if self.pull_own(&mut block, BLOCK)? == 0 {
                return Ok(None);
            }
            if let Some(newline) = memchr::memchr(b'\n', &block) {
                self.before = block.split_off(newline + 1);
                return Ok(Some(passed + newline as u64 + 1));
            }
            passed += block.len() as u64;
        }
    }

    /// Decodes some of the stretch, which must be exactly as long as it was said to be.
    fn pull_own(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        let start = out.len();
        let got = self.own.pull(out, max)? as u64;
        let within = got.min(self.left);
        out.truncate(start + within as usize);
        self.left -= within;
        // The bytes within what was stated are good: those too many are told of behind them.
        self.is_longer |= got > within;
        match within {
            0 if self.left > 0 => Err(lies("fewer")),
            0 if self.is_longer => Err(lies("more")),
            _ => Ok(within as usize),
        }
    }

    /// Decodes on behind the stretch, to the end of the line that began in it.
    fn pull_behind(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        if self.ended {
            return Ok(0);
        }
        if self.behind.is_none() {
            self.behind = Some((self.open)()?);
        }
        let Some(behind) = &mut self.behind else {
            return Ok(0);
        };
        let start = out.len();
        let got = behind.pull(out, max)?;
        match memchr::memchr(b'\n', &out[start..]) {
            Some(newline) => out.truncate(start + newline + 1),
            None if got > 0 => return Ok(got),
            None => {}
        }
        self.ended = true;
        Ok(out.len() - start)
    }
}

impl<'a, O: Fn() -> Result<Input<'a>, Damage>> Pull for Lines<'a, O> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        if !self.before.is_empty() {
            let take = self.before.len().min(max);
            out.extend(self.before.drain(..take));
            return Ok(take);
        }
        if self.behind.is_none() {
            let got = self.pull_own(out, max)?;
            if got > 0 {
                return Ok(got);
            }
        }
        self.pull_behind(out, max)
    }
}
