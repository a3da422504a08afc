//! How much of a job's threads is at work in each stage, so that one sees what limits the job: by
//! looking at them ten times a second. It must not know how that is shown.

use std::collections::VecDeque;

use gristmill_common::progress::Progress;

/// Over so many looks the threads are averaged: three seconds of them.
const WINDOW: usize = 30;

/// The threads of a job's stages.
#[derive(Clone, Copy, Debug)]
pub struct Threads {
    /// Those that read, and as many that map.
    pub each: usize,
    /// Those that merge.
    pub merging: usize,
}

/// The threads at work in the last seconds.
#[derive(Debug)]
pub struct Stages {
    threads: Threads,
    /// Reading, mapping, merging, as they were seen.
    seen: VecDeque<[u64; 3]>,
}

impl Stages {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(threads: Threads) -> Self {
        Self {
            threads,
            seen: VecDeque::with_capacity(WINDOW),
        }
    }

    /// Looks at the threads.
    pub fn look(&mut self, progress: &Progress) {
        if self.seen.len() == WINDOW {
            self.seen.pop_front();
        }
        let at_work = &progress.at_work;
        let stages = [&at_work.reading, &at_work.mapping, &at_work.merging];
        self.seen.push_back(stages.map(Progress::get));
    }

    /// `threads at work: 0.4 of 2 reading, 2.0 of 2 mapping, 0.1 of 1 merging`.
    #[must_use]
    pub fn words(&self) -> String {
        let mean = |stage: usize| {
            let sum: u64 = self.seen.iter().map(|seen| seen[stage]).sum();
            sum as f64 / self.seen.len().max(1) as f64
        };
        let Threads { each, merging } = self.threads;
        format!(
            "threads at work: {:.1} of {each} reading, {:.1} of {each} mapping, {:.1} of {merging} merging",
            mean(0),
            mean(1),
            mean(2)
        )
    }
}

#[cfg(test)]
mod tests {
    use gristmill_common::progress::Working;

    use super::*;

    #[test]
    fn the_threads_of_the_last_looks_are_averaged() {
        let progress = Progress::default();
        let mut stages = Stages::new(Threads {
            each: 2,
            merging: 1,
        });
        let none = "threads at work: 0.0 of 2 reading, 0.0 of 2 mapping, 0.0 of 1 merging";
        assert_eq!(stages.words(), none);
        let mapping = Working::on(&progress.at_work.mapping);
        stages.look(&progress);
        let reading = Working::on(&progress.at_work.reading);
        stages.look(&progress);
        let both = "threads at work: 0.5 of 2 reading, 1.0 of 2 mapping, 0.0 of 1 merging";
        assert_eq!(stages.words(), both);
        drop((mapping, reading));
        for _ in 0..WINDOW {
            stages.look(&progress);
        }
        assert_eq!(stages.words(), none);
    }
}
