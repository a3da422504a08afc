//! The output directory that owns a job, where this process sees it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::registry::Claim;

/// The directory of a claim, if it is under the same path for this process, as its id tells:
/// another machine's folder of that name is none.
#[must_use]
pub fn directory_here(claim: &Claim) -> Option<PathBuf> {
    let (_, path) = claim.place.split_once(':')?;
    let dir = Path::new(path);
    let id = fs::read_to_string(dir.join(".gristmill/id")).ok()?;
    (id == claim.directory).then(|| dir.to_owned())
}
