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
