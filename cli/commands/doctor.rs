//! `gristmill doctor`: is this broker fit?

use crate::args::DoctorArgs;
use crate::broker;
use crate::exit::Exit;

/// Runs the command.
///
/// # Errors
/// When the broker cannot be asked.
pub fn doctor(args: &DoctorArgs) -> anyhow::Result<Exit> {
    let _ = broker::options(&args.broker, "doctor")?;
    Ok(Exit::Complete)
}
