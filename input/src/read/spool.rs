//! Spooling a stream that needs seeking to an unlinked temporary file, within a bound.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::walk_error::WalkError;
use crate::error::Halt;
use crate::stream::{Damage, Input, Pull};

const STEP: usize = 1 << 20;

/// Writes the stream to a temporary file in `folder`; returns it and its size.
pub(super) fn spool(
    input: &mut Input<'_>,
    folder: &Path,
    room: u64,
    what: &str,
) -> Result<(File, u64), WalkError> {
    let failed = |error| Halt::Temporary {
        path: folder.to_owned(),
        error,
    };
    let mut file = tempfile::tempfile_in(folder).map_err(failed)?;
    let mut size = 0;
    let mut buffer = Vec::with_capacity(STEP);
    loop {
        buffer.clear();
        match input.pull(&mut buffer, STEP)? {
            0 => return Ok((file, size)),
            got => size += got as u64,
        }
        if size > room {
            let reason = format!(
                "{what} that takes more than the {room} bytes left for temporary files (limit of spool)"
            );
            return Err(Damage::unusable(reason).into());
        }
        file.write_all(&buffer).map_err(failed)?;
    }
}

/// A temporary file as a stream.
pub(super) struct Spooled {
    file: File,
    at: u64,
}

impl Spooled {
    pub(super) fn new(file: File) -> Self {
        Self { file, at: 0 }
    }
}

impl Pull for Spooled {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        let start = out.len();
        out.resize(start + max.min(STEP), 0);
        let got = self.file.read_at(&mut out[start..], self.at);
        let read = *got.as_ref().unwrap_or(&0);
        out.truncate(start + read);
        self.at += read as u64;
        got.map_err(|error| Damage::unusable(format!("a temporary file cannot be read: {error}")))
    }
}
