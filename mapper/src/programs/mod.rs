//! Who may have programs run on a worker, and how a program comes there: for mappers and reducers
//! alike.
//!
//! It must not know what chunks and partitions are.

mod allowed;
mod fetch;
mod interpreters;
mod permits;
mod policy;
mod reducing;
mod settings;
mod starts;

pub use allowed::AllowedPrograms;
pub(crate) use fetch::{Missing, fetch_file};
pub(crate) use permits::Permits;
pub use policy::{ExecGate, ExecPolicy};
pub use reducing::Reducing;
pub use settings::ExecSettings;
pub(crate) use starts::{Starts, Turn};
