//! The mapper of Gristmill: chunks in, outcomes out.
//!
//! `engine` maps the bytes of one chunk, `work` does so on threads for the chunks that a transport
//! hands over, and `service` finds the jobs of a broker to work on. `programs` says whose programs
//! a worker runs.

mod engine;
mod programs;
mod service;
mod work;

pub use engine::batch::{Batch, Part, Record};
pub use engine::grouped::Grouped;
pub use engine::job_file::JobFile;
pub use engine::kinds::exec::{
    CONFINED, Confinement, GroupReducer, Host, KEEPER, Reran, Rerun, Trial, Tried, can_confine,
    confined, keep_private, keeper,
};
pub use engine::kinds::{FieldSeen, Survey, field_names, name_format, name_model, survey};
pub use engine::mapper::{Mapped, Mapper};
pub use engine::output::Output;
pub use engine::prepared::{Prepared, SpecError};
pub use engine::processor::{ProcessError, Processor};
pub use engine::table::{RowId, Table};
pub use programs::{AllowedPrograms, ExecGate, ExecPolicy, ExecSettings, Reducing};
pub use service::{ServeError, Settings, serve};
pub use work::assignment::{Assignment, Inputs, Limits, MapError};
pub use work::isolate::{SUBCOMMAND, child};
pub use work::split::{READER, read_apart};
pub use work::work;
