//! The user's program that reduces a partition: `key TAB value` lines in, its part file out.
//!
//! Both stream: a partition may be larger than memory. It must not know how pairs were sorted or
//! where the output goes.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use gristmill_common::counters::Counter;
use gristmill_common::reduce_program::{ReduceFault, ReduceProgram};
use gristmill_common::spec::Exec;

use super::call::{Ending, How};
use super::child::Keeper;
use super::host::Host;
use super::pool::Pool;
use super::pump::{Moved, Pump};
use super::python;
use super::recipe::Recipe;
use crate::engine::job_file::JobFile;
use crate::engine::prepared::SpecError;

/// How much is read before it is written on, in bytes.
const BLOCK: usize = 256 << 10;

/// Runs the reduce program of one job.
pub struct GroupReducer {
    recipe: Recipe,
    pool: Arc<Pool>,
    /// Where the program's files are that came with the job.
    _code: Option<JobFile>,
}

/// Why a program was ended.
enum Stopped {
    /// It neither read nor wrote for as long as it may.
    Idle,
    /// What it is fed from, or what it writes to, failed.
    Broken(io::Error),
}

impl GroupReducer {
    /// Finds the reduce program of a job, if it has one.
    ///
    /// # Errors
    /// When it is not here.
    pub fn of(exec: &Exec, host: &Host) -> Result<Option<Arc<dyn ReduceProgram>>, SpecError> {
        Self::with(exec, None, host)
    }

    /// The same for a job that came from elsewhere, with its program's files in `code`.
    ///
    /// # Errors
    /// When it is not here, or not what the job says.
    pub(crate) fn from_elsewhere(
        exec: &Exec,
        code: &JobFile,
        host: &Host,
    ) -> Result<Option<Arc<dyn ReduceProgram>>, SpecError> {
        let host = super::from_elsewhere(exec, code, host)?;
        Self::with(exec, Some(code.clone()), &host)
    }

    fn with(
        exec: &Exec,
        code: Option<JobFile>,
        host: &Host,
    ) -> Result<Option<Arc<dyn ReduceProgram>>, SpecError> {
        let Some(reducer) = exec.reducer() else {
            return Ok(None);
        };
        let pool = Pool::new(host, exec)
            .map_err(|error| SpecError(format!("exec: cannot start programs: {error}")))?;
        let recipe = python::reducer(&reducer.program, exec, host, pool.rooms())?;
        let runner = Self {
            recipe,
            pool,
            _code: code,
        };
        if python::is_python(&reducer.program) {
            // What is wrong with the module shows when there is nothing to reduce.
            let tried = runner.reduce(0, &mut io::empty(), &mut io::sink());
            tried.map_err(|why| SpecError(format!("exec: {why}")))?;
        }
        Ok(Some(Arc::new(runner)))
    }

    fn run(
        &self,
        keeper: &Keeper,
        partition: u32,
        pairs: &mut dyn Read,
        output: &mut dyn Write,
    ) -> io::Result<(Ending, Option<Stopped>)> {
        let number = partition.to_string().into_bytes();
        let variables = [
            ("GRISTMILL_PARTITION", number.clone()),
            ("mapreduce_task_partition", number),
        ];
        let mut call = self.recipe.call(keeper.folder(), None, &variables, false);
        // How long it takes depends on how much there is: it is ended only when nothing moves.
        call.timeout = None;
        let mut pump = Pump::new(keeper.run(call, None)?, true)?;
        let patience = Duration::from_secs(self.recipe.exec.timeout);
        let stopped = match feed(&mut pump, patience, pairs, output) {
            Ok(true) => None,
            Ok(false) => Some(Stopped::Idle),
            Err(error) => Some(Stopped::Broken(error)),
        };
        if stopped.is_some() {
            keeper.kill();
        }
        Ok((keeper.wait(), stopped))
    }

    /// What is wrong with how it ended, in words, if anything is, and whether it is this place's
    /// fault.
    fn fault(&self, ending: &Ending, stopped: Option<Stopped>) -> Option<(bool, String)> {
        let exec = &self.recipe.exec;
        let fault = match (stopped, &ending.how) {
            (Some(Stopped::Broken(error)), _) => (true, error.to_string()),
            (Some(Stopped::Idle), _) => {
                let timeout = exec.timeout;
                let what = format!(
                    "killed after {timeout} s in which it neither read nor wrote (--timeout)"
                );
                (false, what)
            }
            (None, How::Exit(status)) if self.recipe.is_ok(*status) => match ending.left {
                0 => return None,
                _ => {
                    let what = "ended and left processes behind, which were killed";
                    (false, what.into())
                }
            },
            (None, how) => {
                // What starts elsewhere may be too little for here: memory, processes.
                let here = matches!(how, How::Killed | How::Lost | How::NotStarted(_));
                (here, how.words(exec))
            }
        };
        Some(fault)
    }
}

impl ReduceProgram for GroupReducer {
    fn reduce(
        &self,
        partition: u32,
        pairs: &mut dyn Read,
        output: &mut dyn Write,
    ) -> Result<Vec<Counter>, ReduceFault> {
        let cannot =
            |error: io::Error| ReduceFault::Here(format!("cannot run the reduce program: {error}"));
        let mut held = self.pool.take().map_err(cannot)?;
        if self.pool.is_stopping() {
            return Err(ReduceFault::Here("stopped".into()));
        }
        let keeper = &held.place().map_err(cannot)?.keeper;
        let (ending, stopped) = self.run(keeper, partition, pairs, output).map_err(cannot)?;
        match ending.how {
            How::Lost => held.discard(),
            _ => keeper.tidy().map_err(cannot)?,
        }
        let lost = ending.how == How::Lost;
        let Some((here, fault)) = self.fault(&ending, stopped) else {
            return Ok(ending.counters);
        };
        let said = String::from_utf8_lossy(&ending.stderr);
        let said = match said.trim_end() {
            "" => String::new(),
            said => format!("\n{said}"),
        };
        let what = format!("the reduce program failed at partition {partition}: {fault}{said}");
        Err(match here {
            true if lost => ReduceFault::Lost(what),
            true => ReduceFault::Here(what),
            false => ReduceFault::Program(what),
        })
    }
}

impl std::fmt::Debug for GroupReducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupReducer").finish_non_exhaustive()
    }
}

/// Feeds a program and passes on what it writes, until it has closed its output; false when nothing
/// moved for too long.
fn feed(
    pump: &mut Pump,
    patience: Duration,
    pairs: &mut dyn Read,
    output: &mut dyn Write,
) -> io::Result<bool> {
    let mut block = vec![0; BLOCK];
    let (mut at, mut filled) = (0, 0);
    let mut ended = false;
    let mut written = Vec::new();
    loop {
        if at == filled && !ended {
            (at, filled) = (0, pairs.read(&mut block)?);
            ended = filled == 0;
            if ended {
                pump.close_input();
            }
        }
        let mut pending = &block[at..filled];
        let moved = pump.turn(&mut pending, &mut written, Some(patience))?;
        at = filled - pending.len();
        match moved {
            Moved::Some => {}
            Moved::Nothing => return Ok(false),
            Moved::Ended => {
                output.write_all(&written)?;
                return Ok(true);
            }
        }
        if written.len() >= BLOCK {
            output.write_all(&written)?;
            written.clear();
        }
    }
}
