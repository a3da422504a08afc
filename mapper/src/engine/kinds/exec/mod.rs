//! `exec`: the user's own program or Python function over documents, records or pieces.
//!
//! Each program runs under a [`keeper`] process, which ends with all that the program started. *Cold*
//! programs are started for every unit ([`cold`]); *warm* workers stay and speak the protocol of
//! `docs/exec.md` ([`talk`]). It must not know where the units come from.

mod bound;
mod call;
mod child;
mod cold;
mod family;
mod frame;
mod host;
mod keeper;
mod pairs;
mod pool;
mod pump;
mod python;
mod recipe;
mod reducer;
mod render;
mod stderr;
mod talk;
mod trial;
mod unit;
mod verdict;
mod warm;

use std::sync::Arc;

use gristmill_common::spec::{Exec, Program};

pub use child::KEEPER;
pub use host::Host;
pub use keeper::keeper;
pub use reducer::GroupReducer;
pub use trial::{Trial, Tried};
pub(crate) use verdict::Verdict;

use crate::engine::prepared::Factory;
use crate::engine::prepared::SpecError;
use cold::Cold;
use pool::Pool;
use recipe::Recipe;
use talk::{Talk, cannot_start};
use warm::Warm;

/// Finds the program of a job; a worker is started, so that what is missing is found before any
/// chunk is taken.
pub(crate) fn prepare(
    exec: &Exec,
    host: &Host,
    verdict: &Arc<Verdict>,
) -> Result<Factory, SpecError> {
    let failed = |error: std::io::Error| SpecError(format!("exec: cannot start programs: {error}"));
    let mut recipe = Recipe::new(exec, host)?;
    let pool = Pool::new(host, exec.memory, recipe.links.clone()).map_err(failed)?;
    if matches!(exec.program, Program::Python { .. }) {
        recipe.run_worker(&python::write(pool.rooms()).map_err(failed)?);
    }
    let combine = exec.reducer().and_then(|reducer| reducer.combine.as_ref());
    let combine = combine.map(|program| Recipe::of(program, exec, host));
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
    let mut held = pool.take().map_err(failed)?;
    let place = held.place().map_err(failed)?;
    let started = Warm::start(&recipe, &place.keeper).map_err(failed)?;
    place.warm = Some(started.map_err(|why| SpecError(format!("exec: {}", cannot_start(&why))))?);
    drop(held);
    Ok(Box::new(move || {
        let (recipe, pool) = (Arc::clone(&recipe), Arc::clone(&pool));
        Box::new(Talk::new(recipe, pool, Arc::clone(&verdict)))
    }))
}
