//! Runs reduce programs so that one that ends its reducer is not run for ever.
//!
//! Nobody is left to see such an end: it is found by what the run left. After a few deaths the
//! program runs alone, so that it does not suffer for another one's; after a few more the job
//! fails.

use std::io::{Read, Write};
use std::sync::Arc;

use gristmill_common::counters::Counter;
use gristmill_common::deaths::{Begun, MOST, SUSPECT, deaths};
use gristmill_common::job::JobRun;
use gristmill_common::reduce_program::{ReduceFault, ReduceProgram};
use gristmill_common::shutdown::Shutdown;
use tracing::warn;

use super::ledger::StateDir;
use super::turns::Turns;
use crate::engine::error::FileError;

/// The reduce program of one job, whose runs are counted.
#[derive(Debug)]
pub(super) struct Witness {
    pub(super) program: Arc<dyn ReduceProgram>,
    /// As it was typed.
    pub(super) words: String,
    pub(super) run: JobRun,
    pub(super) state_dir: StateDir,
    pub(super) turns: Arc<Turns>,
    pub(super) stop: Shutdown,
}

impl ReduceProgram for Witness {
    fn reduce(
        &self,
        partition: u32,
        pairs: &mut dyn Read,
        output: &mut dyn Write,
    ) -> Result<Vec<Counter>, ReduceFault> {
        let dir = self.state_dir.ledger(&self.run, partition);
        let here = |error| {
            let error = FileError::new("count the runs of its program in", &dir)(error);
            ReduceFault::Here(error.to_string())
        };
        let died = deaths(&dir).map_err(here)?;
        if died >= MOST {
            let alone = MOST - SUSPECT;
            return Err(ReduceFault::Program(format!(
                "the reduce program `{}` failed at partition {partition}: {died} times its reducer, or \
                 its keeper there, ended while it ran, the last {alone} while no other program ran there",
                self.words
            )));
        }
        let alone = died >= SUSPECT;
        if alone {
            let job = &self.run.job;
            warn!(%job, partition, "reducers ended while its reduce program ran ({died} times): it runs alone");
        }
        let stopped = || ReduceFault::Here("stopped".into());
        let turn = self.turns.take(alone, || self.stop.is_stopping());
        let _turn = turn.ok_or_else(stopped)?;
        let begun = Begun::new(&dir).map_err(here)?;
        let reduced = match self.program.reduce(partition, pairs, output) {
            Err(lost @ ReduceFault::Lost(_)) => {
                begun.stay();
                return Err(lost);
            }
            reduced => reduced?,
        };
        begun.clear().map_err(here)?;
        Ok(reduced)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;

    /// Looks at what a reducer that dies now would leave.
    #[derive(Debug, Default)]
    struct Looks(Mutex<Vec<usize>>);

    impl ReduceProgram for Looks {
        fn reduce(
            &self,
            _: u32,
            pairs: &mut dyn Read,
            output: &mut dyn Write,
        ) -> Result<Vec<Counter>, ReduceFault> {
            let copied = io::copy(pairs, output).map_err(|error| error.to_string());
            self.0.lock().unwrap().push(copied.unwrap() as usize);
            match self.0.lock().unwrap().len() {
                1 => Ok(Vec::new()),
                _ => Err(ReduceFault::Lost("lost its keeper".into())),
            }
        }
    }

    #[test]
    fn after_seven_deaths_a_program_is_not_started_again_and_its_job_fails() {
        let folder = tempfile::tempdir().unwrap();
        let looks = Arc::new(Looks::default());
        let witness = Witness {
            program: Arc::clone(&looks) as _,
            words: "./red.py --all".into(),
            run: JobRun::new(&"job".parse().unwrap(), 7),
            state_dir: StateDir::open(folder.path()).unwrap(),
            turns: Arc::default(),
            stop: Shutdown::new(),
        };
        let dir = witness.state_dir.ledger(&witness.run, 2);
        let reduce = || witness.reduce(2, &mut &b"a\t1\n"[..], &mut io::sink());
        let die = |times| {
            std::fs::create_dir_all(&dir).unwrap();
            for time in 0..times {
                std::fs::write(dir.join(format!(".begun-{time}")), "").unwrap();
            }
        };
        die(MOST - 1);
        assert_eq!(reduce(), Ok(Vec::new()));
        // It ended in sight: earlier deaths were not its doing.
        assert_eq!(deaths(&dir).unwrap(), 0);
        // One that ends its keeper is counted, too.
        assert_eq!(reduce(), Err(ReduceFault::Lost("lost its keeper".into())));
        die(MOST - 1);
        let Err(ReduceFault::Program(why)) = reduce() else {
            panic!("it was run");
        };
        assert!(
            why.contains("`./red.py --all` failed at partition 2: 7 times"),
            "{why}"
        );
        assert_eq!(*looks.0.lock().unwrap(), [4, 4]);
    }
}
