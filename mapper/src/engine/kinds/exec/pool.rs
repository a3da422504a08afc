//! The children of one job: started when they are wanted, shared by the compute threads, no more at
//! a time than the machine has room for.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use gristmill_common::spec::Exec;
use gristmill_common::temp_folder::TempFolder;
use parking_lot::{Condvar, Mutex};
use rustix::process::Pid;

use super::child::{Keeper, kill};
use super::host::Host;
use super::orphans;
use super::shipped::links;
use super::unit::Unit;
use super::warm::Warm;

/// How often a stop, and keepers that are gone, are looked for while programs run.
const LOOK: Duration = Duration::from_millis(100);

/// The folder of the job's files, beside the numbered ones of programs.
const FILES: &str = "files";

/// A keeper, and the worker that runs under it if one does.
pub(super) struct Place {
    pub(super) warm: Option<Warm>,
    pub(super) keeper: Keeper,
}

/// The places of a job.
pub(super) struct Pool {
    host: Host,
    links: Vec<(PathBuf, PathBuf)>,
    most: usize,
    // Before the folders, so that programs end before their folders do.
    state: Mutex<State>,
    free: Condvar,
    /// Holds the private folders; removed with the pool.
    rooms: TempFolder,
}

#[derive(Default)]
struct State {
    idle: Vec<Place>,
    taken: usize,
    numbers: u64,
    keepers: Vec<(Weak<OwnedFd>, Pid)>,
}

/// A place that a thread has; it goes back when dropped.
pub(super) struct Held<'p> {
    pool: &'p Pool,
    place: Option<Place>,
}

impl Pool {
    /// Room for the programs of a job, in whose folders its files are linked.
    ///
    /// # Errors
    /// When there is no folder for them.
    pub(super) fn new(host: &Host, exec: &Exec) -> io::Result<Arc<Self>> {
        let rooms = TempFolder::new(&host.tmp, "exec")?;
        let pool = Arc::new(Self {
            host: host.clone(),
            links: links(exec, host, &rooms.path().join(FILES))?,
            rooms,
            most: host.programs(exec.memory),
            state: Mutex::default(),
            free: Condvar::new(),
        });
        let watched = Arc::downgrade(&pool);
        std::thread::Builder::new()
            .name("exec-watch".into())
            .spawn(move || watch(&watched))?;
        Ok(pool)
    }

    /// How many programs may run at a time.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// The folder that holds the private folders.
    pub(super) fn rooms(&self) -> &std::path::Path {
        self.rooms.path()
    }

    /// The file with a unit's bytes, where they were too many for a chunk.
    pub(super) fn large(&self, unit: &Unit<'_>) -> Option<PathBuf> {
        let piece = unit.part.piece;
        let place = self.host.large.as_ref().filter(|_| piece.large > 0)?;
        Some(place.path(unit.split, piece.ordinal))
    }

    /// Whether the file with a unit's bytes, if it has one, holds what was read of its document.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn is_unchanged(&self, unit: &Unit<'_>) -> io::Result<bool> {
        let piece = unit.part.piece;
        match self.host.large.as_ref().filter(|_| piece.large > 0) {
            Some(place) => place.is_unchanged(unit.split, piece.ordinal),
            None => Ok(true),
        }
    }

    /// Whether these are a unit's bytes, which were too many for a chunk.
    pub(super) fn is(&self, unit: &Unit<'_>, bytes: &[u8]) -> bool {
        let place = self.host.large.as_ref();
        place.is_some_and(|place| place.is(unit.split, unit.part.piece.ordinal, bytes))
    }

    /// A unit's bytes are not needed any more.
    pub(super) fn done(&self, unit: &Unit<'_>) {
        let piece = unit.part.piece;
        if let Some(place) = self.host.large.as_ref().filter(|_| piece.large > 0) {
            place.remove(unit.split, piece.ordinal, piece.large);
        }
    }

    /// Whether the programs' stderr is shown.
    pub(super) fn echoes(&self) -> bool {
        self.host.echo
    }

    /// Whether the job was asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.host.shutdown.is_stopping()
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// When a keeper cannot be started.
    pub(super) fn take(&self) -> io::Result<Held<'_>> {
        let mut state = self.state.lock();
        while state.taken >= self.most {
            self.free.wait(&mut state);
        }
        state.taken += 1;
        let mut held = Held {
            pool: self,
            place: state.idle.pop(),
        };
        drop(state);
        if held.place.is_none() {
            held.place = Some(self.open()?);
        }
        Ok(held)
    }

    fn open(&self) -> io::Result<Place> {
        let number = {
            let mut state = self.state.lock();
            state.numbers += 1;
            state.numbers
        };
        let mut temporary = vec![self.rooms.path()];
        temporary.extend(self.host.large.iter().map(|place| place.folder()));
        temporary.extend(self.host.from_elsewhere.then_some(&*self.host.folder));
        let keeper = Keeper::start(
            &self.host.gristmill,
            self.rooms.path(),
            number,
            &self.links,
            &temporary,
        )?;
        let mut state = self.state.lock();
        state
            .keepers
            .retain(|(socket, _)| socket.strong_count() > 0);
        let socket = Arc::downgrade(&keeper.socket());
        state.keepers.push((socket, keeper.pid()));
        Ok(Place { warm: None, keeper })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // All end at the same time: to free a large program's memory takes a while.
        for place in &self.state.get_mut().idle {
            place.keeper.dismiss();
        }
    }
}

impl Held<'_> {
    /// The place; a new keeper takes that of one that was thrown away.
    ///
    /// # Errors
    /// When a keeper cannot be started.
    pub(super) fn place(&mut self) -> io::Result<&mut Place> {
        let place = match self.place.take() {
            Some(place) => place,
            None => self.pool.open()?,
        };
        Ok(self.place.insert(place))
    }

    /// Ends the keeper and what runs under it.
    pub(super) fn discard(&mut self) {
        self.place = None;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        state.taken -= 1;
        state.idle.extend(self.place.take());
        drop(state);
        self.pool.free.notify_one();
    }
}

/// Kills the programs of a job that is asked to stop, and those that have got rid of their keepers.
fn watch(pool: &Weak<Pool>) {
    while let Some(pool) = pool.upgrade() {
        let keepers = pool.state.lock().keepers.clone();
        for (socket, pid) in keepers {
            // While there is a socket, the process is no other.
            let Some(socket) = socket.upgrade() else {
                continue;
            };
            if pool.is_stopping() {
                kill(&socket);
            }
            orphans::see_to(pid);
        }
        drop(pool);
        std::thread::sleep(LOOK);
    }
}
