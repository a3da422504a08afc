//! Whether a job is one that this mapper can work on, as far as its submission tells.

use gristmill_common::plan_summary::Sent;
use gristmill_common::spec::{Kind, SPEC_VERSION};
use gristmill_jobs::registry::Job;

use crate::work::assignment::Inputs;

/// Whether a job runs the user's own program.
pub(super) fn runs_program(job: &Job) -> bool {
    matches!(job.submission.spec.kind, Kind::Exec(_))
}

/// Whether mappers read some or all of a job's splits.
pub(super) fn is_read_here(job: &Job) -> bool {
    job.submission.plan_summary.sent.has_accounts()
}

/// Messages of up to 12 MiB each that a mapper has in hand beside those that threads work on.
const FILES_AHEAD: usize = 4;

/// How many messages so many threads take of a job whose splits mappers read. A split named is of
/// up to minutes of work; one whose files came along is of up to seconds, and a thread that is done
/// with it should not wait for the next.
pub(super) fn in_hand_of_splits(job: &Job, threads: usize) -> usize {
    match job.submission.plan_summary.sent {
        Sent::Files => threads + threads.min(FILES_AHEAD),
        Sent::Chunks | Sent::Splits => threads,
    }
}

/// Why a job whose sources mappers open cannot be worked on here, if it cannot.
pub(super) fn unreadable(job: &Job, inputs: &Inputs) -> Option<String> {
    let opened_here = job.submission.plan_summary.sent == Sent::Splits;
    (opened_here && inputs.is_empty()).then(|| {
        "it was sent as splits, and this mapper may read no folder: start it with --inputs DIR or URL"
            .into()
    })
}

/// Why a job is not for this version of the program, if it is not.
pub(super) fn foreign(job: &Job) -> Option<String> {
    let submission = &job.submission;
    let spec = &submission.spec;
    if spec.version != SPEC_VERSION {
        return Some(format!(
            "its spec has version {}, this program knows {SPEC_VERSION}",
            spec.version
        ));
    }
    if submission.processor != spec.kind.version() {
        return Some(format!(
            "it wants version {} of {}, this program has {}",
            submission.processor,
            spec.kind.name(),
            spec.kind.version()
        ));
    }
    None
}
