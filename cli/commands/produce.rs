//! `gristmill produce`: feeds a job to a broker, and waits for it if asked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gristmill_common::job::JobName;
use gristmill_common::plan_summary::Sent;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::size::ByteSize;
use gristmill_common::spec::{Kind, MAX_SENT_RECORD, Records};
use gristmill_input::Plan;
use gristmill_jobs::declare::Backlog;
use gristmill_jobs::report::Reporter;
use gristmill_mapper::Prepared;
use gristmill_producer::{Order, ProduceError, Settings, Submitted, Submitter, default_name};

use crate::args::{ProduceArgs, SendWord};
use crate::broker;
use crate::commands::dry_run;
use crate::commands::produce_exec::{HOLD, Program};
use crate::commands::produce_wait::{Ended, wait_for_end};
use crate::commands::run::{chunk_size, plan, threads, tmp};
use crate::exit::{Exit, usage};
use crate::kind_command::{KindCommand, TypedJob};
use crate::lone_split;
use crate::parse_auto;
use crate::run_progress::RunProgress;
use crate::signals;
use crate::stdout;
use crate::verbosity::Verbosity;

/// Bytes of chunks that each reader may have on their way to the broker, and how many chunks at
/// least and at most.
const WINDOW: usize = 8 << 20;
const WINDOW_CHUNKS: (usize, usize) = (4, 32);
/// Text in one chunk where nobody says. Against 1 MiB the four processes took 0.92 (access-log) and
/// 0.97 (word-count) of the CPU time.
const CHUNK: ByteSize = ByteSize(2 << 20);
/// The same for the tagger, which takes a hundred times as long for a byte: a mapper has chunks in
/// hand, and the last ones of a job should not keep one mapper busy while the others have nothing
/// left.
const TAGGED_CHUNK: ByteSize = ByteSize(512 << 10);
/// The same for the user's own program, of which nobody knows how long it takes: a chunk of a
/// thousand records of a second each is a quarter of an hour, and is begun anew if its mapper
/// stops.
const PROGRAM_CHUNK: ByteSize = ByteSize(128 << 10);
/// How long an orderly stop may take.
const DRAIN: Duration = Duration::from_secs(10);
/// The least backlog: a few chunks of the largest size.
const LEAST_BACKLOG: u64 = 32 << 20;

/// Refuses `-o`.
fn no_output(output: Option<&Path>) -> anyhow::Result<()> {
    match output {
        None => Ok(()),
        Some(_) => Err(usage(
            "-o: results go to the folder of the reducers (`gristmill reduce -o`), below the job's name \
             (--job); -o is for `run`",
        )),
    }
}

/// Runs the command.
///
/// # Errors
/// A usage error, or the reason why the job is not on the broker or did not complete.
pub fn produce(words: KindCommand<ProduceArgs>, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let mut job = words.into_job()?;
    let files = std::mem::take(&mut job.files);
    let program = Program::of(&mut job)?;
    let file = (program.as_ref())
        .and_then(|program| program.bundle.clone())
        .or(files.first().map(|file| file.bytes().clone()));
    let options = broker::patient_options(&job.command.broker, job.command.patience, "produce")?;
    let (settings, chunk_size) = settings(&job, program.is_some())?;
    let tmp = settings.tmp.clone();
    let plan = plan(&job, chunk_size, None)?;
    let sent = sent(&job, &plan)?;
    let mut plan = plan.sent_as(sent);
    // Of a kind that computes for long, all mappers share a split.
    if sent == Sent::Splits
        && !job.spec.kind.computes_for_long()
        && let Some(hint) = lone_split::hint(&plan)
    {
        verbosity.say(&hint);
    }
    if job.command.cutting.dry_run {
        return dry_run::show(&plan, &job.spec);
    }
    parse_auto::decide(&mut job, &mut plan, &settings.tmp, verbosity)?;
    let args = &job.command;
    // A job that no mapper could work on is refused here; what that has loaded is for mappers.
    if program.is_none() {
        drop(Prepared::with_files(&job.spec, files).map_err(|error| usage(error.to_string()))?);
    }
    let name = name(&job, &plan)?;
    let patience = options.connect_limit;
    let shutdown = Shutdown::new();
    signals::drain(&shutdown, DRAIN).context("cannot watch for signals")?;
    // Its name is printed once it is submitted, which nothing takes back.
    stdout::open()?;
    let runtime = broker::runtime()?;
    let progress = Arc::new(Progress::default());
    let Some(worker) = broker::worker(&runtime, options, &progress, &shutdown)? else {
        return Ok(Exit::Interrupted);
    };
    let _reporter = Reporter::start(&worker.runtime, &worker.broker, &progress, None);
    let line = RunProgress::start(Arc::clone(&progress), verbosity, None);
    let order = Order {
        name: name.clone(),
        spec: &job.spec,
        plan: &plan,
        folder: std::env::current_dir().context("the folder that names begin at")?,
        settings,
        backlog: backlog(args, program.is_some() || plan.sent().has_accounts()),
        force: args.force,
        patience,
        file,
        program: program.as_ref().map(Program::order),
    };
    let submitter = Submitter {
        order: &order,
        worker: &worker,
    };
    let submitted = submitter.submit();
    drop(line);
    if submitted.is_ok() {
        stdout::print(format!("{name}\n").as_bytes())?;
    }
    let ended = match submitted {
        Ok(Submitted::Sealed(wait)) if args.wait => wait_for_end(&submitter, *wait, verbosity),
        other => Ended::of(other, &name, verbosity),
    };
    runtime.block_on(worker.broker.close());
    match ended? {
        Ended::Finished(finished) => finished.tell(&name, &job, &mut plan, &tmp, verbosity),
        Ended::Sealed => Ok(Exit::Complete),
        Ended::Interrupted => Ok(Exit::Interrupted),
    }
}

/// What may lie in the job's queues, and how long a mapper may hold a chunk: nobody knows how long
/// it takes where it runs a program or reads a split (`long`).
fn backlog(args: &ProduceArgs, long: bool) -> Backlog {
    Backlog {
        hold: long.then_some(HOLD),
        ..Backlog::of(args.backlog.0)
    }
}

/// The job's name: the one that was typed, or one that the same command gives again.
///
/// # Errors
/// When the inputs cannot be read again under a name, or mappers cannot find them.
fn name(job: &TypedJob<ProduceArgs>, plan: &Plan) -> anyhow::Result<JobName> {
    let typed = &job.command.job;
    if typed.is_none() && !plan.is_repeatable() {
        return Err(usage(
            "stdin and pipes cannot be read again: give the job a name with --job",
        ));
    }
    if plan.sent() == Sent::Splits && !plan.is_named() {
        return Err(usage(ProduceError::Unnamed.to_string()));
    }
    let given = typed.clone();
    Ok(given.unwrap_or_else(|| default_name(&job.spec, plan)))
}

/// How the job is read and sent, and the size of its chunks.
fn settings(job: &TypedJob<ProduceArgs>, program: bool) -> anyhow::Result<(Settings, usize)> {
    no_output(job.command.output.as_deref())?;
    let args = &job.command;
    let documents = program && job.spec.records == Records::Document;
    if job.spec.max_record > MAX_SENT_RECORD && !documents {
        return Err(usage(format!(
            "--max-record {}: over a broker at most {}, so that every record fits one message",
            ByteSize(job.spec.max_record),
            ByteSize(MAX_SENT_RECORD)
        )));
    }
    if args.backlog.0 < LEAST_BACKLOG {
        return Err(usage(format!("--backlog {}: at least 32MiB", args.backlog)));
    }
    let usual = match job.spec.kind {
        Kind::Pos(_) => TAGGED_CHUNK,
        Kind::Exec(_) => PROGRAM_CHUNK,
        _ => CHUNK,
    };
    let chunk_size = chunk_size(args.cutting.chunk_size, usual)?;
    let settings = Settings {
        threads: threads(args.threads)?,
        tmp: tmp(args.cutting.tmp.as_ref())?,
        max_expanded: job.max_expanded,
        window: match documents {
            // Each may be as large as a message can be.
            true => WINDOW_CHUNKS.0,
            false => (WINDOW / chunk_size).clamp(WINDOW_CHUNKS.0, WINDOW_CHUNKS.1),
        },
        large: None,
    };
    Ok((settings, chunk_size))
}

/// How splits travel.
fn sent(job: &TypedJob<ProduceArgs>, plan: &Plan) -> anyhow::Result<Sent> {
    let usual = match job.max_expanded {
        Some(_) => SendWord::Chunks,
        None if plan.is_of_objects() => SendWord::Splits,
        // A file may be the work of minutes.
        None if job.spec.kind.computes_for_long() => SendWord::Chunks,
        None if plan.is_mostly_packed() => SendWord::Files,
        None => SendWord::Chunks,
    };
    match job.command.send.unwrap_or(usual) {
        SendWord::Chunks => Ok(Sent::Chunks),
        SendWord::Files | SendWord::Splits if job.max_expanded.is_some() => Err(usage(
            "--max-expanded is counted where inputs are read: with --send splits or files that is many \
             places; leave it out, or --send chunks",
        )),
        SendWord::Files => Ok(Sent::Files),
        SendWord::Splits => Ok(Sent::Splits),
    }
}
