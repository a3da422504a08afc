//! Removes what runs leave behind that were seen to end: first their queues, then their folder
//! here.
//!
//! Every step may be done again, by any reducer, at any time: queues and folders name their run.
//! What cannot be removed now is tried again when the folder is found the next time. It must not
//! know how a run ended.

use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};

use gristmill_common::crash;
use gristmill_common::job::JobRun;
use gristmill_jobs::declare::delete_job;
use gristmill_jobs::registry::Ended;
use gristmill_jobs::worker::Worker;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tracing::warn;

use super::ledger::StateDir;

/// Removes one run after the other, beside everything else.
pub(super) struct Janitor {
    /// Those that were asked for and are not done.
    pending: Arc<Mutex<BTreeSet<JobRun>>>,
    asked: mpsc::Sender<Ended>,
    ended: oneshot::Receiver<()>,
}

impl Janitor {
    /// Starts its thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start(worker: &Worker, state_dir: &StateDir) -> std::io::Result<Self> {
        let (asked, ask) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let pending = Arc::default();
        let removal = Removal {
            state_dir: state_dir.clone(),
            worker: worker.clone(),
            pending: Arc::clone(&pending),
        };
        std::thread::Builder::new()
            .name("janitor".into())
            .spawn(move || {
                removal.run(&ask);
                let _ = end.send(());
            })?;
        Ok(Self {
            pending,
            asked,
            ended,
        })
    }

    /// Removes what a run left, unless that was asked for already.
    pub(super) fn remove(&self, ended: Ended) {
        if self.pending.lock().insert(ended.run.clone()) {
            // The thread lives as long as this.
            let _ = self.asked.send(ended);
        }
    }

    /// Waits until everything that was asked for has been tried.
    pub(super) async fn end(self) {
        drop(self.asked);
        let _ = self.ended.await;
    }
}

struct Removal {
    state_dir: StateDir,
    worker: Worker,
    pending: Arc<Mutex<BTreeSet<JobRun>>>,
}

impl Removal {
    fn run(&self, asked: &mpsc::Receiver<Ended>) {
        while let Ok(Ended { run, partitions }) = asked.recv() {
            self.remove(&run, partitions);
            self.pending.lock().remove(&run);
        }
    }

    fn remove(&self, run: &JobRun, partitions: u32) {
        crash::point("before-queues-deleted");
        let deleting = delete_job(&self.worker.broker, run, partitions);
        if let Err(error) = self.worker.runtime.block_on(deleting) {
            warn!(job = %run.job, "its queues could not be deleted: {error}");
            // The folder reminds of them.
            return;
        }
        crash::point("queues-deleted");
        let dir = self.state_dir.run(run);
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                warn!(job = %run.job, "{} could not be removed: {error}", dir.display());
            }
            _ => crash::point("folder-removed"),
        }
    }
}
