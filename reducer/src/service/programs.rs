//! The jobs of this reducer with a reduce program of the user's: each is claimed only where its
//! program may run and is ready. It must not know who makes programs ready.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use gristmill_common::deaths::{self, Begun, SUSPECT};
use gristmill_common::job::JobRun;
use gristmill_common::progress::Role;
use gristmill_common::reduce_program::ReduceProgram;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::spec::Shape;
use gristmill_jobs::left_alone::LeftAlone;
use gristmill_jobs::programs::{NotReady, ReducePrograms};
use gristmill_jobs::registry::{Code, Job, JobTable, Submission};
use gristmill_jobs::worker::Worker;
use tokio::sync::mpsc;
use tracing::info;

use super::ledger::StateDir;
use super::turns::Turns;
use crate::engine::error::FileError;

/// So many programs are made ready, or wait for their jobs' claims, at a time: each may have files
/// of hundreds of megabytes.
const MOST: usize = 16;

/// The folder of a run in which it is counted how often its program was begun to be made ready.
const PROGRAM: &str = "program";

/// The programs of one reducer.
pub(super) struct Programs {
    source: Arc<dyn ReducePrograms>,
    worker: Worker,
    state_dir: StateDir,
    turns: Arc<Turns>,
    known: HashMap<JobRun, Known>,
    left_alone: LeftAlone,
    say: mpsc::UnboundedSender<Made>,
    hear: mpsc::UnboundedReceiver<Made>,
}

/// A job whose program is made ready or is.
struct Known {
    /// Ends the program.
    stop: Shutdown,
    program: Option<Arc<dyn ReduceProgram>>,
}

/// One program that is made ready.
struct Making {
    source: Arc<dyn ReducePrograms>,
    worker: Worker,
    /// Where it is counted how often a reducer ended meanwhile.
    dir: PathBuf,
    turns: Arc<Turns>,
    stop: Shutdown,
}

impl Making {
    /// Makes it ready, unless reducers have ended over that too often. After a few deaths no other
    /// program is run or made ready meanwhile.
    fn make_ready(
        &self,
        run: &JobRun,
        submission: &Submission,
    ) -> Result<Arc<dyn ReduceProgram>, NotReady> {
        let here = |error| {
            let error = FileError::new("count how often it was begun in", &self.dir)(error);
            NotReady::Here(format!("its reduce program: {error}"))
        };
        let died = deaths::deaths(&self.dir).map_err(here)?;
        if died >= deaths::MOST {
            let alone = deaths::MOST - SUSPECT;
            return Err(NotReady::Here(format!(
                "{died} times a reducer of this folder ended while it made the reduce program ready, the                  last {alone} while no other program ran there (was it out of memory?)"
            )));
        }
        let turn = self.turns.take(died >= SUSPECT, || self.stop.is_stopping());
        let _turn = turn.ok_or(NotReady::Stopped)?;
        let begun = Begun::new(&self.dir).map_err(here)?;
        let made = (self.source).make_ready(&self.worker, (run, submission), &self.stop);
        begun.clear().map_err(here)?;
        made
    }
}

/// What a job's thread gets.
#[derive(Default)]
pub(super) struct Program {
    /// None for a job without one.
    pub(super) program: Option<Arc<dyn ReduceProgram>>,
    /// Ends the program; the thread is stopped by it, too.
    pub(super) stop: Shutdown,
}

/// What came of making a program ready.
pub(super) struct Made {
    pub(super) run: JobRun,
    /// What it was submitted with then.
    code: Option<Code>,
    made: Result<Arc<dyn ReduceProgram>, NotReady>,
}

impl Programs {
    pub(super) fn new(
        source: &Arc<dyn ReducePrograms>,
        worker: &Worker,
        state_dir: &StateDir,
        turns: &Arc<Turns>,
    ) -> Self {
        let (say, hear) = mpsc::unbounded_channel();
        Self {
            source: Arc::clone(source),
            worker: worker.clone(),
            state_dir: state_dir.clone(),
            turns: Arc::clone(turns),
            known: HashMap::new(),
            left_alone: LeftAlone::new(Role::Reduce, &worker.progress),
            say,
            hear,
        }
    }

    /// Whether a job can be worked on as far as its program goes; if it has one that is not known,
    /// it is made ready.
    pub(super) fn is_ready(&mut self, job: &Job) -> bool {
        if job.submission.spec.kind.shape() != Shape::Grouped {
            return true;
        }
        let run = job.run();
        if self.left_alone.contains(&run) {
            return false;
        }
        if let Some(known) = self.known.get(&run) {
            return known.program.is_some();
        }
        if self.known.len() >= MOST {
            return false;
        }
        info!(job = %job.name, "looking for its reduce program");
        let stop = Shutdown::new();
        let known = Known {
            stop: stop.clone(),
            program: None,
        };
        self.known.insert(run.clone(), known);
        let say = self.say.clone();
        let submission = job.submission.clone();
        let making = Making {
            source: Arc::clone(&self.source),
            worker: self.worker.clone(),
            dir: self.state_dir.run(&run).join(PROGRAM),
            turns: Arc::clone(&self.turns),
            stop,
        };
        self.worker.runtime.spawn_blocking(move || {
            let made = making.make_ready(&run, &submission);
            let code = submission.code;
            // The reducer may have stopped.
            let _ = say.send(Made { run, code, made });
        });
        false
    }

    /// Waits for what came of a program. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Made {
        match self.hear.recv().await {
            Some(made) => made,
            // Never: a sender is kept here.
            None => std::future::pending().await,
        }
    }

    /// Takes what came of a program; gives back why a job ends by it, if it does.
    pub(super) fn take(&mut self, made: Made) -> Option<NotReady> {
        let Made { run, code, made } = made;
        let known = self.known.get_mut(&run)?;
        match made {
            Ok(program) => {
                known.program = Some(program);
                None
            }
            Err(why) => {
                self.known.remove(&run);
                match why {
                    NotReady::Here(reason) => {
                        self.left_alone.add(&run, code, reason);
                        None
                    }
                    NotReady::Stopped => None,
                    why => Some(why),
                }
            }
        }
    }

    /// The program of a job that is worked on from now on: the next time it is made ready anew.
    pub(super) fn hand_over(&mut self, run: &JobRun) -> Program {
        match self.known.remove(run) {
            Some(known) => Program {
                program: known.program,
                stop: known.stop,
            },
            None => Program::default(),
        }
    }

    /// Ends what is of jobs that are not active any more, or belong to other directories than this.
    pub(super) fn tidy(&mut self, table: &JobTable, directory: &str) {
        self.left_alone.tidy(table);
        self.known.retain(|run, known| {
            let wanted = table.active(run).is_some_and(|job| {
                let claim = job.claim.as_ref();
                claim.is_none_or(|claim| claim.directory == directory)
            });
            if !wanted {
                known.stop.advance(Stage::Aborted);
            }
            wanted
        });
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        for known in self.known.values() {
            known.stop.advance(Stage::Aborted);
        }
    }
}
