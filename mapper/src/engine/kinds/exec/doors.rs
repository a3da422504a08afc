//! The descriptors of a keeper that its programs inherit, and those that they must not.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::io::DupFlags;

/// Closes what was open where `gristmill` was started, beyond the three usual descriptors: it is
/// not for the program.
pub(super) fn close_inherited() -> io::Result<()> {
    let mut open = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        open.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    for number in open.into_iter().filter(|number| *number > 2) {
        // Not the folder's own, which is closed by now.
        if std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok() {
            // SAFETY: the process has just begun and has one thread. It has opened nothing yet, so
            // nothing in it owns a descriptor above 2.
            #[expect(unsafe_code)]
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
    Ok(())
}

/// The descriptors 3 and 4, on which a worker hears and answers.
pub(super) struct Doors {
    nothing: File,
    three: OwnedFd,
    four: OwnedFd,
}

impl Doors {
    /// Takes both, with nothing behind them.
    pub(super) fn open() -> io::Result<Self> {
        let three: OwnedFd = File::open("/dev/null")?.into();
        let four: OwnedFd = File::open("/dev/null")?.into();
        if three.as_raw_fd() != 3 || four.as_raw_fd() != 4 {
            return Err(io::Error::other("descriptors 3 and 4 are taken"));
        }
        Ok(Self {
            nothing: File::open("/dev/null")?,
            three,
            four,
        })
    }

    /// For the program that is started next.
    pub(super) fn lead_to(&mut self, input: &OwnedFd, output: &OwnedFd) -> io::Result<()> {
        rustix::io::dup2(input, &mut self.three)?;
        Ok(rustix::io::dup2(output, &mut self.four)?)
    }

    /// Nothing is behind them any more.
    pub(super) fn close(&mut self) -> io::Result<()> {
        rustix::io::dup3(&self.nothing, &mut self.three, DupFlags::CLOEXEC)?;
        Ok(rustix::io::dup3(
            &self.nothing,
            &mut self.four,
            DupFlags::CLOEXEC,
        )?)
    }
}
