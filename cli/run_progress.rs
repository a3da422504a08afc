//! The progress of a running job: two live lines on a terminal, nothing or plain occasional lines
//! elsewhere. Goes to stderr, so that stdout stays the job's.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gristmill_common::progress::Progress;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::stages::{Stages, Threads};
use crate::verbosity::Verbosity;

/// How often the threads are looked at and a live line is drawn.
const LIVE: Duration = Duration::from_millis(100);
/// How often a plain line is written.
const PLAIN: Duration = Duration::from_secs(5);

/// The progress of a running job; it is shown until dropped.
#[derive(Debug)]
pub struct RunProgress {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RunProgress {
    /// Starts to report; where all stages are threads of this process, what they do.
    #[must_use]
    pub fn start(progress: Arc<Progress>, verbosity: Verbosity, threads: Option<Threads>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let live = terminal && verbosity != Verbosity::Quiet;
        let plain = !terminal && verbosity == Verbosity::Verbose;
        if !live && !plain {
            return Self {
                done: None,
                thread: None,
            };
        }
        let (done, ended) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let bar = live.then(|| {
                let bar = ProgressBar::new(0);
                bar.set_style(style(&progress));
                bar
            });
            let start = Instant::now();
            let mut said = start;
            let mut known = is_known(&progress);
            let mut stages = threads.map(Stages::new);
            while ended.recv_timeout(LIVE) == Err(RecvTimeoutError::Timeout) {
                if let Some(stages) = &mut stages {
                    stages.look(&progress);
                }
                let at_work = stages.as_ref().map_or(String::new(), Stages::words);
                match &bar {
                    Some(bar) => {
                        // How much there is may be known only after a while.
                        if is_known(&progress) != known {
                            known = !known;
                            bar.set_style(style(&progress));
                        }
                        bar.set_length(Progress::get(&progress.bytes_total));
                        bar.set_position(Progress::get(&progress.bytes_read));
                        bar.set_message(counts(&progress));
                        bar.set_prefix(at_work);
                    }
                    None if said.elapsed() >= PLAIN => {
                        said = Instant::now();
                        say(&progress, start.elapsed(), &at_work);
                    }
                    None => {}
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        Self {
            done: Some(done),
            thread: Some(thread),
        }
    }
}

impl Drop for RunProgress {
    fn drop(&mut self) {
        self.done.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn is_known(progress: &Progress) -> bool {
    Progress::get(&progress.bytes_total) > 0
}

fn style(progress: &Progress) -> ProgressStyle {
    // The templates are constants, and a test parses both.
    let style = ProgressStyle::with_template(template(progress));
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn template(progress: &Progress) -> &'static str {
    if is_known(progress) {
        "{percent}% of {total_bytes} {wide_bar} {binary_bytes_per_sec}, {eta} left · {msg}\n{prefix}"
    } else {
        "{bytes} read, {binary_bytes_per_sec} · {msg}\n{prefix}"
    }
}

fn counts(progress: &Progress) -> String {
    let quarantined = Progress::get(&progress.quarantined);
    let records = Progress::get(&progress.records);
    let chunks = Progress::get(&progress.chunks_cut);
    if records == 0 && Progress::get(&progress.chunks_mapped) == 0 && chunks > 0 {
        // Whoever maps them is elsewhere.
        return format!("{} chunks sent", HumanCount(chunks));
    }
    let records = HumanCount(records);
    if quarantined == 0 {
        format!("{records} records")
    } else {
        format!("{records} records, {} quarantined", HumanCount(quarantined))
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the progress of a command goes to stderr"
)]
fn say(progress: &Progress, elapsed: Duration, at_work: &str) {
    let read = Progress::get(&progress.bytes_read);
    let total = Progress::get(&progress.bytes_total);
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = HumanBytes((read as f64 / seconds) as u64);
    let left = match total.checked_sub(read) {
        Some(left) if total > 0 && read > 0 => {
            format!(", about {:.0} s left", left as f64 / read as f64 * seconds)
        }
        _ => String::new(),
    };
    let semicolon = if at_work.is_empty() { "" } else { "; " };
    eprintln!(
        "{} read of {} at {rate}/s, {}{left}{semicolon}{at_work}",
        HumanBytes(read),
        if total > 0 {
            HumanBytes(total).to_string()
        } else {
            "a stream".into()
        },
        counts(progress)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_well_formed() {
        let progress = Progress::default();
        assert!(ProgressStyle::with_template(template(&progress)).is_ok());
        Progress::add(&progress.bytes_total, 1);
        assert!(ProgressStyle::with_template(template(&progress)).is_ok());
    }

    #[test]
    fn quarantined_records_are_said_only_when_there_are_some() {
        let progress = Progress::default();
        Progress::add(&progress.chunks_cut, 3);
        assert_eq!(counts(&progress), "3 chunks sent");
        Progress::add(&progress.records, 1200);
        assert_eq!(counts(&progress), "1,200 records");
        Progress::add(&progress.quarantined, 3);
        assert_eq!(counts(&progress), "1,200 records, 3 quarantined");
    }
}
