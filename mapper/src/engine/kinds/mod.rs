//! The built-in kinds, one file or folder each. ARCHITECTURE says where a new one goes.
//!
//! Each file has a `prepare` function that checks the options and builds what all threads share;
//! its result makes the processors.

mod access_log;
pub(crate) mod exec;
mod extract;
mod grep;
mod group_by;
mod pos;
mod wc;
mod word_count;

use std::sync::Arc;

use gristmill_common::spec::{JobSpec, Kind};

pub use group_by::{FieldSeen, Survey, field_names, name_format, survey};
pub use pos::name_model;

use crate::engine::job_file::JobFile;
use crate::engine::kinds::exec::{Host, Verdict};
use crate::engine::prepared::{Factory, SpecError};

/// What makes the processors of a job's kind.
pub(crate) fn factory(
    spec: &JobSpec,
    files: &[JobFile],
    host: &Host,
    verdict: &Arc<Verdict>,
) -> Result<Factory, SpecError> {
    match &spec.kind {
        Kind::WordCount(options) => Ok(word_count::prepare(options)),
        Kind::Grep(options) => grep::prepare(options, &spec.records),
        Kind::AccessLog(options) => access_log::prepare(options),
        Kind::Wc(_) => Ok(wc::prepare()),
        Kind::Extract(_) => extract::prepare(&spec.records),
        Kind::Pos(options) => pos::prepare(options, spec.format, files.first()),
        Kind::Exec(options) => exec::prepare(options, files.first(), host, verdict),
        Kind::GroupBy(options) => group_by::prepare(options, &spec.records),
    }
}
