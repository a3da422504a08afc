//! Spooling a stream that needs seeking to an unlinked temporary file, within a bound.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::error::Halt;
use crate::stream::{Damage, Input, Pull};

const STEP: usize = 1 << 20;

/// Writes the stream to a temporary file in `folder`; returns it and its size, or why the stream
/// cannot be used.
pub(super) fn spool(
    input: &mut Input<'_>,
    folder: &Path,
    room: u64,
) -> Result<Result<(File, u64), Damage>, Halt> {
    let failed = |error| Halt::Temporary {
        path: folder.to_owned(),
        error,
    };
    let mut file = tempfile::tempfile_in(folder).map_err(failed)?;
    let mut size = 0;
    let mut buffer = Vec::with_capacity(STEP);
    loop {
        buffer.clear();
        match input.pull(&mut buffer, STEP) {
            Ok(0) => return Ok(Ok((file, size))),
            Ok(got) => size += got as u64,
            Err(damage) => return Ok(Err(damage)),
        }
        if size > room {
            return Ok(Err(Damage::unusable(format!(
                "a zip inside an archive that takes more than the {room} bytes left for temporary \
                 files (limit of spool)"
            ))));
        }
        file.write_all(&buffer).map_err(failed)?;
    }
}
