//! The mapper's side of a keeper: starts it, has programs run by it, and ends it.

use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::Pid;

use super::call::{Ask, Call, Ending, How, hear, tell};
use super::family::memory;
use super::orphans;

/// The subcommand of the binary that runs [`super::keeper`].
pub const KEEPER: &str = "exec-keeper";

/// How long a worker that has closed its output may take to end, in milliseconds: how it ends is in
/// the quarantine, so a busy machine must not cut that short.
const LAST_MOMENTS: u64 = 3_000;

/// A keeper process, the socket to it, and the private folder of its program.
#[derive(Debug)]
pub(super) struct Keeper {
    process: Child,
    socket: Arc<OwnedFd>,
    folder: PathBuf,
    /// What is linked in the folder before a program runs: names and where they lead.
    links: Vec<(PathBuf, PathBuf)>,
    /// What lies in the folder for that.
    furniture: Vec<PathBuf>,
}

/// The mapper's ends of a program's pipes.
pub(super) struct Pipes {
    /// None where it reads a file.
    pub(super) input: Option<PipeWriter>,
    pub(super) output: PipeReader,
}

impl Keeper {
    /// Starts a keeper from the binary `gristmill`, with a folder of its own in `rooms`, in which
    /// `links` are linked: names in the folder and where they lead. If this process dies, the
    /// keeper removes the folders `inherited`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(
        gristmill: &Path,
        rooms: &Path,
        number: u64,
        links: &[(PathBuf, PathBuf)],
        inherited: &[&Path],
    ) -> io::Result<Self> {
        let folder = rooms.join(format!("{number}"));
        fs::create_dir(&folder)?;
        furnish(&folder, links)?;
        let furniture = entries(&folder)?;
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let inherited = inherited.iter().map(|folder| bytes_of(folder)).collect();
        tell(&ours, &Ask::Inherit(inherited), &[])?;
        let mut command = Command::new(gristmill);
        command
            .arg(KEEPER)
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self {
            process: orphans::start(&mut command)?,
            socket: Arc::new(ours),
            folder,
            links: links.to_vec(),
            furniture,
        })
    }

    /// The resident memory of its program, with all that it started, in bytes.
    pub(super) fn memory(&self) -> u64 {
        memory(self.pid())
    }

    /// Its process.
    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Whether it can run no more programs: it has ended.
    pub(super) fn is_gone(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// The folder of its program.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name, changed as long as one of the job's own files has it.
    pub(super) fn free_name(&self, mut name: String) -> String {
        while self.furniture.contains(&self.folder.join(&name)) {
            name.insert(0, '_');
        }
        name
    }

    /// To have its program killed from another thread.
    pub(super) fn socket(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.socket)
    }

    /// Has a program started, which reads `file` if there is one; [`Keeper::wait`] tells how it
    /// ended.
    ///
    /// # Errors
    /// When the keeper is gone, or there are no pipes.
    pub(super) fn run(&self, call: Call, file: Option<File>) -> io::Result<Pipes> {
        let (its_input, input): (OwnedFd, _) = match file {
            Some(file) => (file.into(), None),
            None => {
                let (its_input, input) = io::pipe()?;
                (its_input.into(), Some(input))
            }
        };
        let (output, its_output) = io::pipe()?;
        let fds = [its_input.as_fd(), its_output.as_fd()];
        tell(&*self.socket, &Ask::Run(call), &fds)?;
        Ok(Pipes { input, output })
    }

    /// Asks for the end of the program.
    pub(super) fn kill(&self) {
        kill(&self.socket);
    }

    /// Waits a while for the end of a program that seems to be ending, then asks for it.
    pub(super) fn kill_later(&self) {
        // A keeper that is gone has killed it.
        let _ = tell(&*self.socket, &Ask::Kill(LAST_MOMENTS), &[]);
    }

    /// Lets the program that runs have so many seconds of processor time from now on, where it is
    /// limited.
    pub(super) fn renew(&self, cpu_time: Option<u64>) {
        if let Some(seconds) = cpu_time {
            // That the keeper is gone shows at once.
            let _ = tell(&*self.socket, &Ask::Renew(seconds), &[]);
        }
    }

    /// Waits until the program and all its descendants have ended.
    pub(super) fn wait(&self) -> Ending {
        match hear::<Ending>(&*self.socket) {
            Ok(Some((ending, _))) => ending,
            _ => Ending {
                how: How::Lost,
                left: 0,
                stderr: Vec::new(),
                counters: Vec::new(),
            },
        }
    }

    /// Has it end, and kill its program: it is waited for when it is dropped.
    pub(super) fn dismiss(&self) {
        // A keeper that is gone has done so.
        let _ = tell(&*self.socket, &Ask::Leave, &[]);
        let _ = rustix::net::shutdown(&*self.socket, rustix::net::Shutdown::Both);
    }

    /// Takes out of the folder what programs have left there, and makes anew what they have removed
    /// of it: it is theirs.
    ///
    /// # Errors
    /// When that cannot be done.
    pub(super) fn tidy(&self) -> io::Result<()> {
        furnish(&self.folder, &self.links)?;
        for entry in entries(&self.folder)? {
            if self.furniture.contains(&entry) {
                continue;
            }
            match fs::symlink_metadata(&entry)?.is_dir() {
                true => fs::remove_dir_all(&entry)?,
                false => fs::remove_file(&entry)?,
            }
        }
        Ok(())
    }
}

/// Asks a keeper for the end of its program.
pub(super) fn kill(socket: &OwnedFd) {
    // A keeper that is gone has killed it.
    let _ = tell(socket, &Ask::Kill(0), &[]);
}

fn bytes_of(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

/// Makes the folder if it is not there, and the links in it that are not.
fn furnish(folder: &Path, links: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
    }
    for (name, target) in links {
        let link = folder.join(name);
        match fs::read_link(&link) {
            Ok(there) if there == *target => continue,
            Ok(_) => fs::remove_file(&link)?,
            Err(_) => {}
        }
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent)?;
        }
        std::os::unix::fs::symlink(target, link)?;
    }
    Ok(())
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect()
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.dismiss();
        orphans::end(&mut self.process);
        let _ = fs::remove_dir_all(&self.folder);
    }
}
