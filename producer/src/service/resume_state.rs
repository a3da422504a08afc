//! How far an earlier attempt at a job came, as the log tells.

use std::collections::BTreeMap;

use gristmill_jobs::registry::{Job, Phase, Totals};

use super::checkpointer::Checkpoint;
use super::order::Order;
use super::submit_error::SubmitError;

/// How far the log says a job is when it is submitted.
pub(super) enum ResumeState {
    Fresh,
    Resumed(u64, Checkpoint),
    /// Everything is published.
    Sealed(u64),
    Finished(Totals),
}

impl ResumeState {
    pub(super) fn find(
        order: &Order<'_>,
        job: Option<&Job>,
        plan: u64,
    ) -> Result<Self, SubmitError> {
        let Some(job) = job else {
            return Ok(ResumeState::Fresh);
        };
        let over = match &job.phase {
            Phase::Cancelled => return Ok(ResumeState::Fresh),
            Phase::Finished(_) => true,
            Phase::Failed { .. } if order.force => true,
            Phase::Failed { .. } | Phase::Active => false,
        };
        if over && order.force {
            return Ok(ResumeState::Fresh);
        }
        let different = |what, hint| SubmitError::Different {
            job: order.name.clone(),
            what,
            hint,
        };
        let hint = match over {
            true => ", or run it anew with --force",
            false => "",
        };
        if job.submission.spec != *order.spec
            || job.submission.processor != order.spec.kind.version()
        {
            return Err(different("other options", hint));
        }
        // Inputs that cannot be read again have nothing to compare.
        if job.submission.plan != plan {
            return Err(different(
                "other inputs (names, sizes or times of change), or another --chunk-size or --send",
                hint,
            ));
        }
        if let Phase::Finished(totals) = job.phase {
            return Ok(ResumeState::Finished(totals));
        }
        let run = job.submission.run;
        let failed = matches!(job.phase, Phase::Failed { .. });
        if job.sealed.is_some() && job.missing.is_none() && !failed {
            return Ok(ResumeState::Sealed(run));
        }
        if !order.plan.is_repeatable() {
            return Err(SubmitError::Unrepeatable(order.name.clone()));
        }
        // What lay in the queues of a failed job may be lost with them.
        let splits = match failed {
            true => BTreeMap::new(),
            false => job.splits.clone(),
        };
        let missing = match &job.missing {
            Some((ids, count)) if ids.len() as u64 == *count && !failed => {
                Some(ids.iter().copied().collect())
            }
            _ => None,
        };
        let unknown = job.missing.is_some() && missing.is_none();
        Ok(ResumeState::Resumed(
            run,
            Checkpoint {
                splits: if unknown { BTreeMap::new() } else { splits },
                missing,
            },
        ))
    }
}
