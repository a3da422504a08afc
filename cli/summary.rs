//! The one-screen summary at the end of a job.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use gristmill_common::progress::Progress;
use gristmill_common::spec::{JobSpec, PRESENT, Records};
use gristmill_reducer::Report;
use indicatif::{HumanBytes, HumanCount};

use crate::args::RunArgs;
use crate::exit::Exit;
use crate::kind_command::TypedJob;

/// The most counters that are shown.
const COUNTERS: usize = 20;

/// What a summary is about.
pub struct Summary<'a> {
    /// The job as typed.
    pub job: &'a TypedJob<RunArgs>,
    /// How far it got.
    pub progress: &'a Progress,
    /// How long it took.
    pub elapsed: Duration,
}

impl Summary<'_> {
    /// The job is complete.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn complete(&self, report: &Report, exit: Exit, out: &mut impl Write) -> io::Result<()> {
        let text = Progress::get(&self.progress.bytes_mapped);
        let seconds = self.elapsed.as_secs_f64();
        writeln!(
            out,
            "complete: {}, {} of text, {} from {} in {seconds:.2} s ({}/s)",
            self.job.spec.kind.name(),
            HumanBytes(text),
            count(report.totals.records, "record"),
            count(report.totals.sources, "source"),
            HumanBytes((text as f64 / seconds.max(0.001)) as u64),
        )?;
        if !self.is_to_stdout() {
            for file in &report.files {
                writeln!(
                    out,
                    "  {:>10}  {}",
                    HumanBytes(file.bytes).to_string(),
                    self.job.command.output.join(&file.name).display()
                )?;
            }
        }
        // Those of programs.
        let counters = || (report.counters.iter()).filter(|counter| counter.group != PRESENT);
        for counter in counters().take(COUNTERS) {
            let count = HumanCount(counter.count);
            writeln!(out, "  {count:>10}  {}: {}", counter.group, counter.name)?;
        }
        let more = counters().skip(COUNTERS).count();
        if more > 0 {
            writeln!(out, "  and {more} more counters: manifest.json has them")?;
        }
        if report.spilled > 0 {
            writeln!(
                out,
                "  {} went through temporary files (--memory)",
                HumanBytes(report.spilled)
            )?;
        }
        if report.totals.passed_over > 0 {
            writeln!(
                out,
                "{} bytes that are no part of an archive were passed over: behind the end mark of a \
                 tar, or around a zip",
                HumanCount(report.totals.passed_over)
            )?;
        }
        self.set_aside(report, out)?;
        let totals = &report.totals;
        if let Some(hint) = hint(
            &self.job.spec,
            totals.quarantined,
            totals.records,
            totals.sources,
        ) {
            writeln!(out, "  {hint}")?;
        }
        if exit == Exit::Quarantined {
            writeln!(
                out,
                "exit code 3: more is in quarantine than allowed (--allow-quarantine N|P% or \
                 GRISTMILL_ALLOW_QUARANTINE allow it)"
            )?;
        }
        Ok(())
    }

    /// How much is in quarantine, where it can be seen, and why most of it is.
    fn set_aside(&self, report: &Report, out: &mut impl Write) -> io::Result<()> {
        if report.totals.quarantined == 0 {
            return Ok(());
        }
        let share = report.totals.quarantined as f64 * 100.0 / report.totals.records.max(1) as f64;
        let place = match (self.is_to_stdout(), &self.job.command.quarantine) {
            (false, _) => format!(
                "see {}",
                self.job.command.output.join("quarantine.jsonl").display()
            ),
            (true, Some(file)) => format!("see {}", file.display()),
            (true, None) => "name a file with --quarantine to see them".into(),
        };
        writeln!(
            out,
            "{} ({share:.2} %) set aside: {place}",
            count(report.totals.quarantined, "record")
        )?;
        if let Some((reason, times)) = report.reasons.first() {
            writeln!(out, "  most often ({}): {reason}", count(*times, "time"))?;
        }
        Ok(())
    }

    fn is_to_stdout(&self) -> bool {
        self.job.command.output == Path::new("-")
    }

    /// The job was stopped before its end.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn interrupted(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "interrupted after {:.1} s: {} of {} read, {} records mapped; no output was committed",
            self.elapsed.as_secs_f64(),
            HumanBytes(Progress::get(&self.progress.bytes_read)),
            HumanBytes(Progress::get(&self.progress.bytes_total)),
            HumanCount(Progress::get(&self.progress.records)),
        )
    }
}

/// What may have been meant when nothing is read, or most of the input is set aside.
pub fn hint(spec: &JobSpec, quarantined: u64, records: u64, sources: u64) -> Option<&'static str> {
    let chooses = !spec.include.is_empty() || !spec.exclude.is_empty();
    if chooses && quarantined == 0 && records == 0 {
        return Some(
            "warning: nothing was read: no file or member with text in it passed --include and \
             --exclude (a glob without a slash is for names, one with a slash for paths)",
        );
    }
    if sources == 0 {
        return Some(
            "warning: nothing was read: the inputs name no file (hidden ones: --hidden; folders behind \
             links: -L)",
        );
    }
    let most = quarantined > 0 && quarantined >= records.div_ceil(2);
    (most && spec.records == Records::Paragraphs).then_some(
        "records are separated by blank lines here: for text without blank lines there is --records lines",
    )
}

/// A number of things: `1 source`, `2 sources`.
fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", HumanCount(number))
}
