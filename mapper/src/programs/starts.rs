//! The programs that are made ready on a mapper: how often mappers here ended over that, and which
//! one is made ready alone.
//!
//! Unpacking, imports and `setup()` may end the whole mapper, as when its container is out of
//! memory. Nobody is left to see it, so each beginning is a file in the folder for temporary files,
//! which outlives the process. After a few deaths a program is made ready while no other program
//! runs here; after a few more not at all. It must not know how programs are made ready.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gristmill_common::deaths::{Begun, MOST, SUSPECT, deaths};
use gristmill_common::job::JobRun;
use rustix::process::geteuid;
use tracing::warn;

/// What was left of runs for so long is forgotten.
const AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The beginnings of one mapper.
pub(crate) struct Starts {
    folder: PathBuf,
    /// None where it could not be noted.
    begun: HashMap<JobRun, Option<Begun>>,
    /// It is made ready alone, or waits for that.
    alone: Option<JobRun>,
    /// What mappers ended over too often.
    given_up: HashSet<JobRun>,
}

/// Whether a program may be made ready.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may, or is being made ready.
    Now,
    /// Another one is made ready alone, or this one waits for that.
    Later,
    /// Mappers ended over it too often.
    Never(String),
}

impl Starts {
    /// None yet, on a mapper with this folder for temporary files.
    pub(crate) fn new(tmp: &Path) -> Self {
        Self {
            folder: tmp.join(format!("gristmill-starts-{}", geteuid().as_raw())),
            begun: HashMap::new(),
            alone: None,
            given_up: HashSet::new(),
        }
    }

    /// Begins to make a run's program ready, unless that was begun. `busy` says that programs of
    /// other jobs run.
    pub(crate) fn begin(&mut self, run: &JobRun, busy: bool) -> Turn {
        if self.begun.contains_key(run) {
            return Turn::Now;
        }
        if self.alone.as_ref().is_some_and(|alone| alone != run) {
            return Turn::Later;
        }
        let folder = self.of(run);
        // Whoever may write to the folder for temporary files could else have jobs left alone.
        let died = match self.is_ours() {
            true => deaths(&folder).unwrap_or_default(),
            false => 0,
        };
        if died >= MOST {
            self.given_up.insert(run.clone());
            self.alone = None;
            let alone = MOST - SUSPECT;
            return Turn::Never(format!(
                "{died} times this mapper ended while it made the program ready (imports, setup()), the \
                 last {alone} while no other program ran (was the machine or container out of memory?)"
            ));
        }
        if died >= SUSPECT {
            if self.alone.is_none() {
                warn!(job = %run.job, "mappers ended while its program was made ready ({died} times): \
                       nothing else runs meanwhile");
                self.alone = Some(run.clone());
            }
            if busy || !self.begun.is_empty() {
                return Turn::Later;
            }
        }
        let begun = self.make_folder().and_then(|()| Begun::new(&folder));
        if let Err(error) = &begun {
            warn!(job = %run.job, "it is not counted how often its program is made ready: {}: {error}",
                  folder.display());
        }
        self.begun.insert(run.clone(), begun.ok());
        Turn::Now
    }

    /// Whether a program is made ready alone, or waits for that.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// Making it ready has ended, and this mapper lives.
    pub(crate) fn end(&mut self, run: &JobRun) {
        if let Some(begun) = self.begun.remove(run) {
            let cleared = begun.map_or(Ok(()), Begun::clear);
            let _ = cleared.and_then(|()| fs::remove_dir(self.of(run)));
            // It stays if there are others in it.
            let _ = fs::remove_dir(&self.folder);
        }
        self.alone.take_if(|alone| alone == run);
    }

    /// Forgets the runs that are not active any more.
    pub(crate) fn tidy(&mut self, is_active: impl Fn(&JobRun) -> bool) {
        let known = self.begun.keys().chain(&self.given_up).chain(&self.alone);
        let over: Vec<JobRun> = known.filter(|run| !is_active(run)).cloned().collect();
        for run in over {
            self.end(&run);
            self.given_up.remove(&run);
            self.remove(&run);
            let _ = fs::remove_dir(&self.folder);
        }
    }

    /// This mapper ends in order: what it was about to make ready did not end it, and what it had
    /// given up may be tried again by the next one, which may have more memory.
    pub(crate) fn leave(&mut self) {
        self.begun.clear();
        for run in std::mem::take(&mut self.given_up) {
            self.remove(&run);
        }
        let _ = fs::remove_dir(&self.folder);
    }

    /// Removes what is counted of a run.
    fn remove(&self, run: &JobRun) {
        if self.is_ours() {
            let _ = fs::remove_dir_all(self.of(run));
        }
    }

    fn of(&self, run: &JobRun) -> PathBuf {
        self.folder.join(run.to_string())
    }

    /// Whether the folder is there, and this user's.
    fn is_ours(&self) -> bool {
        let found = fs::symlink_metadata(&self.folder);
        found.is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw())
    }

    /// Makes the folder if it is not there; removes what is old in it.
    fn make_folder(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
        if !self.is_ours() {
            return Err(io::Error::other("it is somebody else's"));
        }
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let modified = entry.metadata().and_then(|found| found.modified());
            let age = modified.ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > AGE) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u64) -> JobRun {
        JobRun::new(&"job".parse().unwrap(), number)
    }

    /// A mapper that dies while it makes a program ready leaves its file.
    fn die(tmp: &Path, number: u64, times: u32) {
        let folder = Starts::new(tmp).of(&run(number));
        fs::create_dir_all(&folder).unwrap();
        for time in 0..times {
            fs::write(folder.join(format!(".begun-{time}")), "").unwrap();
        }
    }

    #[test]
    fn what_ended_four_mappers_is_made_ready_alone_and_what_ended_seven_not_at_all() {
        let tmp = tempfile::tempdir().unwrap();
        die(tmp.path(), 1, SUSPECT - 1);
        die(tmp.path(), 2, SUSPECT);
        die(tmp.path(), 3, MOST);
        let mut starts = Starts::new(tmp.path());
        assert_eq!(starts.begin(&run(1), true), Turn::Now);
        assert!(!starts.is_alone());
        // Neither beside one that is made ready nor beside programs that run.
        assert_eq!(starts.begin(&run(2), false), Turn::Later);
        starts.end(&run(1));
        assert_eq!(starts.begin(&run(2), true), Turn::Later);
        assert_eq!(starts.begin(&run(4), false), Turn::Later);
        assert!(starts.is_alone());
        assert_eq!(starts.begin(&run(2), false), Turn::Now);
        assert_eq!(starts.begin(&run(4), false), Turn::Later);
        starts.end(&run(2));
        let Turn::Never(why) = starts.begin(&run(3), false) else {
            panic!("it may");
        };
        assert!(why.starts_with("7 times this mapper ended"), "{why}");
        assert_eq!(starts.begin(&run(4), false), Turn::Now);
        // What ended in sight begins anew.
        assert_eq!(starts.begin(&run(2), true), Turn::Now);
    }

    #[test]
    fn what_somebody_else_put_there_counts_for_nothing() {
        let (tmp, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        die(theirs.path(), 1, MOST);
        let mut starts = Starts::new(tmp.path());
        let planted = Starts::new(theirs.path()).folder;
        std::os::unix::fs::symlink(&planted, &starts.folder).unwrap();
        assert_eq!(starts.begin(&run(1), false), Turn::Now);
        starts.end(&run(1));
        assert_eq!(deaths(&planted.join(run(1).to_string())).unwrap(), MOST);
    }

    #[test]
    fn a_mapper_that_ends_in_order_counts_for_nothing_and_lets_the_next_one_try_again() {
        let tmp = tempfile::tempdir().unwrap();
        die(tmp.path(), 1, MOST);
        die(tmp.path(), 3, 2);
        let mut starts = Starts::new(tmp.path());
        assert!(matches!(starts.begin(&run(1), false), Turn::Never(_)));
        assert_eq!(starts.begin(&run(2), false), Turn::Now);
        assert_eq!(starts.begin(&run(3), false), Turn::Now);
        starts.leave();
        let died = [1, 2, 3].map(|number| deaths(&starts.of(&run(number))).unwrap());
        assert_eq!(died, [0, 0, 2]);
        // A run that is over leaves nothing.
        assert_eq!(starts.begin(&run(3), false), Turn::Now);
        starts.tidy(|_| false);
        assert!(!starts.of(&run(3)).exists());
    }
}
