//! An output that goes to object storage: claimed before the work, put there after it, the manifest
//! last.
//!
//! Every object is put only where there is none, so two runs cannot mix. The claim says which names
//! a run will write, so that what a run left that was killed is known as its own.

use std::path::Path;

use anyhow::Context;
use gristmill_common::job::JobName;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::JobSpec;
use gristmill_input::Objects;
use gristmill_reducer::{
    MANIFEST, Manifest, NotPublished, Publish, QUARANTINE, SOURCES, is_output_name, part_name,
};
use gristmill_store::{Folder, PutError};
use serde_json::{Value, json};

use crate::exit::{UsageError, usage};
use crate::objects::stores;

/// The object that says who writes there.
const CLAIM: &str = ".gristmill-claim.json";

/// A place in object storage that is ours until it is published or given up.
#[derive(Debug)]
pub struct Publication {
    folder: Folder,
    /// What an earlier output left there, to be removed when the new one is complete.
    replaces: Vec<String>,
    claimed: bool,
}

/// What may make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    Nothing,
    /// What a run left that was killed.
    Abandoned,
    /// That, and an earlier output.
    Output,
}

/// Why a place was not written to.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// A stop was asked for; what was put is taken away again.
    #[error("interrupted")]
    Interrupted,
    /// Something is wrong there, or with a file.
    #[error("{place}: {reason}")]
    Failed {
        /// Where.
        place: String,
        /// What.
        reason: String,
    },
}

impl Publication {
    /// Claims the place that a URL names for an output of a job.
    ///
    /// # Errors
    /// When it holds anything but what may make room, another run writes there, or the store does
    /// not say no when it should.
    pub fn claim(url: &str, spec: &JobSpec, over: Over) -> anyhow::Result<Self> {
        let shown = || stores().shown(url);
        let folder = stores().folder(url);
        let folder = folder.map_err(|error| usage(format!("{}: {error}", shown())))?;
        let place = folder.shown().to_owned();
        let names = folder.names().with_context(|| place.clone())?;
        let ours = ours(&folder, &names).with_context(|| place.clone())?;
        let is_there = |wanted: &str| names.iter().any(|name| name == wanted);
        let makes_room = match over {
            Over::Nothing => false,
            Over::Abandoned => is_there(CLAIM) && !is_there(MANIFEST),
            Over::Output => true,
        };
        if let Some(name) = names.first()
            && !makes_room
        {
            return Err(usage(match is_there(CLAIM) {
                true => format!(
                    "{place} is claimed by another run, or by one that was killed ({CLAIM}): choose \
                     another place, or take it over with --force"
                ),
                false => format!(
                    "{place} is not empty (it holds {name}): choose another place, or replace an \
                     earlier output with --force"
                ),
            }));
        }
        if let Some(name) = names.iter().find(|name| !ours.contains(name)) {
            return Err(usage(format!(
                "{place} holds {name}, which no manifest of an earlier output lists: --force replaces \
                 only such files; choose another place"
            )));
        }
        if is_there(CLAIM) {
            folder.remove(CLAIM).with_context(|| place)?;
        }
        let mut replaces: Vec<String> = names.into_iter().filter(|name| name != CLAIM).collect();
        // The manifest first: without one there is no output.
        replaces.sort_by_key(|name| name != MANIFEST);
        let mut publication = Self {
            folder,
            replaces,
            claimed: false,
        };
        publication.take(spec)?;
        Ok(publication)
    }

    /// Puts the claim there, and sees whether the store keeps it.
    fn take(&mut self, spec: &JobSpec) -> anyhow::Result<()> {
        let parts = (0..spec.partitions).map(|partition| part_name(partition, spec));
        let names: Vec<String> = parts
            .chain([QUARANTINE, SOURCES, MANIFEST].map(str::to_owned))
            .collect();
        let claim = serde_json::to_vec_pretty(&json!({ "files": names }))?;
        let stop = Shutdown::new();
        let place = self.folder.shown().to_owned();
        match self.folder.put_new(CLAIM, &claim, &stop) {
            Ok(()) => self.claimed = true,
            Err(PutError::Exists) => {
                return Err(usage(format!(
                    "{place} was claimed by another run just now"
                )));
            }
            Err(error) => return Err(self.unfit(&error.to_string())),
        }
        match self.folder.put_new(CLAIM, &claim, &stop) {
            Err(PutError::Exists) => Ok(()),
            Ok(()) => Err(self.unfit("it replaces an object that is there, whatever it is asked")),
            Err(error) => Err(self.unfit(&error.to_string())),
        }
    }

    fn unfit(&self, what: &str) -> anyhow::Error {
        anyhow::anyhow!(
            "{}: {what}; outputs need a store that puts an object only where there is none \
             (If-None-Match)",
            self.folder.shown()
        )
    }

    /// Puts the files of a finished output there, and gives the claim back.
    ///
    /// # Errors
    /// When it cannot be done: nothing of it is left then, as far as the store allows.
    pub fn publish(mut self, dir: &Path, stop: &Shutdown) -> anyhow::Result<()> {
        let manifest =
            Manifest::read(&dir.join(MANIFEST)).with_context(|| dir.display().to_string())?;
        for name in &self.replaces {
            let removed = self.folder.remove(name);
            removed.map_err(|error| self.failed(&format!("{name}: {error}")))?;
        }
        let mut put = Vec::new();
        let names = manifest.files.iter().map(|file| file.name.as_str());
        for name in names.chain([MANIFEST]) {
            if let Err(error) = self.folder.put_file(name, &dir.join(name), stop) {
                for name in put {
                    // What the error was will come again: one word of it is enough.
                    let _ = self.folder.remove(name);
                }
                return Err(match error {
                    PutError::Stopped => UploadError::Interrupted.into(),
                    error => self.failed(&format!("{name}: {error}")).into(),
                });
            }
            put.push(name);
        }
        self.claimed = false;
        let released = self.folder.remove(CLAIM);
        released.map_err(|error| {
            self.failed(&format!("the output is complete, but {CLAIM}: {error}"))
        })?;
        Ok(())
    }

    fn failed(&self, reason: &str) -> UploadError {
        UploadError::Failed {
            place: self.folder.shown().to_owned(),
            reason: reason.to_owned(),
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        if self.claimed {
            let _ = self.folder.remove(CLAIM);
        }
    }
}

/// Finished jobs of a reducer go to folders of this URL.
#[derive(Debug)]
pub struct Published {
    url: String,
}

impl Published {
    /// Outputs go to `url`/JOB.
    ///
    /// # Errors
    /// When it is no URL of a place for outputs.
    pub fn to(url: &str) -> anyhow::Result<Self> {
        let folder = stores().folder(url);
        let folder =
            folder.map_err(|error| usage(format!("--publish {}: {error}", stores().shown(url))))?;
        Ok(Self {
            url: folder.shown().to_owned(),
        })
    }

    fn put(&self, job: &JobName, dir: &Path, replace: bool, stop: &Shutdown) -> anyhow::Result<()> {
        let url = format!("{}/{job}", self.url);
        let folder = stores().folder(&url)?;
        let manifest = std::fs::read(dir.join(MANIFEST))?;
        if let Some(mut there) = folder.open(MANIFEST)? {
            let mut found = Vec::new();
            std::io::Read::read_to_end(&mut there, &mut found)?;
            if found == manifest {
                // The last step of a run that was killed before it could say so.
                return Ok(folder.remove(CLAIM)?);
            }
        }
        let over = match replace {
            true => Over::Output,
            false => Over::Abandoned,
        };
        let spec = Manifest::from_reader(&manifest[..])?.spec;
        Publication::claim(&url, &spec, over)?.publish(dir, stop)
    }
}

impl Publish for Published {
    fn publish(
        &self,
        job: &JobName,
        folder: &Path,
        replace: bool,
        stop: &Shutdown,
    ) -> Result<(), NotPublished> {
        self.put(job, folder, replace, stop).map_err(|error| {
            let reason = format!("--publish: {error:#}");
            if matches!(error.downcast_ref(), Some(UploadError::Interrupted)) {
                NotPublished::Stopped
            } else if error.is::<UsageError>() {
                NotPublished::InTheWay(reason)
            } else {
                NotPublished::Here(reason)
            }
        })
    }
}

/// The names that an earlier output, or a run that was killed, has written there.
fn ours(folder: &Folder, names: &[String]) -> anyhow::Result<Vec<String>> {
    let mut ours = Vec::new();
    let is_there = |wanted: &str| names.iter().any(|name| name == wanted);
    if is_there(MANIFEST)
        && let Some(file) = folder.open(MANIFEST)?
        && let Ok(manifest) = Manifest::from_reader(file)
    {
        ours.extend(manifest.files.into_iter().map(|file| file.name));
        ours.push(MANIFEST.to_owned());
    }
    if is_there(CLAIM)
        && let Some(file) = folder.open(CLAIM)?
        && let Ok(claim) = serde_json::from_reader::<_, Value>(std::io::Read::take(file, 64 << 20))
    {
        let listed = claim["files"].as_array().into_iter().flatten();
        let listed = listed.filter_map(|name| name.as_str());
        let listed = listed.filter(|name| is_output_name(name) || *name == MANIFEST);
        ours.extend(listed.map(str::to_owned));
        ours.push(CLAIM.to_owned());
    }
    Ok(ours)
}
