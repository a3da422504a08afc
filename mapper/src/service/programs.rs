//! The jobs of this mapper that run the user's own program: who may, and whose program is ready.
//!
//! A program is looked for, and a worker started, before any chunk of its job is taken. That may
//! take minutes (a model is loaded), so other jobs do not wait for it. It must not know what chunks
//! are.

use std::collections::HashMap;

use gristmill_common::job::JobRun;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::spec::Kind;
use gristmill_jobs::registry::{Job, JobTable};
use tokio::sync::mpsc;
use tracing::info;

use crate::engine::job_file::JobFile;
use crate::engine::prepared::Prepared;
use crate::programs::{ExecSettings, Permits, Starts, Turn};

/// So many may be made ready at a time, and be heard of.
const MOST: usize = 64;

/// The programs of one mapper.
pub(super) struct Programs {
    settings: ExecSettings,
    permits: Permits,
    threads: usize,
    /// Which may be made ready, and how often mappers ended over that.
    starts: Starts,
    known: HashMap<JobRun, Known>,
    sender: mpsc::Sender<Ready>,
    ready: mpsc::Receiver<Ready>,
}

/// A job that is made ready or is.
struct Known {
    /// Ends its programs.
    shutdown: Shutdown,
    ready: bool,
}

/// What came of making a job ready.
pub(crate) struct Ready {
    pub(crate) run: JobRun,
    pub(crate) prepared: Result<Prepared, String>,
}

impl Programs {
    pub(super) fn new(settings: &ExecSettings, threads: usize) -> Self {
        let (sender, ready) = mpsc::channel(MOST);
        Self {
            settings: settings.clone(),
            permits: Permits::new(&settings.policy),
            starts: Starts::new(&settings.tmp),
            threads,
            known: HashMap::new(),
            sender,
            ready,
        }
    }

    /// Why a job may not run its program here, if it may not.
    pub(super) fn refusal(&mut self, job: &Job) -> Option<String> {
        self.permits.of(&job.run(), &job.submission).err()
    }

    /// Ends the programs of jobs that are not active any more.
    pub(super) fn tidy(&mut self, table: &JobTable) {
        self.permits.tidy(table);
        self.starts.tidy(|run| table.active(run).is_some());
        self.known.retain(|run, known| {
            let active = table.active(run).is_some();
            if !active {
                known.shutdown.advance(Stage::Aborted);
            }
            active
        });
    }

    /// Whether a job may be made ready, now or at all: to be asked before its files are fetched.
    /// `busy` says that programs of other jobs run.
    pub(super) fn begin(&mut self, run: &JobRun, busy: bool) -> Turn {
        self.starts.begin(run, busy)
    }

    /// Whether a job is made ready alone, or waits for that.
    pub(super) fn is_alone(&self) -> bool {
        self.starts.is_alone()
    }

    /// Makes a job ready, unless that was begun. `file` is its bundle, if it has one.
    pub(super) fn want(&mut self, job: &Job, file: Option<JobFile>) {
        let (run, submission) = (job.run(), &job.submission);
        let Kind::Exec(exec) = &submission.spec.kind else {
            return;
        };
        if self.known.contains_key(&run) || self.known.len() >= MOST {
            return;
        }
        let Ok(permission) = self.permits.of(&run, submission) else {
            return;
        };
        let shutdown = Shutdown::new();
        let known = Known {
            shutdown: shutdown.clone(),
            ready: false,
        };
        self.known.insert(run.clone(), known);
        let host = (self.settings).host(submission, permission, self.threads, &shutdown);
        info!(job = %job.name, "looking for its program");
        let sender = self.sender.clone();
        let (spec, exec) = (submission.spec.clone(), exec.clone());
        tokio::task::spawn_blocking(move || {
            let file = match file {
                Some(file) => Ok(file),
                // Nothing but the job's own files is in the folder that its paths begin at.
                None => JobFile::of_code(&exec, b"", &host.tmp),
            };
            let prepared = file.and_then(|file| Prepared::on(&spec, vec![file], &host));
            let prepared = prepared.map_err(|error| error.to_string());
            // The mapper may have stopped.
            let _ = sender.blocking_send(Ready { run, prepared });
        });
    }

    /// Waits for a job to be ready. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Ready {
        match self.ready.recv().await {
            Some(ready) => ready,
            // Never: a sender is kept here.
            None => std::future::pending().await,
        }
    }

    /// Whether the job is still wanted that was made ready.
    pub(super) fn take(&mut self, run: &JobRun) -> bool {
        self.starts.end(run);
        let known = self.known.get_mut(run);
        known.map(|known| known.ready = true).is_some()
    }

    /// The job is left alone: its programs end, and it is made ready anew if it is wanted again.
    pub(super) fn forget(&mut self, run: &JobRun) {
        self.starts.end(run);
        if let Some(known) = self.known.remove(run) {
            known.shutdown.advance(Stage::Aborted);
        }
    }

    /// Makes no job ready any more. Programs that work on chunks go on.
    pub(super) fn leave_all(&mut self) {
        self.starts.leave();
        for known in self.known.values().filter(|known| !known.ready) {
            known.shutdown.advance(Stage::Aborted);
        }
    }
}
