//! `gristmill exec-key`: a pair of keys, to vouch for programs that are run elsewhere.

use std::fs::{self, OpenOptions};
use std::io::Write;
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
    for path in [&args.file, &public] {
        if path.exists() {
            let path = path.display();
            return Err(usage(format!("{path} exists: a key is never overwritten")));
        }
    }
    let (key, secret) = SecretKey::generate()?;
    write(&args.file, &secret, 0o600)?;
    write(&public, &key.public().line(), 0o644)?;
    stdout::print(key.public().line().as_bytes())?;
    Ok(Exit::Complete)
}

fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let written = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    written().with_context(|| {
        // Half a key is of no use.
        let _ = fs::remove_file(path);
        path.display().to_string()
    })
}
