//! Running a processor so that a failure costs one record, not the chunk.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gristmill_common::crash;

use crate::engine::batch::Batch;
use crate::engine::output::Output;
use crate::engine::prepared::Prepared;
use crate::engine::processor::{ProcessError, Processor};

/// A processor that may panic.
pub(crate) struct Runner {
    processor: Box<dyn Processor>,
}

impl Runner {
    pub(crate) fn new(prepared: &Prepared) -> Self {
        Self {
            processor: prepared.processor(),
        }
    }

    /// Processes a batch; records that fail, by an error or a panic, are quarantined in `out`.
    /// `scratch` is an output of the same shape.
    pub(crate) fn run(
        &mut self,
        prepared: &Prepared,
        batch: &Batch<'_>,
        out: &mut Output,
        scratch: &mut Output,
    ) {
        // In the common case the results go where they belong without being copied. What `out`
        // holds before (records that are not UTF-8) is quarantine only, and kept in a failure.
        let kept = out.quarantined.len();
        if let Err(error) = self.attempt(prepared, batch, out) {
            out.quarantined.truncate(kept);
            out.clear_results();
            out.counts.clear();
            self.isolate(prepared, batch, error, out, scratch);
        }
    }

    /// Cuts a batch that failed until the records that fail are alone.
    fn isolate(
        &mut self,
        prepared: &Prepared,
        batch: &Batch<'_>,
        error: ProcessError,
        out: &mut Output,
        scratch: &mut Output,
    ) {
        if batch.count() > 1 {
            let (left, right) = batch.halves();
            for half in [left, right] {
                scratch.clear();
                match self.attempt(prepared, &half, scratch) {
                    Ok(()) => out.append(scratch),
                    Err(error) => self.isolate(prepared, &half, error, out, scratch),
                }
            }
            return;
        }
        let mut parts = batch.parts().to_vec();
        for part in &mut parts {
            if batch.count_of(part) == 1 {
                out.quarantine(part.piece, part.offset, &error.0, part.bytes);
                *part = part.emptied();
            }
        }
        // The documents stay present. If even that fails, there is no record left to blame.
        scratch.clear();
        let rest = Batch::new(batch.split(), batch.splitter(), parts);
        if self.attempt(prepared, &rest, scratch).is_ok() {
            out.append(scratch);
        }
    }

    fn attempt(
        &mut self,
        prepared: &Prepared,
        batch: &Batch<'_>,
        out: &mut Output,
    ) -> Result<(), ProcessError> {
        let call = AssertUnwindSafe(|| {
            for part in batch.parts() {
                crash::poison(part.bytes);
            }
            self.processor.process(batch, out)
        });
        match catch_unwind(call) {
            Ok(done) => done.and_then(|()| out.check()),
            Err(panic) => {
                // Its state may be anything now.
                self.processor = prepared.processor();
                Err(ProcessError(
                    format!("the processor panicked: {}", message_of(&*panic)).into(),
                ))
            }
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
