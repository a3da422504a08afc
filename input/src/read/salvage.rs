//! The members of a zip whose central directory is cut off, missing or wrong, by the header in
//! front of each.

use memchr::memmem;

use super::walker::Walker;
use super::zip::{Member, UTF8, open};
use crate::archive::names;
use crate::error::Halt;
use crate::stream::{Damage, Random};

/// The length of a header, without name and extra fields.
const HEADER: u64 = 30;
/// How much is searched at once.
const STEP: usize = 64 << 10;
/// Bit 3: sizes and checksum stand behind the data.
const DESCRIBED: u16 = 1 << 3;
/// The extra field with sizes of 64 bits.
const ZIP64: u16 = 1;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END64: [u8; 4] = *b"PK\x06\x06";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";

/// Where members are looked for.
pub(super) struct Salvage<'a, 'f> {
    pub(super) archive: &'a [u8],
    pub(super) file: &'a Random<'f>,
    pub(super) depth: u32,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// Cuts the members that are found, and says why they were looked for.
pub(super) fn run(
    walker: &mut Walker<'_, '_>,
    salvage: &Salvage<'_, '_>,
    reason: &str,
) -> Result<(), Halt> {
    let Salvage {
        archive,
        file,
        depth,
        from,
        to,
    } = *salvage;
    let mut search = Search {
        file,
        to,
        at: from,
        undescribed: false,
    };
    let mut found = 0;
    loop {
        let before = search.at;
        let Some((member, end)) = search.next().map_err(|_| Halt::Stopped)? else {
            break;
        };
        let gap = member.offset - before;
        // A directory here is that of an archive to which another was appended.
        let first = search.bytes::<4>(before);
        let directory = first.is_some_and(|sign| [CENTRAL, END, END64].contains(&sign));
        if found > 0 && gap > 0 && !directory {
            let what = format!("zip: {gap} bytes at byte {before} are no member");
            walker.fault(archive, before, Damage::corrupt(what))?;
        }
        found += 1;
        if !walker.count_entry(archive, member.offset)? {
            return Ok(());
        }
        if !member.name.ends_with(b"/") || end > member.data.as_ref().map_or(0, |data| data.0) {
            open(walker, archive, file, &member, depth)?;
        }
        search.at = end;
    }
    let found = match found {
        0 => "no member was found by its own header".to_owned(),
        1 => "1 member was found by its own header".to_owned(),
        _ => format!("{found} members were found by their own headers"),
    };
    let reason = format!("zip: {reason}; {found}");
    walker.fault(archive, from, Damage::corrupt(reason))
}

/// A search for headers.
struct Search<'a, 'f> {
    file: &'a Random<'f>,
    at: u64,
    to: u64,
    /// A description of data behind it was missing once: none is searched for to the end any more,
    /// as that would take the square of the file's length.
    undescribed: bool,
}

impl Search<'_, '_> {
    /// The next member, and where it ends.
    fn next(&mut self) -> Result<Option<(Member, u64)>, Damage> {
        let mut from = self.at;
        while let Some(at) = self.find(from, &LOCAL)? {
            if let Some(header) = self.header(at) {
                return self.member(at, header).map(Some);
            }
            from = at + 1;
        }
        Ok(None)
    }

    /// Where `sign` is next, from `from` on.
    fn find(&self, from: u64, sign: &[u8]) -> Result<Option<u64>, Damage> {
        let finder = memmem::Finder::new(sign);
        let mut buffer = vec![0; STEP];
        let mut at = from;
        while at + (sign.len() as u64) <= self.to {
            if self.file.is_stopping() {
                return Err(Damage::stopped());
            }
            let most = usize::try_from(self.to - at).map_or(STEP, |left| left.min(STEP));
            let got = self.file.read(&mut buffer[..most], at).unwrap_or(0);
            if let Some(found) = finder.find(&buffer[..got]) {
                return Ok(Some(at + found as u64));
            }
            if got < sign.len() {
                break;
            }
            at += (got + 1 - sign.len()) as u64;
        }
        Ok(None)
    }

    fn bytes<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let got = self.file.read(&mut bytes, at).ok()?;
        (got == N).then_some(bytes)
    }

    /// The header at `at`, its name and its extra fields, if it is one that a writer would write.
    fn header(&self, at: u64) -> Option<Header> {
        let fixed = self.bytes::<{ HEADER as usize }>(at)?;
        let word = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| u32::from(word(at)) | u32::from(word(at + 2)) << 16;
        let method = word(8);
        let (name, extra) = (usize::from(word(26)), usize::from(word(28)));
        let known = matches!(method, 0..=20 | 93..=99) && word(4) & 0xFF <= 100;
        if fixed[..4] != LOCAL || !known || name == 0 {
            return None;
        }
        let mut texts = vec![0; name + extra];
        let got = self.file.read(&mut texts, at + HEADER).ok()?;
        if got < texts.len() || texts[..name].contains(&0) {
            return None;
        }
        let extra = texts.split_off(name);
        let mut header = Header {
            flags: word(6),
            method,
            crc: long(14),
            packed: long(18).into(),
            size: long(22).into(),
            data: at + HEADER + (name + extra.len()) as u64,
            name: names::decode(&texts, word(6) & UTF8 != 0, &extra),
        };
        let wide = names::field(&extra, ZIP64).and_then(|field| field.first_chunk::<16>());
        if let Some(wide) = wide
            && header.packed == u64::from(u32::MAX)
        {
            let (size, packed) = wide.split_at(8);
            let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
            (header.size, header.packed) = (number(size), number(packed));
        }
        Some(header)
    }

    /// The member at `at`, and where it ends.
    fn member(&mut self, at: u64, header: Header) -> Result<(Member, u64), Damage> {
        let start = header.data;
        let told = (
            start.saturating_add(header.packed),
            Some((header.crc, header.size)),
        );
        let described = header.flags & DESCRIBED != 0 && header.packed == 0;
        let (end, stated, next) = if described {
            self.described(start)?
        } else {
            (told.0, told.1, told.0)
        };
        let member = Member {
            name: header.name,
            offset: at,
            method: header.method,
            flags: header.flags,
            stated,
            data: Ok((start, end)),
        };
        Ok((member, next.min(self.to.max(start))))
    }

    /// Where data from `start` on ends whose description stands behind it: its end, its checksum
    /// and length, and the end of the description.
    fn described(&mut self, start: u64) -> Result<Described, Damage> {
        let mut from = start;
        // The first header behind it: where the member ends if nothing describes it.
        let mut header = None;
        while let Some(at) = self.find(from, b"PK")? {
            from = at + 2;
            let packed = at - start;
            match self.bytes::<4>(at) {
                Some(DESCRIPTOR) => {
                    if let Some((stated, length)) = self.description(at + 4, packed) {
                        return Ok((at, Some(stated), at + 4 + length));
                    }
                }
                Some(LOCAL | CENTRAL) => {
                    // The descriptor's own sign may be left out.
                    let bare = packed.checked_sub(12).and_then(|packed| {
                        let found = self.description(at - 12, packed)?;
                        (found.1 == 12).then_some((at - 12, Some(found.0), at))
                    });
                    if let Some(found) = bare {
                        return Ok(found);
                    }
                    header = header.or(Some(at));
                    if self.undescribed {
                        break;
                    }
                }
                _ => {}
            }
        }
        self.undescribed = true;
        // The header may reach past where members are looked for.
        let end = header.unwrap_or(self.to).max(start);
        Ok((end, None, end))
    }

    /// The checksum and length that stand at `at`, and how long they are, if they are of data that
    /// takes `packed` bytes.
    fn description(&self, at: u64, packed: u64) -> Option<((u32, u64), u64)> {
        let fixed = self.bytes::<12>(at)?;
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
        };
        let crc = number(&fixed[..4]) as u32;
        let short = (number(&fixed[4..8]) == packed).then(|| ((crc, number(&fixed[8..])), 12));
        let wide = self
            .bytes::<20>(at)
            .filter(|wide| number(&wide[4..12]) == packed);
        let wide = wide.map(|wide| ((crc, number(&wide[12..])), 20));
        // An empty member's sizes read both ways: what follows tells.
        let follows = |found: &((u32, u64), u64)| {
            let end = at + found.1;
            end >= self.to || self.bytes::<2>(end) == Some(*b"PK")
        };
        (short.filter(follows))
            .or(wide.filter(follows))
            .or(short)
            .or(wide)
    }
}

/// Where data ends, what is said of it, and where what says so ends.
type Described = (u64, Option<(u32, u64)>, u64);

/// A member's own header.
struct Header {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    /// Where the data begins.
    data: u64,
}
