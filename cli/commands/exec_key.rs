//! `gristmill exec-key`: a pair of keys, to vouch for programs that are run elsewhere.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use gristmill_jobs::registry::SecretKey;

use crate::exit::{Exit, usage};
use crate::stdout;

/// Options of `exec-key`.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  gristmill exec-key team.key
  gristmill produce exec --sign team.key --python tag.py:tag corpus/
  gristmill map --exec signed --exec-keys team.key.pub")]
pub struct ExecKeyArgs {
    /// The new file for the secret key; the public one goes beside it, to FILE.pub
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When a file is there already or cannot be written.
pub fn exec_key(args: &ExecKeyArgs) -> anyhow::Result<Exit> {
    let mut public = args.file.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    stdout::open()?;
    let (key, secret) = SecretKey::generate()?;
    write(&args.file, &secret, 0o600)?;
    if let Err(error) = write(&public, &key.public().line(), 0o644) {
        // Made a moment ago; half a pair is of no use.
        let _ = fs::remove_file(&args.file);
        return Err(error);
    }
    stdout::print(key.public().line().as_bytes())?;
    Ok(Exit::Complete)
}

/// Writes a new file. What is there already is never touched.
fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let shown = || path.display().to_string();
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(mode).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let path = path.display();
            return Err(usage(format!("{path} exists: a key is never overwritten")));
        }
        opened => opened.with_context(shown)?,
    };
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    written.with_context(|| {
        // Half a key is of no use.
        let _ = fs::remove_file(path);
        shown()
    })
}
