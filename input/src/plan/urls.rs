//! URLs among inputs: each is a question over a network, so many are asked about at a time; what
//! they name comes in the order of the URLs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::walk::Walk;
use super::{PlanError, Source};
use crate::object::{Found, ObjectError, Objects};

/// URLs that are asked about at a time.
const ASKING: usize = 16;
/// URLs that are kept until they are asked about.
const MOST: usize = 1024;

/// URLs that follow each other.
pub(super) struct Urls<'a> {
    walk: &'a Walk<'a>,
    objects: &'a dyn Objects,
    /// Those that were not asked about yet, each with the number that its input has for people.
    waiting: Vec<(usize, PathBuf)>,
}

/// Why a URL names nothing, and its number.
type Failed = (usize, PlanError);

impl<'a> Urls<'a> {
    pub(super) fn new(walk: &'a Walk<'a>, objects: &'a dyn Objects) -> Self {
        Self {
            walk,
            objects,
            waiting: Vec::new(),
        }
    }

    /// Takes one more.
    ///
    /// # Errors
    /// As [`Urls::find`].
    pub(super) fn add(
        &mut self,
        number: usize,
        url: PathBuf,
        sources: &mut Vec<Source>,
    ) -> Result<(), Failed> {
        self.waiting.push((number, url));
        match self.waiting.len() < MOST {
            true => Ok(()),
            false => self.find(sources),
        }
    }

    /// Adds the objects that the URLs name to the sources.
    ///
    /// # Errors
    /// That of the first URL whose objects cannot be found.
    pub(super) fn find(&mut self, sources: &mut Vec<Source>) -> Result<(), Failed> {
        let urls = std::mem::take(&mut self.waiting);
        let answers = Mutex::new(urls.iter().map(|_| None).collect::<Vec<_>>());
        // Those behind one that failed are not asked about.
        let (next, end) = (AtomicUsize::new(0), AtomicUsize::new(urls.len()));
        std::thread::scope(|scope| {
            for _ in 0..urls.len().min(ASKING) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= end.load(Ordering::Relaxed) {
                            return;
                        }
                        let answer = found(&urls[at].1, self.walk, self.objects);
                        if answer.is_err() {
                            end.fetch_min(at, Ordering::Relaxed);
                        }
                        answers.lock()[at] = Some(answer);
                    }
                });
            }
        });
        let answers = answers.into_inner();
        for ((number, _), answer) in urls.iter().zip(answers) {
            let Some(answer) = answer else { break };
            let mut found = answer.map_err(|error| (*number, error))?;
            // A listing may be long: the first one is not copied.
            match sources.is_empty() {
                true => *sources = found,
                false => sources.append(&mut found),
            }
        }
        Ok(())
    }
}

/// The objects that a URL names, in the order of their names.
fn found(url: &Path, walk: &Walk<'_>, objects: &dyn Objects) -> Result<Vec<Source>, PlanError> {
    let Some(url) = url.to_str() else {
        return Err(PlanError::Object {
            name: url.to_string_lossy().into_owned(),
            error: ObjectError::Failed("a URL is UTF-8".into()),
        });
    };
    let mut sources = Vec::new();
    let mut take = |found: Found| {
        if let Some(source) = walk.object(found) {
            sources.push(source);
        }
    };
    (objects.find(url, &mut take)).map_err(|error| PlanError::Object {
        name: objects.shown(url),
        error,
    })?;
    // Most stores list in this order, but not all.
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}
