//! `gristmill map`: a mapper that works on the jobs of a broker.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use gristmill_common::own_program::own_program;
use gristmill_common::progress::Progress;
use gristmill_common::size::ByteSize;
use gristmill_input::is_url;
use gristmill_mapper::{Inputs, Limits, Settings};
use tracing::{error, info};

use crate::args::MapArgs;
use crate::commands::run::threads;
use crate::exit::{Exit, usage};
use crate::listen::Role;
use crate::memory::budget;
use crate::objects::objects;
use crate::program_args;
use crate::worker::Serving;

/// Runs the command.
///
/// # Errors
/// A usage error, or the reason why it cannot go on.
pub fn map(args: &MapArgs) -> anyhow::Result<Exit> {
    let settings = Settings {
        threads: threads(args.threads)?.get(),
        only: args.job.clone(),
        patience: Duration::from_secs(args.chunk_timeout.max(1)),
        limits: Limits {
            seconds: args.chunk_timeout.max(1),
            memory: budget(args.chunk_memory, ByteSize(1 << 30)),
        },
        exec: program_args::settings(&args.programs, &args.broker, args.tmp.as_ref())?,
        inputs: inputs(args)?,
        restart: Arc::new(restart),
    };
    let (listen, drain) = (args.listen.listen, args.drain_timeout);
    let Some(serving) = Serving::start(Role::Map, "map", &args.broker, listen, drain)? else {
        return Ok(Exit::Complete);
    };
    info!(threads = settings.threads, "mapping");
    let worker = &serving.worker;
    Progress::add(&worker.progress.threads, settings.threads as u64);
    gristmill_mapper::serve(worker, &settings)?;
    serving.close();
    info!(
        chunks = Progress::get(&worker.progress.chunks_mapped),
        records = Progress::get(&worker.progress.records),
        "stopped"
    );
    Ok(Exit::Complete)
}

/// What jobs may have this mapper read.
fn inputs(args: &MapArgs) -> anyhow::Result<Inputs> {
    let objects = objects();
    let is_url = |path: &&PathBuf| is_url(path.as_os_str().as_bytes());
    let (urls, paths): (Vec<&PathBuf>, Vec<&PathBuf>) = args.inputs.iter().partition(is_url);
    let url = |path: &PathBuf| match path.to_str() {
        Some(url) if objects.is_in(url, url) => Ok(url.to_owned()),
        Some(url) => Err(usage(format!(
            "--inputs {}: no URL that can be read here",
            objects.shown(url)
        ))),
        None => Err(usage("--inputs: a URL is UTF-8")),
    };
    Ok(Inputs {
        folders: folders(&paths)?,
        urls: urls.into_iter().map(url).collect::<anyhow::Result<_>>()?,
        objects,
    })
}

/// Folders as absolute paths without links.
fn folders(typed: &[&PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let real = |folder: &PathBuf| {
        let shown = folder.display();
        let path = std::fs::canonicalize(folder);
        let path = path.map_err(|error| usage(format!("--inputs {shown}: {error}")))?;
        match path.is_dir() {
            true => Ok(path),
            false => Err(usage(format!("--inputs {shown}: not a folder"))),
        }
    };
    typed.iter().map(|folder| real(folder)).collect()
}

/// Puts this same command in the place of this process, stuck threads and all.
fn restart() {
    info!("starting anew");
    let failed = match own_program() {
        Ok(program) => Command::new(program)
            .args(std::env::args_os().skip(1))
            .exec(),
        Err(failed) => failed,
    };
    error!("this process cannot start anew: {failed}");
    std::process::exit(Exit::Failed as i32);
}

/// Maps the one chunk that stdin brings.
///
/// # Errors
/// When it is none.
pub fn isolated() -> anyhow::Result<Exit> {
    gristmill_mapper::child(std::io::stdin().lock(), std::io::stdout().lock())
        .map_err(anyhow::Error::from_boxed)?;
    Ok(Exit::Complete)
}

/// Reads the one split that stdin names.
///
/// # Errors
/// When it is none.
pub fn isolated_split() -> anyhow::Result<Exit> {
    gristmill_mapper::read_apart(std::io::stdin().lock(), std::io::stdout(), &*objects())
        .map_err(anyhow::Error::from_boxed)?;
    Ok(Exit::Complete)
}
