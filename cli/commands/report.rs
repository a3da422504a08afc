//! `gristmill report`: an output as one HTML page.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use gristmill_input::is_url;
use gristmill_reducer::FolderFiles;
use gristmill_report::{Report, ReportError};

use crate::args::ReportArgs;
use crate::exit::{Exit, usage};
use crate::objects;
use crate::stdout;
use crate::verbosity::Verbosity;

/// Runs the command.
///
/// # Errors
/// When there is no output, or the page cannot be written.
pub fn report(args: &ReportArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let url = (args.output_folder.to_str()).filter(|url| is_url(url.as_bytes()));
    let page_file = match (&args.output, url) {
        (Some(file), _) if file == Path::new("-") => None,
        (Some(file), Some(_)) => Some(file.clone()),
        (Some(file), None) => Some(outside(file, &args.output_folder)?),
        (None, Some(url)) => Some(named_after(url)?),
        (None, None) => Some(beside(&args.output_folder)?),
    };
    if let Some(file) = &page_file {
        check_free(file, args.force)?;
    }
    let page = match url {
        Some(url) => gristmill_report::report(&*objects::output(url)?, None)?,
        None => of_folder(&args.output_folder, None)?,
    };
    match page_file {
        None => {
            stdout::print(page.html.as_bytes())?;
        }
        Some(file) => {
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

/// The page of an output folder; `took` is how long its job took, if that is known.
///
/// # Errors
/// When the folder is no output.
pub fn of_folder(folder: &Path, took: Option<Duration>) -> Result<Report, ReportError> {
    gristmill_report::report(&FolderFiles(folder), took)
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

/// Where the page of an output in object storage is written: NAME.report.html in the current
/// folder, of the last name in the URL.
fn named_after(url: &str) -> anyhow::Result<PathBuf> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let name = rest.trim_end_matches('/').rsplit('/').next();
    match name.filter(|name| !name.is_empty() && !name.contains('?')) {
        Some(name) => Ok(PathBuf::from(format!("{name}.report.html"))),
        None => Err(usage("the page has no name: say -o FILE")),
    }
}

/// The page's file, as it was typed, if it is not in the output folder: what is in there is the
/// manifest's, and a later run would refuse to replace the folder.
fn outside(file: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let parent = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // A link leads where it leads.
    let real = file.canonicalize().or_else(|_| parent.canonicalize());
    match (real, folder.canonicalize()) {
        (Ok(real), Ok(folder)) if real.starts_with(&folder) => Err(usage(format!(
            "-o {}: an output folder holds what its manifest lists and nothing else; choose a place \
             outside of it",
            file.display()
        ))),
        _ => Ok(file.to_owned()),
    }
}

/// Refuses a file that is there, before the work.
///
/// # Errors
/// When it is there and `force` is not given.
pub fn check_free(file: &Path, force: bool) -> anyhow::Result<()> {
    match !force && file.symlink_metadata().is_ok() {
        true => Err(usage(in_the_way(file))),
        false => Ok(()),
    }
}

fn in_the_way(file: &Path) -> String {
    format!("{} exists: --force replaces it", file.display())
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
        // It came while the page was made.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => anyhow::bail!(in_the_way(file)),
        opened => opened,
    };
    (opened.and_then(|mut file| file.write_all(html.as_bytes())))
        .with_context(|| format!("cannot write {}", file.display()))
}
