//! Finding a zip's central directory.

use rawzip::{ZipArchive, ZipLocator};

use crate::stream::Random;

/// Holds any one record of a central directory (46 bytes and three fields of 64 KiB).
pub(crate) const BUFFER: usize = 256 << 10;

/// A zip's central directory.
pub(crate) type Directory<'r, 'f> = ZipArchive<&'r Random<'f>>;

/// Finds the central directory of a zip.
///
/// # Errors
/// When there is none, or it contradicts itself.
pub(crate) fn locate<'r, 'f>(file: &'r Random<'f>) -> Result<Directory<'r, 'f>, rawzip::Error> {
    let mut buffer = vec![0; BUFFER];
    ZipLocator::new()
        .locate_in_reader(file, &mut buffer, file.size())
        .map_err(|(_, error)| error)
}
