//! Walking a cpio archive as a stream.

use super::stretch::{Stretch, skip_zeros};
use super::walk_error::WalkError;
use super::walker::Walker;
use crate::archive::cpio::{Header, MOST, TRAILER};
use crate::error::Halt;
use crate::sniff::{Archive, Format, sniff};
use crate::stream::{Damage, Input};

/// The longest name that is read, in bytes.
const MAX_NAME: u64 = 1 << 20;

/// A name of a file whose data stands at another name, further on: it is read as this one where the
/// other is left out.
struct Link {
    inode: u64,
    name: Vec<u8>,
}

/// What stood at a place of an archive.
enum Step {
    Member,
    /// The mark of the end: another archive may follow, behind zeros.
    Trailer,
    End,
    /// No more members are read.
    Stop,
}

/// Cuts the members of an archive named `archive`, `depth` layers down, and what follows it.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    archive: &[u8],
    mut input: Input<'_>,
    depth: u32,
) -> Result<(), Halt> {
    let mut link = None;
    // So far as is read.
    let mut is_whole = false;
    loop {
        match member(walker, archive, &mut input, depth, &mut link) {
            Ok(Step::Member) => is_whole = false,
            Ok(Step::Trailer) => match following(&mut input) {
                Format::Plain | Format::Utf16 { .. } | Format::Archive(Archive::Cpio) => {
                    is_whole = true
                }
                Format::Foreign(reason) => {
                    let offset = input.offset();
                    let reason =
                        format!("cpio: what follows at byte {offset} is not read: {reason}");
                    return walker.fault(archive, offset, Damage::unusable(reason));
                }
                _ => return walker.stream(archive, input, depth + 1),
            },
            Ok(Step::Stop) => return Ok(()),
            Ok(Step::End) if is_whole => return Ok(()),
            Ok(Step::End) => {
                let offset = input.offset();
                let reason = format!("cpio: no end mark at byte {offset}: it may be truncated");
                return walker.fault(archive, offset, Damage::corrupt(reason));
            }
            Err(error) => return walker.fault(archive, input.offset(), error.damage()?),
        }
    }
}

/// What follows an archive: in an initramfs a compressed one follows that of the processor's
/// microcode (the kernel's "initramfs buffer format").
fn following(input: &mut Input<'_>) -> Format {
    match skip_zeros(input) {
        Ok(()) => sniff(input),
        // Whoever reads on meets it again.
        Err(_) => Format::Plain,
    }
}

/// Cuts the next member.
fn member(
    walker: &mut Walker<'_, '_>,
    archive: &[u8],
    input: &mut Input<'_>,
    depth: u32,
    link: &mut Option<Link>,
) -> Result<Step, WalkError> {
    let offset = input.offset();
    skip_zeros(input)?;
    let found = match input.want(MOST)? {
        [] => return Ok(Step::End),
        bytes => Header::parse(bytes).filter(|header| header.name > 0),
    };
    let Some(header) = found else {
        let offset = input.offset();
        let reason = format!(
            "cpio: no header at byte {offset}; the rest is not read: tail -c +{} gives it",
            offset.saturating_add(1)
        );
        return Err(Damage::corrupt(reason).into());
    };
    input.consume(header.length as usize);
    let whole = header.length + header.name;
    let mut stretch = Stretch::new(input, "cpio", whole, header.length);
    let mut name = stretch.take(MAX_NAME)?;
    name.truncate(memchr::memchr(0, &name).unwrap_or(name.len()));
    stretch.end(header.align)?;
    if name == TRAILER && header.size == 0 {
        return Ok(Step::Trailer);
    }
    if !walker.count_entry(archive, offset)? {
        return Ok(Step::Stop);
    }
    let mut stretch = Stretch::new(input, "cpio", header.size, 0);
    if header.is_file() && header.is_link() {
        if walker.takes(&name) && walker.is_chosen() {
            *link = Some(Link {
                inode: header.inode,
                name,
            });
        }
    } else if header.is_file() {
        let linked = link.take_if(|link| header.has_links() && link.inode == header.inode);
        let name = match linked {
            Some(link) if !walker.takes(&name) => link.name,
            _ => name,
        };
        stretch.member(walker, archive, &name, offset, depth)?;
    }
    stretch.end(header.align)?;
    Ok(Step::Member)
}
