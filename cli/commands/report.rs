//! `gristmill report`: an output folder as one HTML page.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::args::ReportArgs;
use crate::exit::{Exit, usage};
use crate::stdout;
use crate::verbosity::Verbosity;

/// Runs the command.
///
/// # Errors
/// When the folder is no output or the page cannot be written.
pub fn report(args: &ReportArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let page = gristmill_report::report(&args.folder)?;
    match &args.output {
        Some(file) if file == Path::new("-") => {
            stdout::print(page.html.as_bytes())?;
        }
        file => {
            let file = match file {
                Some(file) => file.clone(),
                None => beside(&args.folder)?,
            };
            write(&file, &page.html, args.force)?;
            if verbosity != Verbosity::Quiet {
                writeln!(std::io::stderr(), "{}", file.display())?;
            }
        }
    }
    Ok(match page.is_sound {
        true => Exit::Complete,
        false => Exit::Failed,
    })
}

/// Where the page of an output folder is written: OUT.report.html beside OUT, never in it.
///
/// # Errors
/// When the folder has no name of its own, such as `/`.
pub fn beside(folder: &Path) -> anyhow::Result<PathBuf> {
    let named = match folder.file_name() {
        Some(_) => folder.to_owned(),
        // `.` or `..`: its real name.
        None => folder.canonicalize().unwrap_or_default(),
    };
    let Some(name) = named.file_name() else {
        let folder = folder.display();
        return Err(usage(format!("{folder} has no name: say -o FILE")));
    };
    let mut name = name.to_owned();
    name.push(".report.html");
    Ok(named.with_file_name(name))
}

/// Writes a page. A file that exists is replaced only by `force`.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn write(file: &Path, html: &str, force: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    match force {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let opened = match options.open(file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let file = file.display();
            return Err(usage(format!("{file} exists: --force replaces it")));
        }
        opened => opened,
    };
    (opened.and_then(|mut file| file.write_all(html.as_bytes())))
        .with_context(|| format!("cannot write {}", file.display()))
}
