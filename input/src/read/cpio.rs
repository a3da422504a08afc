//! Walking a cpio archive as a stream.

use super::stretch::{Stretch, skip_zeros};
use super::walker::Walker;
use crate::archive::cpio::{Header, MOST, TRAILER};
use crate::error::Halt;
use crate::stream::{Damage, Input};

/// The longest name that is read, in bytes.
const MAX_NAME: u64 = 1 << 20;

/// Cuts the members of an archive named `archive`, `depth` layers down.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    archive: &[u8],
    mut input: Input<'_>,
    depth: u32,
) -> Result<(), Halt> {
    loop {
        match member(walker, archive, &mut input, depth)? {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(damage) => return walker.fault(archive, input.offset(), damage),
        }
    }
}

/// Cuts the next member; false at the end. The inner error is damage that ends the archive.
fn member(
    walker: &mut Walker<'_, '_>,
    archive: &[u8],
    input: &mut Input<'_>,
    depth: u32,
) -> Result<Result<bool, Damage>, Halt> {
    let offset = input.offset();
    let found = match skip_zeros(input).and_then(|()| input.want(MOST)) {
        Ok([]) => return Ok(Ok(false)),
        Ok(bytes) => Header::parse(bytes).filter(|header| header.name > 0),
        Err(damage) => return Ok(Err(damage)),
    };
    let Some(header) = found else {
        let offset = input.offset();
        let reason = format!("cpio: no header at byte {offset}; the rest is not read");
        return Ok(Err(Damage::corrupt(reason)));
    };
    input.consume(header.length as usize);
    let whole = header.length + header.name;
    let mut stretch = Stretch::new(input, "cpio", whole, header.length);
    let name = stretch.take(MAX_NAME).and_then(|mut name| {
        name.truncate(memchr::memchr(0, &name).unwrap_or(name.len()));
        stretch.end(header.align)?;
        Ok(name)
    });
    let name = match name {
        Ok(name) => name,
        Err(damage) => return Ok(Err(damage)),
    };
    // Another archive may follow, behind zeros.
    if name == TRAILER && header.size == 0 {
        return Ok(Ok(true));
    }
    if !walker.count_entry(archive, offset)? {
        return Ok(Ok(false));
    }
    let mut stretch = Stretch::new(input, "cpio", header.size, 0);
    if header.is_file() && !header.is_link() {
        stretch.member(walker, archive, &name, offset, depth)?;
    }
    Ok(stretch.end(header.align).map(|()| true))
}
