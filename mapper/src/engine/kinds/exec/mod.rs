//! `exec`: the user's own program or Python function over documents, records or pieces.
//!
//! Each program runs under a [`keeper`] process, which ends with all that the program started.
//! *Cold* programs are started for every unit ([`cold`]); *warm* workers stay and speak the
//! protocol of `docs/exec.md` ([`talk`]). It must not know where the units come from.

mod answers;
mod bound;
mod call;
mod child;
mod cold;
mod confine;
mod doors;
mod family;
mod forbidden;
mod frame;
mod group;
mod host;
mod keeper;
mod large_units;
mod limits;
mod memory_watch;
mod orphans;
mod pace;
mod pairs;
mod pool;
mod position;
mod pump;
mod python;
mod recipe;
mod reducer;
mod render;
mod rerun;
pub(crate) mod search;
mod shebang;
mod shipped;
mod stderr;
mod stop;
mod sure;
mod talk;
mod trial;
mod unit;
mod verdict;
mod warm;

use std::path::Path;
use std::sync::Arc;

use gristmill_common::code::first_changed;
use gristmill_common::spec::{Exec, Program};

pub use child::KEEPER;
pub use confine::{CONFINED, Confinement, can_confine, confined, keep_private};
pub use host::Host;
pub use keeper::keeper;
pub use reducer::GroupReducer;
pub use rerun::{Reran, Rerun};
pub use trial::{Trial, Tried};
pub(crate) use verdict::{Fatal, Verdict};

use crate::engine::job_file::JobFile;
use crate::engine::prepared::Factory;
use crate::engine::prepared::SpecError;
use cold::Cold;
use pool::Pool;
use recipe::Recipe;
use stop::cannot_start;
use talk::Talk;
use unit::Failed;
use warm::Warm;

/// Finds the program of a job; a worker is started, so that what is missing is found before any
/// chunk is taken.
pub(crate) fn prepare(
    exec: &Exec,
    file: Option<&JobFile>,
    host: &Host,
    verdict: &Arc<Verdict>,
) -> Result<Factory, SpecError> {
    let failed = |error: std::io::Error| SpecError(format!("exec: cannot start programs: {error}"));
    let elsewhere = file.map(|file| from_elsewhere(exec, file, host));
    let elsewhere = elsewhere.transpose()?;
    let host = elsewhere.as_ref().unwrap_or(host);
    let mut recipe = Recipe::new(exec, host)?;
    let pool = Pool::new(host, exec).map_err(failed)?;
    if python::is_python(&exec.program) {
        recipe.run_worker(&python::write(pool.rooms()).map_err(failed)?);
    }
    let combine = exec.reducer().and_then(|reducer| reducer.combine.as_ref());
    let combine = combine.map(|program| python::reducer(program, exec, host, pool.rooms()));
    let combine = combine.transpose()?.map(Arc::new);
    let (recipe, verdict) = (Arc::new(recipe), Arc::clone(verdict));
    if matches!(exec.program, Program::Command(_) | Program::Shell(_)) {
        return Ok(Box::new(move || {
            Box::new(Cold {
                recipe: Arc::clone(&recipe),
                combine: combine.clone(),
                pool: Arc::clone(&pool),
                verdict: Arc::clone(&verdict),
            })
        }));
    }
    let started = begin(&recipe, &pool, host.at_once).map_err(failed)?;
    started.map_err(|why| SpecError(format!("exec: {}", cannot_start(&why))))?;
    Ok(Box::new(move || {
        let (recipe, pool) = (Arc::clone(&recipe), Arc::clone(&pool));
        Box::new(Talk::new(recipe, pool, Arc::clone(&verdict)))
    }))
}

/// Starts the first worker, and up to `most` in all beside it: imports and models take seconds. Of
/// the others nobody hears if they cannot be started; they are tried again when they are wanted.
fn begin(recipe: &Recipe, pool: &Pool, most: usize) -> std::io::Result<Result<(), Failed>> {
    let start = || {
        let mut held = pool.take()?;
        let place = held.place()?;
        Ok(Warm::start(recipe, &place.keeper)?.map(|warm| place.warm = Some(warm)))
    };
    std::thread::scope(|scope| {
        for _ in 1..most.min(pool.most()) {
            scope.spawn(start);
        }
        start()
    })
}

/// This machine, for a program that came with a job and lies in `code`.
fn from_elsewhere(exec: &Exec, code: &JobFile, host: &Host) -> Result<Host, SpecError> {
    let mut host = host.clone();
    if let Some(folder) = code.code() {
        check_here(exec, folder)?;
        host.folder = folder.to_owned();
        host.from_elsewhere = true;
    }
    Ok(host)
}

/// Checks a program that came with a job: its own files in `folder`, and those of this machine that
/// it names, which must be the ones that it was made with.
fn check_here(exec: &Exec, folder: &Path) -> Result<(), SpecError> {
    let Some((file, error)) = first_changed(&exec.files, folder) else {
        return Ok(());
    };
    let name = &file.name;
    Err(SpecError(match (error, file.travels()) {
        (Some(error), true) => format!("exec: {}: {error}", folder.join(name).display()),
        (None, true) => {
            format!("exec: the job's code is not what its spec says: {name} was changed here")
        }
        (Some(error), false) => format!(
            "exec: {name}: {error}; a file is sent along if its path begins at the folder where the \
             command is typed"
        ),
        (None, false) => {
            format!("exec: {name} is not the file here that it is where the job was submitted")
        }
    }))
}
