//! A reducer's output directory: its id, and where jobs and their ledgers lie in it.
//!
//! `DIR/JOB/` is a finished job. Everything else is under `DIR/.gristmill/`: the directory's id,
//! and per run of a job `JOB-RUN/` with the partitions' ledgers and outputs in the making.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use gristmill_common::id::unique;
use gristmill_common::job::{JobName, JobRun};
use gristmill_jobs::registry::{Event, MAX_EVENT, Submission, decode_event, encode_event};
use gristmill_jobs::report::host;

use crate::engine::error::FileError;
use crate::engine::files::{self, TempFile};
use crate::engine::manifest::MANIFEST;

/// The folder of everything that is not a finished job.
const INNER: &str = ".gristmill";
/// The file with the directory's id.
const ID: &str = "id";
/// The file that says what a run is: its event of the log.
const JOB: &str = "job";
/// Hexadecimal digits of an id.
const ID_LENGTH: usize = 32;

/// An output directory that reducers may share.
#[derive(Clone, Debug)]
pub(crate) struct StateDir {
    dir: PathBuf,
    id: String,
    /// `host:path`, by which people find it.
    place: String,
}

impl StateDir {
    /// Takes a directory: makes it and its id if they are missing, which tries the one operation
    /// that ledgers rest on.
    pub(crate) fn open(dir: &Path) -> Result<Self, FileError> {
        let inner = dir.join(INNER);
        fs::create_dir_all(&inner).map_err(FileError::new("create the folder", &inner))?;
        let path = inner.join(ID);
        // A process that is killed while it tries leaves a file behind: not at every start.
        if !path.exists() {
            name(&inner, &path)?;
        }
        let mut id = String::new();
        File::open(&path)
            .and_then(|file| file.take(ID_LENGTH as u64 + 1).read_to_string(&mut id))
            .map_err(FileError::new("read", &path))?;
        if id.len() != ID_LENGTH || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let error = std::io::Error::other("it does not hold the id of an output directory");
            return Err(FileError::new("use", &path)(error));
        }
        let path = fs::canonicalize(dir).map_err(FileError::new("find the folder", dir))?;
        Ok(Self {
            dir: dir.to_owned(),
            id,
            place: format!("{}:{}", host(), path.display()),
        })
    }

    /// Where the directory lies: `host:path`.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether a finished job's output is here.
    pub(crate) fn has_output(&self, job: &JobName) -> bool {
        self.output(job).join(MANIFEST).exists()
    }

    /// The directory's id, which claims name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Where a finished job lies.
    pub(crate) fn output(&self, job: &JobName) -> PathBuf {
        self.dir.join(job.as_str())
    }

    /// Where everything of one run of a job lies until it is finished.
    pub(crate) fn run(&self, run: &JobRun) -> PathBuf {
        let name = format!("{}-{:016x}", run.job, run.run);
        self.dir.join(INNER).join(name)
    }

    /// The runs that have a folder here.
    pub(crate) fn runs(&self) -> Result<Vec<JobRun>, FileError> {
        let inner = self.dir.join(INNER);
        let wrong = FileError::new("list the folder", &inner);
        let names: Vec<_> = fs::read_dir(&inner)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
            .map_err(wrong)?;
        let parse = |name: &std::ffi::OsString| {
            let (job, run) = name.to_str()?.rsplit_once('-')?;
            let run = u64::from_str_radix(run, 16).ok()?;
            Some(JobRun::new(&job.parse().ok()?, run))
        };
        Ok(names.iter().filter_map(parse).collect())
    }

    /// Keeps what a run is, beside its ledgers: should the broker lose the log of jobs, the job can
    /// be announced again.
    pub(crate) fn save_submission(
        &self,
        run: &JobRun,
        submission: &Submission,
    ) -> Result<(), FileError> {
        let dir = self.run(run);
        let path = dir.join(JOB);
        if path.exists() {
            return Ok(());
        }
        fs::create_dir_all(&dir).map_err(FileError::new("create the folder", &dir))?;
        let event = Event::Submitted(Box::new(submission.clone()));
        let wrong = FileError::new("write", &path);
        let bytes = encode_event(&event).map_err(|error| wrong(std::io::Error::other(error)))?;
        let mut file = TempFile::create(&dir, JOB)?;
        let wrong = FileError::new("write", &path);
        file.file().write_all(&bytes).map_err(wrong)?;
        file.sync()?;
        file.publish()
    }

    /// What a run is, if that was kept and can be read.
    pub(crate) fn load_submission(&self, run: &JobRun) -> Option<Event> {
        let mut bytes = Vec::new();
        let file = File::open(self.run(run).join(JOB)).ok()?;
        file.take(MAX_EVENT as u64).read_to_end(&mut bytes).ok()?;
        let event = decode_event(&bytes).ok()?;
        match &event {
            Event::Submitted(submission) if submission.run == run.run => Some(event),
            _ => None,
        }
    }

    /// Where a partition's ledger lies.
    pub(crate) fn ledger(&self, run: &JobRun, partition: u32) -> PathBuf {
        self.run(run).join(format!("partition-{partition:05}"))
    }

    /// Waits until the names of finished jobs are on the disk.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        files::sync_dir(&self.dir)
    }
}

/// Gives a directory an id, unless somebody else does.
fn name(inner: &Path, path: &Path) -> Result<(), FileError> {
    let fresh = format!("{:016x}{:016x}", unique(), unique());
    let temp = inner.join(files::temp_name(&format!("id-{fresh}")));
    let written = File::create_new(&temp)
        .and_then(|mut file| {
            file.write_all(fresh.as_bytes())?;
            file.sync_all()
        })
        .map_err(FileError::new("write", &temp));
    let put = written.and_then(|()| files::put(&temp, path));
    let _ = fs::remove_file(&temp);
    put?;
    files::sync_dir(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_has_an_id_is_taken_without_writing() {
        let dir = tempfile::tempdir().unwrap();
        let first = StateDir::open(dir.path()).unwrap();
        let inner = dir.path().join(INNER);
        let written = || fs::metadata(&inner).unwrap().modified().unwrap();
        let before = written();
        let again = StateDir::open(dir.path()).unwrap();
        assert_eq!(first.id(), again.id());
        assert_eq!(before, written());
        fs::write(inner.join(ID), "0").unwrap();
        assert!(StateDir::open(dir.path()).is_err());
    }
}
