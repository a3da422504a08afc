//! Where the output of `run` goes: a folder, stdout with files beside it, or object storage.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::temp_folder::TempFolder;
use gristmill_input::is_url;
use gristmill_reducer::{Destination, OutputDir};

use crate::args::RunArgs;
use crate::exit::usage;
use crate::kind_command::TypedJob;
use crate::pipeline::Settings;
use crate::publish::{Over, Publication, UploadError};
use crate::stdout;

/// An output that goes to object storage once it is complete, and the folder where it is made.
pub struct Remote {
    publication: Publication,
    folder: TempFolder,
}

impl Remote {
    /// Puts the output there; false after a stop.
    pub fn publish(self, stop: &Shutdown) -> anyhow::Result<bool> {
        match self.publication.publish(self.folder.path(), stop) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.downcast_ref(), Some(UploadError::Interrupted)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Opens the place that `-o` names.
///
/// # Errors
/// A usage error, or the reason why it cannot be written to.
pub fn destination(
    job: &TypedJob<RunArgs>,
    settings: &Settings,
) -> anyhow::Result<(Destination, Option<Remote>)> {
    let args = &job.command;
    let Some(url) = args.output.to_str().filter(|url| is_url(url.as_bytes())) else {
        return Ok((local(job)?, None));
    };
    no_side_files(args)?;
    let over = match args.force {
        true => Over::Output,
        false => Over::Nothing,
    };
    let publication = Publication::claim(url, &job.spec, over)?;
    let folder = TempFolder::new(&settings.tmp, "out");
    let folder = folder.with_context(|| format!("--tmp {}", settings.tmp.display()))?;
    let output = OutputDir::open(folder.path(), false)?;
    let remote = Remote {
        publication,
        folder,
    };
    Ok((Destination::Dir(output), Some(remote)))
}

/// A folder has its own files for what `--quarantine` and `--manifest` name.
fn no_side_files(args: &RunArgs) -> anyhow::Result<()> {
    match side_files(args).next() {
        Some((option, _)) => Err(usage(format!(
            "{option} goes with -o -; a folder has its own"
        ))),
        None => Ok(()),
    }
}

/// The files beside stdout that are named, each with its option.
fn side_files(args: &RunArgs) -> impl Iterator<Item = (&'static str, &Path)> {
    let sides = [
        ("--quarantine", &args.quarantine),
        ("--manifest", &args.manifest),
    ];
    sides
        .into_iter()
        .filter_map(|(option, path)| Some((option, path.as_deref()?)))
}

/// Refuses side files that would replace something, as an output folder does.
fn check_side_files(job: &TypedJob<RunArgs>) -> anyhow::Result<()> {
    let args = &job.command;
    if args.force && side_files(args).next().is_none() {
        return Err(usage(
            "--force replaces an output folder; with -o - there is none",
        ));
    }
    if args.quarantine.is_some() && args.quarantine == args.manifest {
        return Err(usage("--quarantine and --manifest name one file"));
    }
    for (option, path) in side_files(args) {
        // A device or a pipe takes what comes.
        let Ok(metadata) = path.metadata() else {
            continue;
        };
        if !metadata.is_file() {
            continue;
        }
        let path = path.display();
        let place = (metadata.dev(), metadata.ino());
        let is_input = |input: &OsString| {
            let input = std::fs::metadata(input);
            input.is_ok_and(|input| (input.dev(), input.ino()) == place)
        };
        if job.inputs.iter().any(is_input) {
            return Err(usage(format!("{option} {path}: it is an input")));
        }
        if !args.force {
            return Err(usage(format!(
                "{option} {path}: exists: --force replaces it"
            )));
        }
    }
    Ok(())
}

fn local(job: &TypedJob<RunArgs>) -> anyhow::Result<Destination> {
    let args = &job.command;
    if args.output == Path::new("-") {
        if job.spec.partitions > 1 {
            return Err(usage(
                "--partitions above 1 needs a folder (-o OUT): stdout is one part",
            ));
        }
        if job.spec.compress.is_some() && std::io::stdout().is_terminal() {
            return Err(usage(
                "--compress: a terminal shows no compressed data; redirect it, or name a folder (-o OUT)",
            ));
        }
        check_side_files(job)?;
        let stdout = Box::new(stdout::open()?);
        return Ok(Destination::stream(
            stdout,
            args.quarantine.clone(),
            args.manifest.clone(),
        )?);
    }
    no_side_files(args)?;
    let folder = OutputDir::open(&args.output, args.force).map_err(|error| {
        if error.is_usage() {
            usage(error.to_string())
        } else {
            anyhow::Error::from(error)
        }
    })?;
    Ok(Destination::Dir(folder))
}
