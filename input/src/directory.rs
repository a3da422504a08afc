//! Finding a zip's central directory.

use rawzip::{ZipArchive, ZipLocator};

use crate::stream::Random;

/// Holds any one record of a central directory (46 bytes and three fields of 64 KiB).
pub(crate) const BUFFER: usize = 256 << 10;

/// How many members are asked whether the directory is right about where they are.
const WITNESSES: usize = 8;
/// Where the end of a zip states the offset of its directory.
const DIRECTORY_OFFSET: u64 = 16;

/// A zip's central directory.
pub(crate) type Directory<'r, 'f> = ZipArchive<&'r Random<'f>>;

/// Finds the central directory of a zip.
///
/// # Errors
/// Why it cannot be used: there is none, or it is not of the members that are there.
pub(crate) fn locate<'r, 'f>(file: &'r Random<'f>) -> Result<Directory<'r, 'f>, String> {
    let mut buffer = vec![0; BUFFER];
    let directory = ZipLocator::new()
        .locate_in_reader(file, &mut buffer, file.size())
        .map_err(|(_, error)| format!("no central directory: {error}"))?;
    if is_of_another(file, &directory) {
        return Err("the central directory is not where its end says".into());
    }
    let mut entries = directory.entries(&mut buffer);
    for witness in 0..WITNESSES {
        match entries.next_entry() {
            Ok(Some(record)) if directory.get_entry(record.wayfinder()).is_ok() => break,
            Ok(Some(_)) => {}
            Ok(None) if witness == 0 => break,
            Ok(None) => return Err("the central directory is of other members".into()),
            Err(error) if witness == 0 => {
                return Err(format!("the central directory cannot be read: {error}"));
            }
            Err(_) => break,
        }
        if witness + 1 == WITNESSES {
            return Err("the central directory is of other members".into());
        }
    }
    Ok(directory)
}

/// Whether a file begins with a member, and the directory is of an archive that begins later: the
/// last member is a zip itself and the end is cut off, or two zips were joined.
fn is_of_another(file: &Random<'_>, directory: &Directory<'_, '_>) -> bool {
    let (mut first, mut stated) = ([0; 4], [0; 4]);
    let at = directory.eocd_offset().saturating_add(DIRECTORY_OFFSET);
    let read = file.read(&mut first, 0).is_ok() && file.read(&mut stated, at).is_ok();
    let stated = u64::from(u32::from_le_bytes(stated));
    read && first == *b"PK\x03\x04"
        && stated < directory.directory_offset()
        && stated != u64::from(u32::MAX)
}

/// Whether a zip with members in it stands at the end of a file.
pub(crate) fn is_there(file: &Random<'_>) -> bool {
    locate(file).is_ok_and(|directory| {
        let mut buffer = vec![0; BUFFER];
        matches!(directory.entries(&mut buffer).next_entry(), Ok(Some(_)))
    })
}

/// Whether a file ends as the last part of a split zip: with an end record (APPNOTE 4.3.16) of a
/// disk other than the first, whose comment is the end of the file.
pub(crate) fn is_last_part(file: &Random<'_>) -> bool {
    const END: usize = 22;
    let mut tail = vec![0; (END + usize::from(u16::MAX)).min(file.size() as usize)];
    let from = file.size() - tail.len() as u64;
    if !file
        .read(&mut tail, from)
        .is_ok_and(|got| got == tail.len())
    {
        return false;
    }
    memchr::memmem::rfind_iter(&tail, b"PK\x05\x06").any(|at| {
        let field = |offset: usize| {
            let bytes = tail.get(at + offset..).and_then(|rest| rest.first_chunk());
            bytes.map(|bytes| u16::from_le_bytes(*bytes))
        };
        let comment = field(END - 2).map(usize::from);
        // All ones: another record states it, as zips in one piece may.
        let split = |disk: Option<u16>| disk.is_some_and(|disk| (1..u16::MAX).contains(&disk));
        comment.is_some_and(|length| at + END + length == tail.len()) && split(field(4))
    })
}
