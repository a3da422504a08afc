//! What `run exec` has of its own: the keeper's process, and `--try`.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use gristmill_common::chunk::ChunkHead;
use gristmill_common::entries::Entry;
use gristmill_common::large::LargeDocuments;
use gristmill_common::progress::Progress;
use gristmill_common::reduce_program::ReduceProgram;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::size::ByteSize;
use gristmill_common::spec::{Each, Exec, JobSpec, Kind, Program};
use gristmill_input::{ChunkSink, Halt, Plan, Reading, read_split};
use gristmill_mapper::{GroupReducer, Host, Prepared, Trial};

use crate::args::RunArgs;
use crate::exec_args::Local;
use crate::exit::{Exit, usage};
use crate::kind_command::TypedJob;
use crate::pipeline::Settings;
use crate::stdout;

/// This machine, as far as a job that runs programs needs it.
#[must_use]
pub fn host(local: &Local, (settings, plan): (&Settings, &Plan), shutdown: &Shutdown) -> Host {
    let tries = local.try_units.is_some();
    Host {
        tmp: settings.tmp.clone(),
        programs: settings.threads.get(),
        keep_going: local.keep_going,
        at_once: if tries { 1 } else { at_once(plan, settings) },
        echo: tries,
        large: settings.large.clone(),
        shutdown: shutdown.clone(),
        ..Host::here()
    }
}

/// The size of the chunks of `run`, unless somebody says otherwise. Python functions may take long
/// for a record: in small chunks all workers have something to do until the end. (Workers of the
/// user's own may want batches of a MiB.)
#[must_use]
pub fn usual_chunk(spec: &JobSpec) -> ByteSize {
    match &spec.kind {
        Kind::Exec(exec) if exec.each == Each::Record && is_python(&exec.program) => {
            ByteSize(128 << 10)
        }
        _ => ByteSize(1 << 20),
    }
}

/// The chunks that each thread gets where a job is small. A thread that finds no more chunks waits
/// for as long as another one needs for its last.
const CHUNKS_EACH: u64 = 64;
/// The smallest chunk that is chosen for that, in bytes.
const SMALLEST_CHUNK: u64 = 8 << 10;

/// Cuts a small job for a Python function into smaller chunks than the usual ones, unless their
/// size was typed.
pub fn cut_finely(job: &TypedJob<RunArgs>, plan: &mut Plan, settings: &mut Settings) {
    if let Kind::Exec(exec) = &job.spec.kind
        && job.command.cutting.chunk_size.is_none()
        && exec.each == Each::Record
        && is_python(&exec.program)
        && let Some(bytes) = plan.total_bytes()
    {
        let fine = bytes / (settings.threads.get() as u64 * CHUNKS_EACH);
        let usual = settings.chunk_size as u64;
        settings.chunk_size = fine.max(SMALLEST_CHUNK).min(usual) as usize;
        *plan = std::mem::take(plan).with_chunk_size(settings.chunk_size);
    }
}

fn is_python(program: &Program) -> bool {
    matches!(program, Program::Python { .. } | Program::Code(_))
}

/// How many workers are started before anything is read: as many as there will be chunks for.
fn at_once(plan: &Plan, settings: &Settings) -> usize {
    let threads = settings.threads.get() as u64;
    let bytes = plan.total_bytes().unwrap_or(u64::MAX);
    (bytes / settings.chunk_size as u64).clamp(1, threads) as usize
}

/// Where a job's documents go that are too large for a chunk, if it takes such.
///
/// # Errors
/// When there can be no folder for them.
pub fn large(
    spec: &JobSpec,
    settings: &Settings,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<Arc<LargeDocuments>>> {
    let Kind::Exec(Exec {
        each: Each::Document,
        ..
    }) = &spec.kind
    else {
        return Ok(None);
    };
    let tmp = &settings.tmp;
    let place = LargeDocuments::new(tmp, spec.max_record, shutdown);
    let place = place.with_context(|| format!("--tmp {}", tmp.display()))?;
    Ok(Some(place))
}

/// What runs the reduce program of a job that has one.
///
/// # Errors
/// When the program is not here.
pub fn reducer(spec: &JobSpec, host: &Host) -> anyhow::Result<Option<Arc<dyn ReduceProgram>>> {
    match &spec.kind {
        Kind::Exec(exec) => GroupReducer::of(exec, host).map_err(|error| usage(error.to_string())),
        _ => Ok(None),
    }
}

/// Keeps programs for the mapper at the other end of stdin.
///
/// # Errors
/// When this process cannot be a keeper.
pub fn keeper() -> anyhow::Result<Exit> {
    gristmill_mapper::keeper(io::stdin())?;
    Ok(Exit::Complete)
}

/// Runs the first units of a job and shows what comes of them; writes nothing.
///
/// # Errors
/// When the inputs cannot be read, or the program cannot be run.
pub fn try_units(
    job: &TypedJob<RunArgs>,
    plan: &Plan,
    host: &Host,
    units: u64,
) -> anyhow::Result<Exit> {
    let Kind::Exec(exec) = &job.spec.kind else {
        return Err(usage("--try goes with exec"));
    };
    let prepared =
        Prepared::on(&job.spec, Vec::new(), host).map_err(|error| usage(error.to_string()))?;
    let out = stdout::open()?;
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let tmp = host.tmp.clone();
    let reading = Reading::new(plan, &job.spec, tmp, &progress, &shutdown)?;
    let reading = reading.with_large(host.large.clone());
    let mut shower = Shower {
        out,
        trial: Trial::new(&prepared, exec, units),
        prepared: &prepared,
        set_aside: 0,
    };
    for split in 0..plan.splits().len() as u32 {
        if shower.trial.is_done() {
            break;
        }
        match read_split(&reading, split, &mut shower) {
            Ok(_) => {}
            Err(Halt::Stopped) => break,
            Err(halt) => return Err(halt.into()),
        }
    }
    if let Some(why) = prepared.cannot_go_on() {
        return Err(anyhow::anyhow!("{why}"));
    }
    Ok(match shower.set_aside {
        0 => Exit::Complete,
        _ => Exit::Quarantined,
    })
}

/// Shows what comes of chunks.
struct Shower<'a> {
    out: File,
    trial: Trial,
    prepared: &'a Prepared,
    set_aside: u64,
}

impl ChunkSink for Shower<'_> {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        let tried = self.trial.chunk(self.prepared, &head, &body);
        self.set_aside += (head.faults.len() + tried.set_aside.len()) as u64;
        let shown = self.out.write_all(&tried.results).and_then(|()| {
            let mut stderr = io::stderr().lock();
            for entry in head
                .faults
                .iter()
                .map(Entry::from)
                .chain(tried.set_aside.iter())
            {
                show(entry, &mut stderr)?;
            }
            Ok(())
        });
        shown.map_err(|error| Halt::Sink(error.into()))?;
        match self.trial.is_done() || self.prepared.cannot_go_on().is_some() {
            true => Err(Halt::Stopped),
            false => Ok(()),
        }
    }
}

fn show(entry: Entry<'_>, out: &mut impl Write) -> io::Result<()> {
    let name = String::from_utf8_lossy(entry.document);
    writeln!(out, "{name} at byte {}: {}", entry.offset, entry.reason)?;
    out.write_all(entry.stderr)
}
