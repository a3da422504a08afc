//! `gristmill run`: a whole job in this process.

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::size::ByteSize;
use gristmill_common::spec::Format;
use gristmill_input::{Plan, is_url};
use gristmill_jobs::transport::Transport;
use gristmill_mapper::Prepared;
use gristmill_reducer::Report;

use crate::absent_fields;
use crate::args::RunArgs;
use crate::closed;
use crate::commands::{dry_run, exec, report as page};
use crate::exit::{Exit, usage};
use crate::kind_command::{KindCommand, TypedJob};
use crate::memory::reduce_budget;
use crate::objects;
use crate::parse_auto;
use crate::pipeline::{JobError, Pipeline, Settings};
use crate::run_output::destination;
use crate::run_progress::RunProgress;
use crate::signals;
use crate::stages::Threads;
use crate::summary::Summary;
use crate::verbosity::Verbosity;

/// Runs the command.
///
/// # Errors
/// A usage error, or the reason why the job did not complete.
pub fn run(words: KindCommand<RunArgs>, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let mut job = words.into_job()?;
    line_up(&mut job);
    let mut settings = settings(&job)?;
    let shutdown = Shutdown::new();
    settings.large = exec::large(&job.spec, &settings, &shutdown)?;
    let mut plan = plan(&job, settings.chunk_size, Some(&job.command.output))?;
    if job.command.cutting.dry_run {
        return dry_run::show(&plan, &job.spec);
    }
    parse_auto::decide(&mut job, &mut plan, &settings.tmp, verbosity)?;
    exec::cut_finely(&job, &mut plan, &mut settings);
    let host = exec::host(&job.local, (&settings, &plan), &shutdown);
    if let Some(units) = job.local.try_units {
        return exec::try_units(&job, &plan, &host, units);
    }
    let prepared = Prepared::on(&job.spec, std::mem::take(&mut job.files), &host);
    let prepared = Arc::new(prepared.map_err(|error| usage(error.to_string()))?);
    let reducer = exec::reducer(&job.spec, &host)?;
    let page = page_file(&job.command)?;
    let (destination, publication) = destination(&job, &settings)?;
    let progress = Arc::new(Progress::default());
    let transport = Transport::Embedded(settings.queues(&job.spec));
    signals::watch(&shutdown, &transport).context("cannot watch for signals")?;

    let threads = Threads {
        each: settings.threads.get(),
        merging: job.spec.partitions as usize,
    };
    let line = RunProgress::start(Arc::clone(&progress), verbosity, Some(threads));
    let pipeline = Pipeline {
        spec: &job.spec,
        plan: &plan,
        prepared,
        reducer,
        transport: &transport,
        settings: &settings,
        progress: &progress,
        shutdown: &shutdown,
    };
    let ended = pipeline.run(destination);
    drop(line);

    let summary = Summary {
        job: &job,
        progress: &progress,
        elapsed: start.elapsed(),
    };
    match ended {
        Ok(report) => {
            if let Some(publication) = publication
                && !publication.publish(&shutdown)?
            {
                let _ = summary.interrupted(&mut std::io::stderr());
                return Ok(Exit::Interrupted);
            }
            let exit = told(&summary, &report, &mut plan, &settings.tmp, verbosity)?;
            if let Some(page) = page {
                let made = page::of_folder(&job.command.output, Some(summary.elapsed))?;
                page::write(&page, &made.html, job.command.force)
                    .context("the output is complete, its page is not there")?;
            }
            Ok(exit)
        }
        // Whoever reads our output has had enough: that is how `… | head` ends.
        Err(JobError::Reduce(error)) if error.is_closed_pipe() => Ok(Exit::Complete),
        Err(JobError::Commit(error)) if error.is_closed_pipe() => Ok(Exit::Complete),
        Err(JobError::Interrupted) => {
            let _ = summary.interrupted(&mut std::io::stderr());
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(error.into()),
    }
}

/// Says what came of a complete job, unless told to be quiet; the exit code that it has.
fn told(
    summary: &Summary<'_>,
    report: &Report,
    plan: &mut Plan,
    tmp: &Path,
    verbosity: Verbosity,
) -> anyhow::Result<Exit> {
    let (job, totals) = (summary.job, &report.totals);
    let exit = match job
        .quarantine_limit
        .permits(totals.quarantined, totals.records)
    {
        true => Exit::Complete,
        false => Exit::Quarantined,
    };
    if verbosity != Verbosity::Quiet {
        // The output is there, whether this can be told or not.
        let _ = summary.complete(report, exit, &mut std::io::stderr());
        let counted = (&report.counters, totals.mapped);
        for warning in absent_fields::warnings(job, plan, counted, tmp) {
            verbosity.say(&warning);
        }
    }
    Ok(exit)
}

/// On a terminal, rows of `group-by` are a table for people.
fn line_up(job: &mut TypedJob<RunArgs>) {
    let shown = job.command.output == Path::new("-") && std::io::stdout().is_terminal();
    if shown && !job.format_typed && job.spec.kind.formats().contains(&Format::Table) {
        job.spec.format = Format::Table;
    }
}

/// Where `--report` writes the page: known, and free, before anything is run.
fn page_file(args: &RunArgs) -> anyhow::Result<Option<PathBuf>> {
    if !args.report {
        return Ok(None);
    }
    if args.output == Path::new("-") || is_url(args.output.as_os_str().as_bytes()) {
        return Err(usage(
            "--report needs an output folder on this machine: -o OUT",
        ));
    }
    let file = page::beside(&args.output)?;
    page::check_free(&file, args.force)?;
    Ok(Some(file))
}

fn settings(job: &TypedJob<RunArgs>) -> anyhow::Result<Settings> {
    let args = &job.command;
    Ok(Settings {
        threads: threads(args.threads)?,
        memory: reduce_budget(args.memory, ByteSize(512 << 20))?,
        chunk_size: chunk_size(args.cutting.chunk_size, exec::usual_chunk(&job.spec))?,
        tmp: tmp(args.cutting.tmp.as_ref())?,
        large: None,
        max_expanded: job.max_expanded,
    })
}

/// `--chunk-size`, in bytes.
///
/// # Errors
/// When it is out of bounds.
pub fn chunk_size(typed: Option<ByteSize>, usual: ByteSize) -> anyhow::Result<usize> {
    let size = typed.unwrap_or(usual);
    if (4 << 10..=2 << 20).contains(&size.0) {
        return Ok(size.0 as usize);
    }
    Err(usage(format!("--chunk-size {size}: from 4KiB to 2MiB")))
}

/// `--tmp`, or the system's.
///
/// # Errors
/// When it is no folder.
pub fn tmp(typed: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    // Empty, it is as if it were not set.
    let set = std::env::var_os("TMPDIR").filter(|value| !value.is_empty());
    let (tmp, said) = match (typed, set) {
        (Some(tmp), _) => (tmp.clone(), "--tmp"),
        (None, Some(set)) => (set.into(), "TMPDIR"),
        (None, None) => ("/tmp".into(), "temporary files"),
    };
    if tmp.is_dir() {
        return Ok(tmp);
    }
    let other = match typed {
        Some(_) => "",
        None => ": name another by --tmp",
    };
    let tmp = tmp.display();
    Err(usage(format!("{said} {tmp}: no such folder{other}")))
}

/// `--threads`, or one per core.
///
/// # Errors
/// When the number is no number of threads.
pub fn threads(typed: Option<usize>) -> anyhow::Result<NonZeroUsize> {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = typed
        .map_or(Some(cores), NonZeroUsize::new)
        .filter(|threads| threads.get() <= 1024);
    threads.ok_or_else(|| {
        usage(format!(
            "--threads {}: from 1 to 1024",
            typed.unwrap_or_default()
        ))
    })
}

/// The plan of a job.
///
/// # Errors
/// When an input cannot be opened.
pub fn plan<R>(
    job: &TypedJob<R>,
    chunk_size: usize,
    output: Option<&Path>,
) -> anyhow::Result<Plan> {
    if closed::input() && job.inputs.iter().any(|input| input == "-") {
        return Err(anyhow::anyhow!("standard input: it is closed"));
    }
    objects::plan(&job.inputs, &job.spec, chunk_size, job.separator, output)
}
