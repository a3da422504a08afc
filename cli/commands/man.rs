//! `gristmill completions` and `gristmill man`: made from the command line's own definition.

use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;

use crate::args::Cli;
use crate::exit::Exit;
use crate::stdout;

/// Prints a shell's completion script.
///
/// # Errors
/// When stdout cannot be written.
pub fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "gristmill", &mut script);
    stdout::print(&script)?;
    Ok(Exit::Complete)
}

/// Writes one man page per subcommand into `dir`.
///
/// # Errors
/// When the folder cannot be made or a page not be written.
pub fn man(dir: &Path) -> anyhow::Result<Exit> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    clap_mangen::generate_to(Cli::command(), dir)
        .with_context(|| format!("cannot write the man pages into {}", dir.display()))?;
    Ok(Exit::Complete)
}
