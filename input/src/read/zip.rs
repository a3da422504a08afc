//! Walking a zip by its central directory, which a library takes apart in bounded memory; where
//! that fails, by the members' own headers.

use std::ops::Range;

use rawzip::{CompressionMethod, ZipFileHeaderRecord};

use super::around;
use super::extents::Extents;
use super::salvage::{self, Salvage};
use super::walker::Walker;
use crate::archive::names;
use crate::directory::{BUFFER, Directory, locate};
use crate::error::Halt;
use crate::sniff::is_named_as_archive;
use crate::stream::{
    Bzip2, Checked, Codec, Coded, Damage, Deflate64, Input, Lzma, Prefixed, Pull, Random,
    RawDeflate, Section, Xz, Zstd,
};

/// The methods that are read.
const METHODS: [u16; 8] = [0, 8, 9, 12, 14, 20, 93, 95];
/// What the data of a member of method 14 begins with: the encoder's version and the length of the
/// decoder's properties, always 5.
const LZMA_PREFIX: usize = 4;
const LZMA_PROPERTIES: usize = 5;

/// The length of a member's own header without its name and extra fields.
const LOCAL_HEADER: u64 = 30;

/// What is said of a member.
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    /// Where its header is.
    pub(super) offset: u64,
    pub(super) method: u16,
    pub(super) flags: u16,
    /// Its CRC-32 and the length of its data; `None` if what would say it is cut off.
    pub(super) stated: Option<(u32, u64)>,
    /// Where its compressed data is, or why that is not known.
    pub(super) data: Result<(u64, u64), String>,
}

/// Bits of [`Member::flags`].
pub(super) const ENCRYPTED: u16 = 1;
const LZMA_ENDS: u16 = 1 << 1;
pub(super) const UTF8: u16 = 1 << 11;

/// Cuts those members of the zip named `name` that are numbered in `range`, `depth` layers down.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    file: &Random<'_>,
    depth: u32,
    range: Range<u64>,
) -> Result<(), Halt> {
    let mut salvage = Salvage {
        archive: name,
        file,
        depth,
        from: 0,
        to: file.size(),
    };
    let directory = match locate(file) {
        Ok(directory) => directory,
        Err(reason) => return salvage::run(walker, &salvage, &reason),
    };
    walker.entries += range.start;
    // Once for the archive, which may be several splits.
    if range.start == 0 {
        walker.pass_over(around::bytes_around(file, &directory));
    }
    let mut buffer = vec![0; BUFFER];
    let mut entries = directory.entries(&mut buffer);
    let mut number = 0;
    let mut extents = Extents::default();
    let trouble = loop {
        if number == range.end {
            return Ok(());
        }
        let record = match entries.next_entry() {
            Ok(Some(record)) => record,
            Ok(None) => break missing(&directory, number),
            Err(error) => {
                break Some(format!(
                    "central directory, after {number} members: {error}"
                ));
            }
        };
        number += 1;
        let overlaps = extents.overlaps(extent(&record), || first_extents(&directory, number - 1));
        // The members before the range are another split's: their headers are not read.
        if number <= range.start {
            continue;
        }
        let offset = record.local_header_offset();
        if !walker.count_entry(name, offset)? {
            return Ok(());
        }
        // A folder or a link has nothing to read.
        let folder = record.is_dir() && record.uncompressed_size_hint() == 0;
        if !folder && !record.mode().is_symlink() {
            let data = (directory.get_entry(record.wayfinder()))
                .map(|entry| entry.compressed_data_range())
                .map_err(|error| format!("zip: header of the member at byte {offset}: {error}"));
            let mut member = member(&record, data);
            if overlaps {
                member.data = Err(format!(
                    "zip: the member at byte {offset} shares bytes with another one (a zip bomb, or \
                     a damaged directory)"
                ));
            }
            open(walker, name, file, &member, depth)?;
        }
    };
    match trouble {
        None => Ok(()),
        Some(reason) => {
            salvage.from = end_of_members(&directory, &mut buffer, number);
            salvage.to = directory.directory_offset();
            salvage::run(walker, &salvage, &reason)
        }
    }
}

/// The bytes that a member takes at the least: its header without its name, and its data.
fn extent(record: &ZipFileHeaderRecord<'_>) -> (u64, u64) {
    let start = record.local_header_offset();
    let length = LOCAL_HEADER.saturating_add(record.compressed_size_hint());
    (start, start.saturating_add(length))
}

/// The extents of a directory's first `count` members.
fn first_extents(directory: &Directory<'_, '_>, count: u64) -> Vec<(u64, u64)> {
    let mut buffer = vec![0; BUFFER];
    let mut entries = directory.entries(&mut buffer);
    let mut found = Vec::new();
    for _ in 0..count {
        let Ok(Some(record)) = entries.next_entry() else {
            break;
        };
        found.push(extent(&record));
    }
    found
}

/// Where the data of a directory's first `count` members ends.
fn end_of_members(directory: &Directory<'_, '_>, buffer: &mut [u8], count: u64) -> u64 {
    let mut entries = directory.entries(buffer);
    let mut end = 0;
    for _ in 0..count {
        let Ok(Some(record)) = entries.next_entry() else {
            break;
        };
        if let Ok(entry) = directory.get_entry(record.wayfinder()) {
            end = end.max(entry.compressed_data_range().1);
        }
    }
    end
}

/// What to say of a directory with fewer members than it states. Writers of plain zips keep the
/// lowest 16 bits of the number.
fn missing(directory: &Directory<'_, '_>, number: u64) -> Option<String> {
    let stated = directory.entries_hint();
    (number < stated)
        .then(|| format!("the central directory states {stated} members and holds {number}"))
}

fn member(record: &ZipFileHeaderRecord<'_>, data: Result<(u64, u64), String>) -> Member {
    let path = record.file_path();
    let flags = record.flags();
    let extra = record.extra_fields().remaining_bytes();
    Member {
        name: names::decode(path.as_ref(), flags.is_utf8(), extra),
        offset: record.local_header_offset(),
        method: record.compression_method().as_u16(),
        flags: flags.bits(),
        stated: Some((record.crc32(), record.uncompressed_size_hint())),
        data,
    }
}

/// Whether a member that did not match itself is looked into for an archive: one that can be read,
/// and of an object one that is named so, as looking into all would be to fetch the object.
fn is_worth(file: &Random<'_>, member: &Member) -> bool {
    member.flags & ENCRYPTED == 0
        && member.data.is_ok()
        && METHODS.contains(&member.method)
        && (!file.is_far() || is_named_as_archive(&member.name))
}

/// Cuts one member.
pub(super) fn open(
    walker: &mut Walker<'_, '_>,
    archive: &[u8],
    file: &Random<'_>,
    member: &Member,
    depth: u32,
) -> Result<(), Halt> {
    if !walker.takes(&member.name) || !walker.is_chosen() && !is_worth(file, member) {
        return Ok(());
    }
    let Some(name) = walker.member_name(archive, &member.name, member.offset)? else {
        return Ok(());
    };
    if member.flags & ENCRYPTED != 0 {
        let damage = Damage::unusable("not supported: an encrypted zip member");
        return walker.fault(&name, 0, damage);
    }
    let (start, end) = match &member.data {
        Ok(range) => *range,
        Err(reason) => return walker.fault(&name, 0, Damage::corrupt(reason.clone())),
    };
    let section = Section::new(file, start, end);
    match member.method {
        0 => read(walker, &name, section, member, depth),
        8 => {
            let pool = walker.inflater.clone();
            let content = RawDeflate::new(Input::short(section, end - start), &pool);
            read(walker, &name, content, member, depth)
        }
        9 => coded(walker, &name, section, Ok(Deflate64::new()), member, depth),
        12 => coded(walker, &name, section, Ok(Bzip2::new()), member, depth),
        14 => lzma(walker, &name, section, member, depth),
        // 20 is what 93 was before it was assigned.
        20 | 93 => coded(walker, &name, section, Zstd::new(), member, depth),
        95 => coded(walker, &name, section, Xz::new(), member, depth),
        other => {
            let method = CompressionMethod::from(other).name().unwrap_or("unknown");
            let reason = format!("not supported: zip compression method {other} ({method})");
            walker.fault(&name, 0, Damage::unusable(reason))
        }
    }
}

/// Reads a member of method 14: what a .lzma file holds, behind a header of another form.
fn lzma(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    section: Section<'_>,
    member: &Member,
    depth: u32,
) -> Result<(), Halt> {
    let mut input = Input::new(section);
    let head = input.peek(LZMA_PREFIX + LZMA_PROPERTIES);
    let head = head.get(..LZMA_PREFIX + LZMA_PROPERTIES);
    let Some([_, _, 5, 0, properties @ ..]) = head else {
        let damage = Damage::corrupt("zip: a malformed header of LZMA data");
        return walker.fault(name, 0, damage);
    };
    // Either the data says where it ends, or its length does.
    let size = match member.stated {
        Some((_, size)) if member.flags & LZMA_ENDS == 0 => size,
        _ => u64::MAX,
    };
    let header = [properties, &size.to_le_bytes()].concat();
    input.consume(LZMA_PREFIX + LZMA_PROPERTIES);
    coded(
        walker,
        name,
        Prefixed::new(header, input),
        Lzma::new(),
        member,
        depth,
    )
}

fn coded(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    data: impl Pull,
    codec: Result<impl Codec, String>,
    member: &Member,
    depth: u32,
) -> Result<(), Halt> {
    match codec {
        Ok(codec) => {
            let content = Coded::new(Input::new(data), codec);
            read(walker, name, content, member, depth)
        }
        Err(reason) => walker.fault(name, 0, Damage::unusable(reason)),
    }
}

fn read(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    content: impl Pull,
    member: &Member,
    depth: u32,
) -> Result<(), Halt> {
    match member.stated {
        Some((crc, size)) => walker.member(name, Checked::new(content, crc, size), depth),
        // Other methods than storing say themselves where the data ends.
        None if member.method == 0 => walker.member(name, Checked::cut_off(content), depth),
        None => walker.member(name, content, depth),
    }
}
