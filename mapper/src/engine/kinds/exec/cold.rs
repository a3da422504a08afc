//! A program that is started for every unit: the unit on its standard input or in a file, the
//! result on its standard output.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use gristmill_common::chunk::Stretch;
use gristmill_common::counters::Counter;
use gristmill_common::spec::Each;

use super::bound;
use super::call::{Ending, How};
use super::child::{Keeper, Pipes};
use super::pairs;
use super::pool::Pool;
use super::pump::{Moved, Pump};
use super::recipe::Recipe;
use super::render::{self, Origin};
use super::unit::{Failed, Unit};
use super::verdict::Verdict;
use crate::engine::batch::{Batch, Part};
use crate::engine::output::Output;
use crate::engine::processor::{ProcessError, Processor};

/// The most that a program may write for one unit, in bytes.
pub(super) const MOST_OUTPUT: usize = 64 << 20;
/// Where much goes through its pipes, a program gets larger ones.
const MUCH: usize = 128 << 10;
/// So often a keeper that is lost is started again for the same unit.
const ATTEMPTS: u32 = 3;

/// A document's file that a program has changed, or somebody else.
pub(super) const CHANGED: &str =
    "its file in the folder for temporary files does not hold what was read of it";

/// Starts a program for each unit of a batch.
pub(super) struct Cold {
    pub(super) recipe: Arc<Recipe>,
    /// The combiner, which gets the sorted output of each unit.
    pub(super) combine: Option<Arc<Recipe>>,
    pub(super) pool: Arc<Pool>,
    pub(super) verdict: Arc<Verdict>,
}

/// What a program wrote for one unit.
struct Written {
    result: Vec<u8>,
    /// On stderr.
    counters: Vec<Counter>,
}

impl Processor for Cold {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        for part in batch.parts() {
            match self.recipe.exec.each {
                // A document without a byte has no piece.
                Each::Chunk if part.bytes.is_empty() => {}
                Each::Document if part.is_empty() => {}
                Each::Chunk if self.recipe.exec.record_wise => self.piece(batch, part, out),
                Each::Chunk | Each::Document => self.unit(&Unit::of_part(batch, part), out),
                Each::Record => {
                    for unit in Unit::of_records(batch, part) {
                        self.unit(&unit, out);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Cold {
    /// Whether the job has failed or was stopped: nobody will see what comes of it.
    fn is_over(&self) -> bool {
        self.verdict.fatal().is_some() || self.pool.is_stopping()
    }

    fn unit(&self, unit: &Unit<'_>, out: &mut Output) {
        if self.is_over() {
            return;
        }
        match self.results(unit, out) {
            Ok(()) => self.verdict.success(),
            Err(failed) => {
                self.verdict.failure(&failed.reason, &failed.stderr);
                let each = match self.recipe.exec.record_wise {
                    true => Each::Record,
                    false => self.recipe.exec.each,
                };
                set_aside(unit, failed, each, out);
            }
        }
        bound::check(out, &self.verdict);
        self.pool.done(unit);
    }

    /// A piece, or what was cut of it: where its program fails it is cut in halves, until the
    /// records that fail are alone.
    fn piece(&self, batch: &Batch<'_>, part: &Part<'_>, out: &mut Output) {
        let unit = Unit::of_part(batch, part);
        if unit.records <= 1 {
            return self.unit(&unit, out);
        }
        if self.is_over() {
            return;
        }
        if self.results(&unit, out).is_ok() {
            self.verdict.success();
            return bound::check(out, &self.verdict);
        }
        let whole = Batch::new(batch.split(), batch.splitter(), vec![*part]);
        let (left, right) = whole.halves();
        for half in [left, right] {
            for part in half.parts() {
                self.piece(&half, part, out);
            }
        }
    }

    /// Adds what a unit's program writes, if it ends well.
    fn results(&self, unit: &Unit<'_>, out: &mut Output) -> Result<(), Failed> {
        self.run(&self.recipe, unit, self.pool.large(unit).as_deref())
            .and_then(|written| self.combined(unit, written))
            .and_then(|written| self.add(unit, written, out))
    }

    fn add(&self, unit: &Unit<'_>, written: Written, out: &mut Output) -> Result<(), Failed> {
        let result = &written.result[..];
        if let Some(reduce) = &self.recipe.exec.reduce {
            pairs::add(out, reduce, result).map_err(Failed::because)?;
        } else {
            let origin = Origin {
                document: &unit.part.piece.document,
                offset: unit.offset,
            };
            render::text(&mut out.bytes, self.recipe.exec.out, origin, result);
        }
        for counter in written.counters {
            out.counters.add(counter);
        }
        Ok(())
    }

    /// What the combiner makes of the pairs of one unit, if there is one.
    fn combined(&self, unit: &Unit<'_>, mut written: Written) -> Result<Written, Failed> {
        let Some(combine) = &self.combine else {
            return Ok(written);
        };
        let sorted = pairs::sorted(&written.result);
        let unit = Unit {
            content: &sorted,
            ..*unit
        };
        let combined = self.run(combine, &unit, None).map_err(|failed| Failed {
            reason: format!("the combiner: {}", failed.reason),
            ..failed
        })?;
        written.result = combined.result;
        written.counters.extend(combined.counters);
        Ok(written)
    }

    /// Runs a program over a unit, whose bytes are in the file `large` if there is one: what it
    /// wrote, if it ended well.
    fn run(
        &self,
        recipe: &Recipe,
        unit: &Unit<'_>,
        large: Option<&Path>,
    ) -> Result<Written, Failed> {
        for attempt in 1..=ATTEMPTS {
            // A program gets at the file of the one before it.
            match large.map_or(Ok(true), |_| self.pool.is_unchanged(unit)) {
                Ok(true) => {}
                Ok(false) => return Err(Failed::because(CHANGED)),
                Err(error) => {
                    let reason = format!("cannot read a document's file: {error}");
                    self.verdict.fail_here(format!("exec: {reason}"));
                    return Err(Failed::because(reason));
                }
            }
            let tried = self.pool.take().and_then(|mut held| {
                let keeper = &held.place()?.keeper;
                let tried = Self::attempt(recipe, keeper, (unit, large), attempt)?;
                if tried.0.how == How::Lost {
                    held.discard();
                } else {
                    keeper.tidy()?;
                }
                Ok(tried)
            });
            match tried {
                Ok((ending, _)) if ending.how == How::Lost && attempt < ATTEMPTS => {}
                Ok((ending, result)) => return self.judge(recipe, ending, result),
                Err(error) => {
                    let reason = format!("cannot run a program: {error}");
                    self.verdict.fail_here(format!("exec: {reason}"));
                    return Err(Failed::because(reason));
                }
            }
        }
        Err(Failed::because("lost its keeper"))
    }

    fn attempt(
        recipe: &Recipe,
        keeper: &Keeper,
        (unit, large): (&Unit<'_>, Option<&Path>),
        attempt: u32,
    ) -> io::Result<(Ending, Option<Vec<u8>>)> {
        let name = (recipe.takes_file).then(|| keeper.free_name(unit.file_name()));
        let file = name.as_ref().map(|name| keeper.folder().join(name));
        let mut content = unit.content;
        let mut stdin = None;
        match (&file, large) {
            (Some(file), Some(large)) => {
                fs::hard_link(large, file).or_else(|_| fs::copy(large, file).map(drop))?;
            }
            (Some(file), None) => fs::write(file, std::mem::take(&mut content))?,
            (None, Some(large)) => stdin = Some(File::open(large)?),
            (None, None) => {}
        }
        let variables = unit.variables(attempt);
        let call = recipe.call(keeper.folder(), name.as_deref(), &variables, false);
        let pipes = keeper.run(call, stdin)?;
        let result = exchange(pipes, content)?;
        if result.is_none() {
            keeper.kill();
        }
        Ok((keeper.wait(), result))
    }

    fn judge(
        &self,
        recipe: &Recipe,
        ending: Ending,
        result: Option<Vec<u8>>,
    ) -> Result<Written, Failed> {
        let exec = &recipe.exec;
        let fails = |reason: String| {
            Err(Failed {
                reason,
                stderr: ending.stderr.clone(),
            })
        };
        let Some(result) = result else {
            return fails(format!("wrote more than {MOST_OUTPUT} bytes for one unit"));
        };
        match ending.how {
            How::Exit(status) if recipe.is_ok(status) => {}
            how => return fails(how.words(exec)),
        }
        if self.pool.echoes() {
            // Where stderr is closed there is nobody to show it to.
            let _ = io::stderr().write_all(&ending.stderr);
        }
        if result.is_empty() {
            self.verdict.silent(&ending.stderr);
        }
        if ending.left > 0 {
            // What they would have done is missing from the result, perhaps.
            return fails("ended and left processes behind, which were killed".into());
        }
        Ok(Written {
            result,
            counters: ending.counters,
        })
    }
}

/// Feeds a program and reads what it writes; `None` if that is too much.
fn exchange(pipes: Pipes, mut content: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut pump = Pump::new(pipes, content.len() > MUCH)?;
    let mut result = Vec::new();
    loop {
        if content.is_empty() {
            pump.close_input();
        }
        if pump.turn(&mut content, &mut result, None)? == Moved::Ended {
            return Ok(Some(result));
        }
        if result.len() > MOST_OUTPUT {
            return Ok(None);
        }
    }
}

/// Sets a unit aside: a record or document for itself, a piece as one stretch of records.
pub(super) fn set_aside(unit: &Unit<'_>, failed: Failed, each: Each, out: &mut Output) {
    let stretch = (each == Each::Chunk).then_some(Stretch {
        records: unit.records,
        bytes: unit.bytes.len() as u64,
    });
    let (piece, offset) = (unit.part.piece, unit.offset);
    let Failed { reason, stderr } = failed;
    out.set_aside(piece, offset, &reason, unit.bytes, stretch, &stderr);
}
