//! Walking a tar (POSIX ustar and pax, GNU, star, old V7) as a stream. It must not know of chunks.
//!
//! A damaged header does not end the walk, and nothing that a header says decides how much memory
//! is taken.

use gristmill_common::name::shown;

use super::stretch::Stretch;
use super::walk_error::WalkError;
use super::walker::Walker;
use crate::archive::pax::{Extended, Read};
use crate::archive::sparse::{Map, Unfolded, old_map};
use crate::archive::tar::{BLOCK, Header};
use crate::error::Halt;
use crate::stream::{Damage, Input};

/// The longest name that is read.
const MAX_NAME: u64 = 1 << 20;
/// What tars are filled up to: 20 blocks.
const RECORD: u64 = 20 * BLOCK as u64;

/// Cuts the members of a tar named `name`, `depth` layers down.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    mut input: Input<'_>,
    depth: u32,
) -> Result<(), Halt> {
    let spooled = walker.spooled;
    let mut tar = Tar {
        walker,
        archive: name,
        input: &mut input,
        depth,
        lost: None,
        blanks: 0,
    };
    let result = tar.members();
    walker.spooled = spooled;
    match result {
        Ok(()) => Ok(()),
        Err(error) => walker.fault(name, input.offset(), error.damage()?),
    }
}

/// A tar being walked.
struct Tar<'t, 'w, 's, 'i> {
    walker: &'t mut Walker<'w, 's>,
    archive: &'t [u8],
    input: &'t mut Input<'i>,
    depth: u32,
    /// A header that could not be used: what follows it is passed over.
    lost: Option<Lost>,
    /// Blank blocks since the last member.
    blanks: u32,
}

/// A header that cannot be used.
struct Lost {
    document: Vec<u8>,
    offset: u64,
    reason: String,
}

/// What is next in a tar.
enum Found {
    Header(Header),
    /// Two blank blocks.
    EndMark,
    End,
    /// Something that is passed over.
    Passed(Lost),
}

/// What becomes of a member.
enum Treatment {
    Read,
    Leave,
    /// The text is another member's.
    Link,
    Refuse(&'static str),
}

impl Tar<'_, '_, '_, '_> {
    fn members(&mut self) -> Result<(), WalkError> {
        let mut extended = Extended::default();
        let mut is_whole = true;
        loop {
            let header = match self.next_header()? {
                Found::Header(header) => header,
                Found::EndMark => {
                    self.end_mark()?;
                    continue;
                }
                Found::End if is_whole && self.blanks == 0 => {
                    let offset = self.input.offset();
                    let reason = format!("tar: no end mark at byte {offset}: it may be truncated");
                    return Err(Damage::corrupt(reason).into());
                }
                Found::End => return Ok(()),
                Found::Passed(lost) => {
                    let damage = Damage::corrupt(lost.reason);
                    self.walker.fault(&lost.document, lost.offset, damage)?;
                    extended = Extended::default();
                    is_whole = false;
                    continue;
                }
            };
            match header.kind() {
                b'L' | b'K' | b'x' | b'X' | b'g' => self.extend(&mut extended, &header)?,
                _ => {
                    let offset = self.input.offset() - BLOCK as u64;
                    if !self.walker.count_entry(self.archive, offset)? {
                        return Ok(());
                    }
                    self.member(&header, std::mem::take(&mut extended), offset)?;
                }
            }
        }
    }

    /// Reads the next header; past what is none, to the next block whose checksum is a header's.
    /// Blank blocks are stepped over: another tar may follow the end mark.
    fn next_header(&mut self) -> Result<Found, Damage> {
        let mut start = self.input.offset();
        let mut passed = 0;
        loop {
            let bytes = self.input.want(BLOCK)?;
            let left = bytes.len();
            let block = bytes.first_chunk::<BLOCK>();
            let blank = bytes[..left.min(BLOCK)].iter().all(|&byte| byte == 0);
            let header = block.and_then(Header::parse);
            let ends = block.is_none();
            if ends && !blank {
                self.input.consume(left);
                passed += left as u64;
            }
            if (passed > 0 || self.lost.is_some()) && (blank || ends || header.is_some()) {
                return Ok(Found::Passed(self.passed(start, passed)));
            }
            if ends {
                self.input.consume(left);
                return Ok(Found::End);
            }
            self.input.consume(BLOCK);
            if let Some(header) = header {
                self.blanks = 0;
                return Ok(Found::Header(header));
            }
            if !blank {
                passed += BLOCK as u64;
                continue;
            }
            start += BLOCK as u64;
            self.blanks = self.blanks.saturating_add(1);
            if self.blanks == 2 {
                return Ok(Found::EndMark);
            }
        }
    }

    /// What to say of `bytes` bytes from `start` on that are no header.
    fn passed(&mut self, start: u64, bytes: u64) -> Lost {
        let passed = format!("{bytes} bytes at byte {start}");
        match self.lost.take() {
            Some(lost) if bytes == 0 => lost,
            Some(lost) => Lost {
                reason: format!("{}; {passed} are passed over", lost.reason),
                ..lost
            },
            None => Lost {
                document: self.archive.to_vec(),
                offset: start,
                reason: format!("tar: {passed} are no header"),
            },
        }
    }

    /// Behind the end mark, up to a multiple of [`RECORD`], a tar that is filled up to one may hold
    /// anything (POSIX). A tar that is not filled up may have another right behind it.
    fn end_mark(&mut self) -> Result<(), WalkError> {
        let offset = self.input.offset();
        let count = (offset.next_multiple_of(RECORD) - offset) as usize;
        let bytes = self.input.peek(count + 1);
        let ends = bytes.len() == count;
        let other = bytes.iter().take(count).filter(|&&byte| byte != 0).count();
        if bytes.len() < count || other == 0 {
            return Ok(());
        }
        let length = match self.input.length() {
            _ if ends => offset + count as u64,
            Some(length) => length,
            // Only the whole stream tells; it is rare that this is asked.
            None => self.walker.spool_rest(self.input)?,
        };
        if length % RECORD == 0 {
            self.walker.pass_over(other as u64);
            self.input.skip(count as u64)?;
        }
        Ok(())
    }

    /// Takes in what a header says of the next member.
    fn extend(&mut self, extended: &mut Extended, header: &Header) -> Result<(), WalkError> {
        let start = self.input.offset();
        let Some(size) = header.size() else {
            self.lost = Some(Lost {
                document: self.archive.to_vec(),
                offset: start - BLOCK as u64,
                reason: format!(
                    "tar: the length of the extended header at byte {start} cannot be read"
                ),
            });
            return Ok(());
        };
        let read = match header.kind() {
            b'x' | b'X' => extended.read(self.input, size)?,
            b'L' => {
                extended.name = Some(long_name(self.input, size)?);
                Read::Whole
            }
            b'K' => {
                extended.link = Some(long_name(self.input, size)?);
                Read::Whole
            }
            // Of what holds for all members only what GNU says of the first one of a volume is
            // needed, and nothing is judged.
            _ => {
                let mut all = Extended::default();
                all.read(self.input, size)?;
                extended.before = all.before;
                Read::Whole
            }
        };
        if let Read::Malformed(what) = read {
            let reason = format!("tar: a malformed extended header at byte {start}: {what}");
            self.walker
                .fault(self.archive, start, Damage::corrupt(reason))?;
        }
        let taken = self.input.offset() - start;
        Ok(Stretch::new(self.input, "tar", size, taken).end(BLOCK as u64)?)
    }

    /// Cuts a member, or steps over it.
    fn member(
        &mut self,
        header: &Header,
        extended: Extended,
        offset: u64,
    ) -> Result<(), WalkError> {
        let Extended {
            name,
            link,
            size,
            before,
            sparse,
        } = extended;
        let own = sparse.name.clone().or(name);
        let own = own.unwrap_or_else(|| header.name());
        let name = self.walker.member_name(self.archive, &own, offset)?;
        let stated = size.unwrap_or_else(|| header.size());
        let Some(size) = self.data_length(header.kind(), stated) else {
            let document = name.unwrap_or_else(|| self.archive.to_vec());
            self.lost = Some(Lost {
                document,
                offset: 0,
                reason: format!("tar: the size in the header at byte {offset} cannot be read"),
            });
            return Ok(());
        };
        let old = match header.kind() {
            b'S' => Some(old_map(self.input, header.sparse(), size)?),
            _ => None,
        };
        let start = self.input.offset();
        let map = match old {
            Some(map) => Some(map),
            None if sparse.is_sparse() => {
                let map = sparse.map(self.input, size)?;
                Some(map.map(|(map, _)| map))
            }
            None => None,
        };
        let taken = self.input.offset() - start;
        let mut stretch = Stretch::new(self.input, "tar", size, taken);
        if let Some(name) = name.filter(|_| self.walker.takes(&own)) {
            let rest = before.is_some_and(|before| before > 0);
            match treatment(if rest { b'M' } else { header.kind() }) {
                // How old writers mark a folder.
                Treatment::Read if size == 0 && name.ends_with(b"/") => {}
                Treatment::Read => read(self.walker, &name, &mut stretch, map, self.depth)?,
                Treatment::Leave => {}
                Treatment::Link => {
                    let target = link.unwrap_or_else(|| header.link());
                    if self.walker.is_chosen() && !self.walker.takes(&target) {
                        let reason = format!(
                            "a hard link to {}, which --include and --exclude leave out: its text \
                             stands there",
                            shown(&target)
                        );
                        self.walker.fault(&name, 0, Damage::unusable(reason))?;
                    }
                }
                Treatment::Refuse(_) if !self.walker.is_chosen() => {}
                Treatment::Refuse(what) => {
                    let damage = Damage::unusable(format!("not supported: {what} in a tar"));
                    self.walker.fault(&name, 0, damage)?;
                }
            }
        }
        Ok(stretch.end(BLOCK as u64)?)
    }

    /// How many bytes follow a member's header; `None` if its size is needed and cannot be read.
    fn data_length(&mut self, kind: u8, stated: Option<u64>) -> Option<u64> {
        match kind {
            // Nothing, whatever the size says.
            b'2'..=b'6' => Some(0),
            // A hard link: old writers give the size of the file that it leads to, some pax writers
            // its data too.
            b'1' if stated.is_none_or(|size| size > 0) => {
                let next = self.input.peek(BLOCK).first_chunk::<BLOCK>();
                let none = next.is_none_or(|block| {
                    block.iter().all(|&byte| byte == 0) || Header::parse(block).is_some()
                });
                if none { Some(0) } else { stated }
            }
            _ => stated,
        }
    }
}

/// Reads a member's data, with its holes if it has such.
fn read(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    content: &mut Stretch<'_, '_>,
    map: Option<Result<Map, &'static str>>,
    depth: u32,
) -> Result<(), Halt> {
    let most = walker.reading.limits.spool;
    match map {
        None => walker.member(name, content, depth),
        Some(Ok(map)) if map.holes() <= most => {
            walker.member(name, Unfolded::new(content, &map), depth)
        }
        Some(Ok(map)) => {
            let reason = format!(
                "holes of {} bytes, more than the {most} that are read (--max-spool)",
                map.holes()
            );
            walker.fault(name, 0, Damage::unusable(reason))
        }
        Some(Err(what)) => {
            let reason = format!("tar: a malformed map of the member's holes: {what}");
            walker.fault(name, 0, Damage::corrupt(reason))
        }
    }
}

/// A name from the data of an extension header.
fn long_name(input: &mut Input<'_>, size: u64) -> Result<Vec<u8>, Damage> {
    let size = size.min(MAX_NAME) as usize;
    let bytes = input.want(size)?;
    let bytes = &bytes[..bytes.len().min(size)];
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    Ok(bytes[..end].to_vec())
}

fn treatment(kind: u8) -> Treatment {
    match kind {
        b'1' => Treatment::Link,
        // Symbolic links, devices, folders, a FIFO, lists of control: nothing to read.
        b'2'..=b'6' | b'A' | b'D' | b'I' | b'N' | b'V' => Treatment::Leave,
        b'M' => Treatment::Refuse("the rest of a member from another volume"),
        // POSIX: what is not known is read as a regular file.
        _ => Treatment::Read,
    }
}
