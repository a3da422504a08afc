//! The processors that a thread keeps ready, of the jobs that came last.

use std::sync::{Arc, Weak};

use crate::engine::mapper::Mapper;
use crate::work::assignment::Assignment;

/// Jobs whose processor a thread keeps ready.
const KEPT: usize = 8;

/// The processors of the jobs that came last, the latest at the end.
#[derive(Default)]
pub(super) struct Mappers(Vec<(Weak<Assignment>, Mapper)>);

impl Mappers {
    /// Keeps the processors of the jobs with these numbers: what others have loaded may be large.
    pub(super) fn keep(&mut self, numbers: &[u64]) {
        self.0.retain(|(job, _)| {
            let job = job.upgrade();
            job.is_some_and(|job| numbers.contains(&job.number))
        });
    }

    /// The processor of a job.
    pub(super) fn of(&mut self, job: &Arc<Assignment>) -> &mut Mapper {
        let mappers = &mut self.0;
        let known = (mappers.iter()).position(|(known, _)| known.as_ptr() == Arc::as_ptr(job));
        let mapper = match known {
            Some(at) => mappers.remove(at),
            None => {
                if mappers.len() >= KEPT {
                    mappers.remove(0);
                }
                let prepared = Arc::clone(&job.prepared);
                let mapper = Mapper::new(prepared, &job.spec, job.splits);
                (Arc::downgrade(job), mapper)
            }
        };
        mappers.push(mapper);
        let last = mappers.len() - 1;
        &mut mappers[last].1
    }
}
