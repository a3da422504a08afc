//! What a command has to say, on stdout. It must not know what that is.

use std::io::{ErrorKind, Write};

/// Prints a command's answer, all of it at once. A reader that goes away (`| head`) has read
/// enough: then it returns false.
///
/// # Errors
/// When stdout cannot be written for any other reason.
pub fn print(answer: &[u8]) -> std::io::Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(answer).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        printed => printed.map(|()| true),
    }
}
