//! Walking an ar archive as a stream: a Debian package, or a library of object files.

use super::stretch::{Stretch, skip_zeros};
use super::walk_error::WalkError;
use super::walker::Walker;
use crate::archive::ar::{HEADER, Header, MAGIC};
use crate::error::Halt;
use crate::stream::{Damage, Input};

/// The longest table of names that is kept, in bytes.
const MAX_NAMES: u64 = 16 << 20;

/// Cuts the members of an archive named `archive`, `depth` layers down.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    archive: &[u8],
    mut input: Input<'_>,
    depth: u32,
) -> Result<(), Halt> {
    input.consume(MAGIC.len());
    let mut names = Vec::new();
    loop {
        match member(walker, archive, &mut input, &mut names, depth) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return walker.fault(archive, input.offset(), error.damage()?),
        }
    }
}

/// Cuts the next member; false at the end.
fn member(
    walker: &mut Walker<'_, '_>,
    archive: &[u8],
    input: &mut Input<'_>,
    names: &mut Vec<u8>,
    depth: u32,
) -> Result<bool, WalkError> {
    let offset = input.offset();
    // A member is filled up to an even length, and some writers fill up the archive.
    skip_zeros(input)?;
    let bytes = input.want(HEADER)?;
    if bytes.iter().all(|&byte| byte == b'\n') && bytes.len() < 2 {
        return Ok(false);
    }
    let Some(header) = bytes.first_chunk().and_then(Header::parse) else {
        let reason = format!("ar: no header at byte {offset}; the rest is not read");
        return Err(Damage::corrupt(reason).into());
    };
    input.consume(HEADER);
    let mut stretch = Stretch::new(input, "ar", header.size, 0);
    let name = match header.name_in_data() {
        _ if header.is_names() => {
            *names = stretch.take(MAX_NAMES)?;
            None
        }
        Some(length) => {
            let name = stretch.take(length)?;
            let end = memchr::memchr(0, &name).unwrap_or(name.len());
            Some(name[..end].to_vec())
        }
        None => Some(header.full_name(names)),
    };
    if let Some(name) = name.filter(|_| !header.is_index())
        && !name.starts_with(b"__.SYMDEF")
    {
        if !walker.count_entry(archive, offset)? {
            return Ok(false);
        }
        stretch.member(walker, archive, &name, offset, depth)?;
    }
    stretch.end(2)?;
    Ok(true)
}
