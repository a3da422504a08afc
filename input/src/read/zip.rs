//! Walking a zip by its central directory, which a library takes apart in bounded memory.

use std::ops::Range;

use rawzip::{CompressionMethod, ZipArchiveEntryWayfinder};

use super::walker::Walker;
use crate::directory::{BUFFER, Directory, locate};
use crate::error::Halt;
use crate::stream::{
    Bzip2, Checked, Codec, Coded, Damage, Deflate64, Input, Pull, Random, RawDeflate, Section, Xz,
    Zstd,
};

/// What the directory says of a member.
struct Member {
    name: Vec<u8>,
    offset: u64,
    method: CompressionMethod,
    encrypted: bool,
    symlink: bool,
    folder: bool,
    crc: u32,
    size: u64,
    way: ZipArchiveEntryWayfinder,
}

/// Cuts those members of the zip named `name` that are numbered in `range`, `depth` layers down.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    file: &Random<'_>,
    depth: u32,
    range: Range<u64>,
) -> Result<(), Halt> {
    let directory = match locate(file) {
        Ok(directory) => directory,
        Err(error) => {
            let damage = Damage::corrupt(format!("zip: no central directory: {error}"));
            return walker.fault(name, 0, damage);
        }
    };
    walker.entries += range.start;
    let mut buffer = vec![0; BUFFER];
    let mut entries = directory.entries(&mut buffer);
    let mut number = 0;
    while number < range.end {
        let record = match entries.next_entry() {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(error) => {
                let reason = format!("zip: central directory, after {number} members: {error}");
                return walker.fault(name, directory.directory_offset(), Damage::corrupt(reason));
            }
        };
        number += 1;
        if number <= range.start {
            continue;
        }
        let member = Member {
            name: record.file_path().as_ref().to_vec(),
            offset: record.local_header_offset(),
            method: record.compression_method(),
            encrypted: record.flags().is_encrypted(),
            symlink: record.mode().is_symlink(),
            folder: record.is_dir() && record.uncompressed_size_hint() == 0,
            crc: record.crc32(),
            size: record.uncompressed_size_hint(),
            way: record.wayfinder(),
        };
        if !walker.count_entry(name, member.offset)? {
            return Ok(());
        }
        // A folder or a link has nothing to read.
        if !member.folder && !member.symlink {
            open(walker, name, file, &directory, &member, depth)?;
        }
    }
    Ok(())
}

fn open(
    walker: &mut Walker<'_, '_>,
    archive: &[u8],
    file: &Random<'_>,
    directory: &Directory<'_, '_>,
    member: &Member,
    depth: u32,
) -> Result<(), Halt> {
    let Some(name) = walker.member_name(archive, &member.name, member.offset)? else {
        return Ok(());
    };
    if member.encrypted {
        let damage = Damage::unusable("not supported: an encrypted zip member");
        return walker.fault(&name, 0, damage);
    }
    let (start, end) = match directory.get_entry(member.way) {
        Ok(entry) => entry.compressed_data_range(),
        Err(error) => {
            let reason = format!(
                "zip: header of the member at byte {}: {error}",
                member.offset
            );
            return walker.fault(&name, 0, Damage::corrupt(reason));
        }
    };
    let section = Section::new(file, start, end);
    match member.method.as_u16() {
        0 => read(walker, &name, section, member, depth),
        8 => {
            let pool = walker.inflater.clone();
            let content = RawDeflate::new(Input::short(section, end - start), &pool);
            read(walker, &name, content, member, depth)
        }
        9 => coded(walker, &name, section, Ok(Deflate64::new()), member, depth),
        12 => coded(walker, &name, section, Ok(Bzip2::new()), member, depth),
        // 20 is what 93 was before it was assigned.
        20 | 93 => coded(walker, &name, section, Zstd::new(), member, depth),
        95 => coded(walker, &name, section, Xz::new(), member, depth),
        other => {
            let method = member.method.name().unwrap_or("unknown");
            let reason = format!("not supported: zip compression method {other} ({method})");
            walker.fault(&name, 0, Damage::unusable(reason))
        }
    }
}

fn coded(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    section: Section<'_>,
    codec: Result<impl Codec, String>,
    member: &Member,
    depth: u32,
) -> Result<(), Halt> {
    match codec {
        Ok(codec) => {
            let content = Coded::new(Input::new(section), codec);
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
    walker.member(name, Checked::new(content, member.crc, member.size), depth)
}
