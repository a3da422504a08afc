//! One file per subcommand: validated arguments in, an exit code out.

pub mod man;
pub mod run;
pub mod tagger;
pub mod verify;
