//! A worker that stays: it is greeted once, gets batches of units and answers each unit in order.

use std::io;
use std::time::{Duration, Instant};

use gristmill_common::spec::{Each, Exec, Out};

use super::call::Ending;
use super::child::Keeper;
use super::frame::{self, Said};
use super::pump::{Moved, Pump};
use super::recipe::Recipe;
use super::unit::Failed;

/// The least time for loading code and models.
const SETUP: Duration = Duration::from_secs(600);

/// The largest batch, in bytes, of a worker that does not say which it wants. For larger ones the
/// allocators of most workers ask the system for pages each time.
const BATCH: usize = 64 << 10;
/// The largest batch that a worker may want, in bytes.
const MOST_BATCH: usize = 1 << 20;

/// A worker that runs under a keeper.
pub(super) struct Warm {
    pump: Pump,
    inbox: Vec<u8>,
    /// Where in the inbox the next frame begins.
    at: usize,
    /// Units that it has answered.
    pub(super) answered: u64,
    /// The largest batch that it wants, in bytes.
    pub(super) batch: usize,
}

/// Why there is no frame.
pub(super) enum Silence {
    /// The worker has closed its end, or it is dead.
    Ended,
    /// Nothing came for as long as was allowed.
    TooLong,
    /// What came is no frame.
    Garbage(String),
}

impl Warm {
    /// Starts a worker and waits until it is ready.
    ///
    /// # Errors
    /// When it says that it cannot work, or does not say that it can.
    pub(super) fn start(recipe: &Recipe, keeper: &Keeper) -> io::Result<Result<Self, Failed>> {
        let exec = &recipe.exec;
        let call = recipe.call(keeper.folder(), None, &[], true);
        let mut warm = Self {
            pump: Pump::new(keeper.run(call, None)?, true)?,
            inbox: Vec::new(),
            at: 0,
            answered: 0,
            batch: BATCH,
        };
        let each = match exec.each {
            Each::Document => "document",
            Each::Record => "record",
            Each::Chunk => "chunk",
        };
        let out = match exec.out {
            _ if exec.reduce.is_some() => "pairs",
            Out::Lines => "lines",
            Out::Json => "json",
            Out::Frames => "frames",
            Out::File => "file",
        };
        let hello = frame::hello(each, out, exec.timeout);
        let mut outbox = &hello[..];
        let patience = SETUP.max(Duration::from_secs(exec.timeout));
        let said = loop {
            match warm.hear(&mut outbox, Instant::now() + patience)? {
                Ok(Said::Hello(json)) => break speaks(json),
                Ok(Said::Fail(text)) => break Err(String::from_utf8_lossy(text).into_owned()),
                Ok(Said::Log(text)) => log(text),
                Ok(Said::Ping(_)) => {}
                Ok(_) => break Err("it answers before it is asked".into()),
                Err(silence) => {
                    let ending = silence.end_of(keeper);
                    let reason = match silence {
                        Silence::TooLong => format!(
                            "killed after {} s in which it was not ready: imports and setup() may \
                             take ten minutes, or --timeout where that is longer",
                            patience.as_secs()
                        ),
                        silence => silence.reason(&ending, exec),
                    };
                    let stderr = ending.stderr;
                    return Ok(Err(Failed { reason, stderr }));
                }
            }
        };
        Ok(match said {
            Ok(batch) => {
                warm.batch = batch;
                keeper.renew(exec.cpu_time);
                Ok(warm)
            }
            Err(text) => {
                let ending = end_of(keeper);
                let (reason, details) = split(&text);
                let stderr = match details.is_empty() {
                    true => ending.stderr,
                    false => details.into(),
                };
                Err(Failed {
                    reason: reason.into(),
                    stderr,
                })
            }
        })
    }

    /// Writes from `outbox` and waits for the worker's next frame, until `deadline`.
    ///
    /// # Errors
    /// When a pipe fails.
    pub(super) fn hear(
        &mut self,
        outbox: &mut &[u8],
        deadline: Instant,
    ) -> io::Result<Result<Said<'_>, Silence>> {
        let found = loop {
            match frame::first(&self.inbox[self.at..]) {
                Ok(Some((_, len))) => break len,
                Ok(None) => {}
                Err(what) => return Ok(Err(Silence::Garbage(what))),
            }
            self.inbox.drain(..self.at);
            self.at = 0;
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pump.turn(outbox, &mut self.inbox, Some(left))? {
                Moved::Some => {}
                Moved::Ended => return Ok(Err(Silence::Ended)),
                Moved::Nothing => return Ok(Err(Silence::TooLong)),
            }
        };
        let start = self.at;
        self.at += found;
        match frame::first(&self.inbox[start..]) {
            Ok(Some((said, _))) => Ok(Ok(said)),
            // It was there a moment ago.
            _ => Ok(Err(Silence::Ended)),
        }
    }

    /// Writes from `outbox` what can be written without waiting.
    ///
    /// # Errors
    /// When a pipe fails.
    pub(super) fn push(&mut self, outbox: &mut &[u8]) -> io::Result<()> {
        let (pump, inbox) = (&mut self.pump, &mut self.inbox);
        pump.turn(outbox, inbox, Some(Duration::ZERO)).map(drop)
    }
}

impl Silence {
    /// Ends a worker; one that has closed its output may end by itself.
    pub(super) fn end_of(&self, keeper: &Keeper) -> Ending {
        match self {
            Silence::Ended => keeper.kill_later(),
            Silence::TooLong | Silence::Garbage(_) => keeper.kill(),
        }
        keeper.wait()
    }

    /// In words.
    pub(super) fn reason(&self, ending: &Ending, exec: &Exec) -> String {
        match self {
            Silence::Ended => {
                let how = ending.how.words(exec);
                format!("ended before it had answered, {how}")
            }
            Silence::TooLong => format!("killed after {} s (--timeout)", exec.timeout),
            Silence::Garbage(what) => format!("sent what is no answer: {what}"),
        }
    }
}

/// Ends a worker and everything that it started.
pub(super) fn end_of(keeper: &Keeper) -> Ending {
    keeper.kill();
    keeper.wait()
}

/// A line for the log.
pub(super) fn log(text: &[u8]) {
    tracing::info!("worker: {}", String::from_utf8_lossy(text).trim_end());
}

/// A reason, and the details behind its first newline.
pub(super) fn split(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// The largest batch that a worker wants, out of its greeting.
fn speaks(json: &[u8]) -> Result<usize, String> {
    #[derive(serde::Deserialize)]
    struct Hello {
        version: u32,
        batch: Option<usize>,
    }
    match serde_json::from_slice::<Hello>(json) {
        Ok(hello) if hello.version == frame::VERSION => {
            Ok(hello.batch.unwrap_or(BATCH).clamp(1, MOST_BATCH))
        }
        Ok(hello) => Err(format!(
            "it speaks version {} of the protocol, not {}",
            hello.version,
            frame::VERSION
        )),
        Err(error) => Err(format!("its greeting is no JSON object: {error}")),
    }
}
