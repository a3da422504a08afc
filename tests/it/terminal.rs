//! A program on a pseudo-terminal of its own, as a user sees it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

/// How long anything may take; a hang is a failure, not a wait.
const LIMIT: Duration = Duration::from_secs(120);
/// How much of a screen a failed test shows, in bytes.
const LAST: usize = 4096;

/// A program on a terminal; dropped, it is killed.
pub(crate) struct Terminal {
    master: File,
    /// Ours, so that the terminal outlives the program.
    slave: OwnedFd,
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
    reading: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Starts a command on a terminal of so many columns and rows: it is its controlling terminal,
    /// so that Ctrl-C reaches it.
    pub(crate) fn start(command: &Command, columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it opens");
        let path = ptsname(&master, Vec::new()).expect("a name");
        let slave = rustix::fs::open(
            &*path,
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        );
        let slave = slave.expect("it opens");
        let end = || Stdio::from(slave.try_clone().expect("a second handle"));
        let mut session = Command::new("setsid");
        session
            .args(["--ctty", "--wait"])
            .arg(command.get_program());
        session.args(command.get_args()).env("TERM", "xterm");
        session.env_remove("NO_COLOR");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        let master = File::from(master);
        resize(&master, columns, rows);
        let child = session.stdin(end()).stdout(end()).stderr(end()).spawn();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let mut reader = master.try_clone().expect("a second handle");
        let kept = Arc::clone(&shown);
        let reading = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error when nobody has the terminal any more.
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                kept.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        Self {
            master,
            slave,
            child: child.expect("setsid(1), of util-linux, starts"),
            shown,
            reading: Some(reading),
        }
    }

    /// Everything that was written to the terminal.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until what was written satisfies a condition.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + LIMIT;
        while !holds(&self.shown()) {
            let shown = self.shown();
            let last = shown
                .get(shown.len().saturating_sub(LAST)..)
                .unwrap_or_default();
            assert!(Instant::now() < end, "waited in vain for {what}: {last:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.master
            .write_all(keys)
            .expect("the terminal takes keys");
    }

    /// Gives the terminal another size, as a window that is dragged does.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        resize(&self.master, columns, rows);
    }

    /// How the terminal is set (stty(1)).
    pub(crate) fn settings(&self) -> Termios {
        tcgetattr(&self.slave).expect("a terminal")
    }

    /// Waits for the program's end, and returns it with everything that was written.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < end, "no end: {:?}", self.shown());
            std::thread::sleep(Duration::from_millis(10));
        };
        // The reader ends once nobody has the other end.
        let null = File::open("/dev/null").expect("a file");
        self.slave = null.into();
        if let Some(reading) = self.reading.take() {
            reading.join().expect("the reader ends");
        }
        (status, self.shown())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(terminal: &File, columns: u16, rows: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).expect("a size");
}
