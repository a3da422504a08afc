//! Units through workers: batches on their way, answers in order, and a unit that kills its worker
//! found and set aside.
//!
//! A unit at which a worker was silent for too long is set aside if it is known which one that is.
//! When a worker dies otherwise, the units that it had not answered are given to a new one, one at
//! a time. A unit is set aside when it ends a worker that had nothing before it: then neither its
//! neighbours nor what the worker did earlier can be the cause.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill_common::counters::Counters;
use gristmill_common::spec::Each;

use super::answers::{Answers, UNASKED, failure, settle};
use super::bound;
use super::child::Keeper;
use super::cold::set_aside;
use super::frame::{self, Said};
use super::large_units;
use super::pace::Pace;
use super::pool::{Held, Place, Pool};
use super::position::Position;
use super::recipe::Recipe;
use super::stop::{Stop, cannot_start};
use super::sure::Sure;
use super::unit::{Failed, Unit};
use super::verdict::Verdict;
use super::warm::{Silence, Warm, end_of, log};
use crate::engine::batch::Batch;
use crate::engine::output::Output;
use crate::engine::processor::{ProcessError, Processor};

/// Batches that a worker has: one in work, one ahead.
const AHEAD: usize = 2;
/// The largest room for a batch that is kept for the next one: a new one costs its page faults.
const KEPT: usize = 2 << 20;

/// Gives the units of a batch to workers.
pub(super) struct Talk {
    pub(super) recipe: Arc<Recipe>,
    pub(super) pool: Arc<Pool>,
    pub(super) verdict: Arc<Verdict>,
    pace: Pace,
    /// What was counted in the batch in work: sure once it is ended.
    counted: Counters,
    /// Where in the batch in work the worker is.
    position: Position,
    /// When its processor time began anew.
    renewed: Instant,
    /// Room for a batch.
    message: Vec<u8>,
}

/// How far a talk came.
struct Asked {
    sent: usize,
    answered: usize,
    /// Why it ended early.
    died: Option<Failed>,
    /// The unit that it was silent at, counted from the first of the talk.
    hung: Option<usize>,
}

impl Asked {
    /// All that were sent are answered.
    fn all(sent: usize) -> Self {
        Self {
            sent,
            answered: sent,
            died: None,
            hung: None,
        }
    }
}

impl Processor for Talk {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        let mut units = Vec::new();
        for part in batch.parts() {
            if self.recipe.exec.each == Each::Record {
                units.extend(Unit::of_records(batch, part));
            } else if !part.is_empty() {
                units.push(Unit::of_part(batch, part));
            }
        }
        let pool = Arc::clone(&self.pool);
        let files = large_units::load(&self.recipe.exec, &pool, &self.verdict, &mut units, out);
        for (unit, bytes) in units.iter_mut().zip(&files) {
            if let Some(bytes) = bytes {
                unit.content = bytes;
            }
        }
        let done = pool
            .take()
            .and_then(|mut held| self.all(&mut held, &units, out));
        for unit in &units {
            self.pool.done(unit);
        }
        if let Err(error) = done {
            self.verdict
                .fail_here(format!("exec: cannot talk to a worker: {error}"));
        }
        Ok(())
    }
}

impl Talk {
    /// A worker for each thread.
    pub(super) fn new(recipe: Arc<Recipe>, pool: Arc<Pool>, verdict: Arc<Verdict>) -> Self {
        Self {
            recipe,
            pool,
            verdict,
            pace: Pace::new(),
            counted: Counters::default(),
            position: Position::new(),
            renewed: Instant::now(),
            message: Vec::new(),
        }
    }

    /// Sees every unit answered or set aside.
    fn all(&mut self, held: &mut Held<'_>, units: &[Unit<'_>], out: &mut Output) -> io::Result<()> {
        let mut at = 0;
        // Units before this one are asked one by one.
        let mut careful = 0;
        // A unit that a worker was silent at, when its turn comes.
        let mut hung: Option<(usize, Failed)> = None;
        while at < units.len() {
            if self.verdict.fatal().is_some() || self.pool.is_stopping() {
                return Ok(());
            }
            if let Some((_, failed)) = hung.take_if(|(hung, _)| *hung == at) {
                self.give_up(&units[at], failed, out);
                at += 1;
                continue;
            }
            let place = held.place()?;
            if place.warm.is_none() {
                match Warm::start(&self.recipe, &place.keeper)? {
                    Ok(warm) => place.warm = Some(warm),
                    Err(_) if self.pool.is_stopping() => return Ok(()),
                    Err(failed) => {
                        self.verdict
                            .fail_here(format!("exec: {}", cannot_start(&failed)));
                        return Ok(());
                    }
                }
            }
            let fresh = place.warm.as_ref().is_some_and(|warm| warm.answered == 0);
            let end = hung.as_ref().map_or(units.len(), |(hung, _)| *hung);
            let until = if at < careful { at + 1 } else { end };
            let asked = self.ask(place, &units[at..until], out)?;
            let first = at;
            at += asked.answered;
            let Some(failed) = asked.died else { continue };
            place.warm = None;
            if place.keeper.is_gone() {
                held.discard();
            }
            // Where one record kills, others may: with small batches few are asked one by one.
            self.pace = Pace::new();
            if self.pool.is_stopping() {
                return Ok(());
            }
            let pending = asked.sent - asked.answered;
            if let Some(at) = asked.hung {
                hung = Some((first + at, failed));
            } else if fresh && pending == 1 && asked.answered == 0 {
                self.give_up(&units[at], failed, out);
                at += 1;
            } else {
                careful = careful.max(at + pending.max(1));
            }
        }
        self.recycle(held)
    }

    /// Sets a unit aside that ends workers.
    fn give_up(&self, unit: &Unit<'_>, failed: Failed, out: &mut Output) {
        self.verdict.failure(&failed.reason, &failed.stderr);
        set_aside(unit, failed, self.recipe.exec.each, out);
    }

    /// Ends a worker that has done its share, or whose stderr is to be shown.
    fn recycle(&self, held: &mut Held<'_>) -> io::Result<()> {
        let place = held.place()?;
        let answered = place.warm.as_ref().map_or(0, |warm| warm.answered);
        let exec = &self.recipe.exec;
        let done = exec.recycle.is_some_and(|most| answered >= most)
            || (exec.recycle_memory).is_some_and(|most| place.keeper.memory() > most);
        if place.warm.is_some() && (done || self.pool.echoes()) {
            place.warm = None;
            let ending = end_of(&place.keeper);
            if self.pool.echoes() {
                // Where stderr is closed there is nobody to show it to.
                let _ = io::stderr().write_all(&ending.stderr);
            }
            place.keeper.tidy()?;
        }
        Ok(())
    }

    /// Has units answered until all are, or the worker ends.
    fn ask(
        &mut self,
        place: &mut Place,
        units: &[Unit<'_>],
        out: &mut Output,
    ) -> io::Result<Asked> {
        let Place { warm, keeper } = place;
        let Some(warm) = warm else {
            return Err(io::Error::other("no worker"));
        };
        let timeout = Duration::from_secs(self.recipe.exec.timeout);
        let (mut sent, mut answered) = (0, 0);
        let mut ends: VecDeque<usize> = VecDeque::new();
        // What is sure: answers count once their batch is ended.
        let mut sure = Sure::new(0, out);
        self.begin_batch();
        let mut message = std::mem::take(&mut self.message);
        let mut outbox: &[u8] = &[];
        let mut batch_began = Instant::now();
        while sure.answered < units.len() {
            if outbox.is_empty() && ends.len() < AHEAD && sent < units.len() {
                let end = sent + self.pace.batch(&units[sent..], warm.batch);
                frame::batch(&mut message, &units[sent..end]);
                outbox = &message;
                ends.push_back(end);
                sent = end;
                warm.push(&mut outbox)?;
            }
            let end = ends.front().copied().unwrap_or(answered);
            let said = match warm.hear(&mut outbox, self.position.moved() + timeout)? {
                Ok(Said::End) if answered < end || ends.is_empty() => Err(Stop::garbage(format!(
                    "the end of a batch, {} records too early",
                    end - answered
                ))),
                Ok(Said::End) => {
                    ends.pop_front();
                    warm.answered += (answered - sure.answered) as u64;
                    settle(&self.recipe.exec, out);
                    out.counters.append(&self.counted);
                    self.begin_batch();
                    sure = Sure::new(answered, out);
                    self.pace.took(batch_began.elapsed(), warm.batch);
                    batch_began = Instant::now();
                    Ok(0)
                }
                Ok(said) => self.answer(said, &units[answered..end], out),
                Err(silence) => Err(Stop::Silence(silence)),
            };
            self.renew(keeper);
            bound::check(out, &self.verdict);
            let said = match self.verdict.fatal() {
                Some(_) => Err(Stop::Fail(Failed::because("the job has failed"))),
                None => said,
            };
            match said {
                Ok(got) => answered += got,
                Err(stop) => {
                    sure.restore(out);
                    let hung = matches!(stop, Stop::Silence(Silence::TooLong));
                    let place = || self.hung_at(sent, answered, sure.answered, end);
                    return Ok(Asked {
                        sent,
                        answered: sure.answered,
                        hung: hung.then(place).flatten(),
                        died: Some(stop.end(keeper, &self.recipe.exec)),
                    });
                }
            }
        }
        if message.capacity() <= KEPT {
            self.message = message;
        }
        Ok(Asked::all(sent))
    }

    /// Lets the worker's processor time begin anew if its time-out did.
    fn renew(&mut self, keeper: &Keeper) {
        let moved = self.position.moved();
        if std::mem::replace(&mut self.renewed, moved) < moved {
            keeper.renew(self.recipe.exec.cpu_time);
        }
    }

    fn begin_batch(&mut self) {
        self.counted.clear();
        self.position = Position::new();
    }

    /// The unit at which a worker hangs, if it is known: of those that were sent, so many are
    /// answered, so many for sure, and the batch ends at `end`.
    fn hung_at(&self, sent: usize, answered: usize, sure: usize, end: usize) -> Option<usize> {
        if sent - sure == 1 {
            return Some(sure);
        }
        // What it has answered in the batch is done, too.
        let done = self.position.done()?.max(answered - sure);
        Some(sure + done).filter(|at| *at < end)
    }

    /// Takes what a worker says; returns how many of the units that are `left` it answers.
    fn answer(
        &mut self,
        said: Said<'_>,
        left: &[Unit<'_>],
        out: &mut Output,
    ) -> Result<usize, Stop> {
        if let Said::Ping(done) = said {
            self.position.ping(done);
            return Ok(0);
        }
        self.position.moves();
        let exec = &self.recipe.exec;
        let mut answers = Answers {
            exec,
            verdict: &self.verdict,
            left,
            out,
        };
        let answered = match said {
            Said::Out(payload) => answers.outs(payload).map_err(Stop::garbage)?,
            Said::Text(payload) => answers.texts(payload).map_err(Stop::garbage)?,
            Said::Pairs(payload) => answers.pairs(payload).map_err(Stop::garbage)?,
            Said::Bad(text) => {
                let Some(unit) = left.first() else {
                    return Err(Stop::garbage(UNASKED.into()));
                };
                let failed = failure(text);
                self.verdict.failure(&failed.reason, &failed.stderr);
                set_aside(unit, failed, exec.each, out);
                return Ok(1);
            }
            Said::Fail(text) => return Err(Stop::Fail(failure(text))),
            Said::Hello(_) => return Err(Stop::garbage("a second greeting".into())),
            // Taken above, and by whoever counts batches.
            Said::Ping(_) | Said::End => 0,
            Said::Log(text) => {
                log(text);
                0
            }
            Said::Count(payload) => {
                let Some(counter) = frame::counter(payload) else {
                    return Err(Stop::garbage("a counter that is none".into()));
                };
                self.counted.add(counter);
                if let Some(excess) = self.counted.excess() {
                    self.verdict.fail(format!("exec: {excess}"));
                }
                0
            }
        };
        if answered > 0 {
            self.verdict.success();
        }
        Ok(answered)
    }
}
