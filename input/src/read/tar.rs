//! Walking a tar (POSIX ustar and pax, GNU, old V7) as a stream. It must not know of chunks.
//!
//! Headers are taken apart by a library; the walk is here, because a damaged header must not end
//! it, and nothing that a header says may decide how much memory is taken.

use tar::{EntryType, Header, PaxExtensions};

use super::walker::Walker;
use crate::error::Halt;
use crate::sniff::checksum_holds;
use crate::stream::{Damage, Input, Pull};

const BLOCK: usize = 512;
/// The longest name or set of extended headers that is read.
const MAX_EXTENSION: u64 = 1 << 20;

/// What extension headers say of the next member.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

/// Cuts the members of a tar named `name`, `depth` layers down.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    mut input: Input<'_>,
    depth: u32,
) -> Result<(), Halt> {
    match members(walker, name, &mut input, depth)? {
        Ok(()) => Ok(()),
        Err(damage) => walker.fault(name, input.offset(), damage),
    }
}

/// The inner error is damage that ends the tar; one that a member met too is accounted for there.
fn members(
    walker: &mut Walker<'_, '_>,
    archive: &[u8],
    input: &mut Input<'_>,
    depth: u32,
) -> Result<Result<(), Damage>, Halt> {
    let mut extension = Extension::default();
    loop {
        let block = match next_header(input) {
            Ok(Found::Header(block)) => block,
            Ok(Found::End) => return Ok(Ok(())),
            Ok(Found::Damaged(offset, damage)) => {
                walker.fault(archive, offset, damage)?;
                extension = Extension::default();
                continue;
            }
            Err(damage) => return Ok(Err(damage)),
        };
        let offset = input.offset() - BLOCK as u64;
        let header = Header::from_byte_slice(&block[..]);
        let kind = header.entry_type();
        let is_extension = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions()
            || kind.as_byte() == b'X';
        let stated = header.entry_size().unwrap_or(u64::MAX);
        if is_extension {
            if let Err(damage) = extend(&mut extension, kind, stated, input) {
                return Ok(Err(damage));
            }
            continue;
        }
        let Extension { name, size, sparse } = std::mem::take(&mut extension);
        if !walker.count_entry(archive, offset)? {
            return Ok(Ok(()));
        }
        let member = name.unwrap_or_else(|| header.path_bytes().into_owned());
        let size = size.unwrap_or(stated);
        let start = input.offset();
        let mut cut_off = None;
        if let Some(name) = walker.member_name(archive, &member, offset)? {
            let content = Content {
                input,
                left: size,
                size,
                cut_off: &mut cut_off,
            };
            match treatment(kind, sparse) {
                // How old writers mark a folder.
                Treatment::Read if size == 0 && name.ends_with(b"/") => {}
                Treatment::Read => walker.member(&name, content, depth)?,
                Treatment::Leave => {}
                Treatment::Refuse(what) => {
                    let damage = Damage::unusable(format!("not supported: {what} in a tar"));
                    walker.fault(&name, 0, damage)?;
                }
            }
        }
        if let Some(damage) = cut_off {
            return Ok(Err(damage));
        }
        if holds_no_data(kind) {
            continue;
        }
        let read = input.offset() - start;
        if let Err(damage) = step_over(input, size, read) {
            return Ok(Err(damage));
        }
    }
}

/// What is next in a tar.
enum Found {
    Header(Box<[u8; BLOCK]>),
    End,
    /// Something else, at this offset.
    Damaged(u64, Damage),
}

/// Reads the next header; past a damaged one, to the next that is whole. Zeros are stepped over: the
/// end mark of a tar to which another was appended is not the end of what is in the stream.
fn next_header(input: &mut Input<'_>) -> Result<Found, Damage> {
    let mut damaged = 0_u64;
    let mut offset = input.offset();
    let no_header = |damaged: u64, offset: u64| {
        let reason = format!("tar: {damaged} bytes at byte {offset} are no header");
        Found::Damaged(offset, Damage::corrupt(reason))
    };
    loop {
        let bytes = input.want(BLOCK)?;
        let Some(block) = bytes.first_chunk::<BLOCK>() else {
            let left = bytes.len();
            let blank = bytes.iter().all(|&byte| byte == 0);
            input.consume(left);
            return Ok(match damaged {
                0 if blank => Found::End,
                _ => no_header(damaged + left as u64, offset),
            });
        };
        let block = Box::new(*block);
        let blank = block.iter().all(|&byte| byte == 0);
        let header = !blank && checksum_holds(&block);
        if damaged > 0 && (blank || header) {
            return Ok(no_header(damaged, offset));
        }
        input.consume(BLOCK);
        if header {
            return Ok(Found::Header(block));
        }
        if blank {
            offset += BLOCK as u64;
        } else {
            damaged += BLOCK as u64;
        }
    }
}

/// Takes in what an extension header says.
fn extend(
    extension: &mut Extension,
    kind: EntryType,
    size: u64,
    input: &mut Input<'_>,
) -> Result<(), Damage> {
    let wanted = !kind.is_gnu_longlink() && !kind.is_pax_global_extensions();
    let mut data = Vec::new();
    if wanted && size <= MAX_EXTENSION {
        let bytes = input.want(size as usize)?;
        data.extend_from_slice(&bytes[..bytes.len().min(size as usize)]);
    }
    let start = input.offset();
    step_over(input, size, 0)?;
    if size > MAX_EXTENSION {
        return Err(Damage::corrupt(format!(
            "tar: an extended header of {size} bytes at byte {start}"
        )));
    }
    if kind.is_gnu_longname() {
        let end = data.iter().position(|&byte| byte == 0);
        data.truncate(end.unwrap_or(data.len()));
        extension.name = Some(data);
    } else if wanted {
        for record in PaxExtensions::new(&data) {
            let Ok(record) = record else {
                return Err(Damage::corrupt(format!(
                    "tar: a malformed extended header at byte {start}"
                )));
            };
            match record.key_bytes() {
                b"path" => extension.name = Some(record.value_bytes().to_vec()),
                b"size" => extension.size = record.value().ok().and_then(|v| v.parse().ok()),
                key => extension.sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
    }
    Ok(())
}

/// What becomes of a member.
enum Treatment {
    Read,
    Leave,
    Refuse(&'static str),
}

fn treatment(kind: EntryType, sparse: bool) -> Treatment {
    if sparse || kind.is_gnu_sparse() {
        return Treatment::Refuse("a sparse member");
    }
    match kind.as_byte() {
        // Links, devices, folders, a FIFO: nothing to read.
        b'1'..=b'6' | b'D' | b'V' => Treatment::Leave,
        b'M' => Treatment::Refuse("the rest of a member from another volume"),
        // POSIX: what is not known is read as a regular file.
        _ => Treatment::Read,
    }
}

/// Whether no data follows the header whatever its size says.
fn holds_no_data(kind: EntryType) -> bool {
    matches!(kind.as_byte(), b'1'..=b'6')
}

/// Steps over what is left of `size` bytes of data, of which `read` are read, and their padding.
fn step_over(input: &mut Input<'_>, size: u64, read: u64) -> Result<(), Damage> {
    let padded = size.div_ceil(BLOCK as u64).saturating_mul(BLOCK as u64);
    let left = padded.saturating_sub(read);
    let got = input.skip(left)?;
    let missing = size.saturating_sub(read + got);
    if missing > 0 {
        return Err(Damage::corrupt(format!(
            "tar: truncated, {missing} bytes of the last member are missing"
        )));
    }
    Ok(())
}

/// A member's data.
struct Content<'c, 'i> {
    input: &'c mut Input<'i>,
    left: u64,
    size: u64,
    /// Set when the tar ends inside the member.
    cut_off: &'c mut Option<Damage>,
}

impl Pull for Content<'_, '_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        let max = usize::try_from(self.left).map_or(max, |left| left.min(max));
        if max == 0 {
            return Ok(0);
        }
        let got = self.input.pull(out, max)?;
        self.left -= got as u64;
        if got == 0 {
            let damage = Damage::corrupt(format!(
                "tar: truncated, {} of the member's {} bytes are missing",
                self.left, self.size
            ));
            *self.cut_off = Some(damage.clone());
            return Err(damage);
        }
        Ok(got)
    }
}
