//! What a command has to say, on stdout. It must not know what that is.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

use anyhow::Context;
use rustix::fs::OFlags;

use crate::closed;

/// What errors name.
const SHOWN: &str = "standard output";

/// Standard output as a file. What the standard library has for it takes a descriptor that cannot
/// be written for a success.
///
/// # Errors
/// When it is closed, or open for reading alone.
pub fn open() -> anyhow::Result<File> {
    let file = if closed::output() {
        Err(io::Error::other("it is closed"))
    } else {
        rustix::io::dup(io::stdout()).map_err(io::Error::from)
    };
    let file = File::from(file.context(SHOWN)?);
    let flags = rustix::fs::fcntl_getfl(&file).map_err(io::Error::from);
    match flags.context(SHOWN)? & OFlags::ACCMODE {
        OFlags::RDONLY => Err(io::Error::other("it is open for reading alone")).context(SHOWN),
        _ => Ok(file),
    }
}

/// Prints a command's answer, all of it at once. A reader that goes away (`| head`) has read
/// enough: then it returns false.
///
/// # Errors
/// When stdout cannot be written for any other reason.
pub fn print(answer: &[u8]) -> anyhow::Result<bool> {
    match open()?.write_all(answer) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        printed => printed.map(|()| true).context(SHOWN),
    }
}
