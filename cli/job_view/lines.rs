//! A job as lines.

use std::io::Write;

use gristmill_jobs::registry::Phase;
use gristmill_jobs::report::Estimate;
use indicatif::{HumanCount, HumanDuration};

use super::JobView;
use crate::phrases;

impl JobView<'_> {
    /// Writes a line, and some more for an active job.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let age = HumanDuration(self.age);
        write!(out, "{}  {}  since {age}", self.job.name, self.state)?;
        match &self.job.phase {
            Phase::Finished(totals) => write!(
                out,
                "  {} records, {} quarantined",
                HumanCount(totals.records),
                HumanCount(totals.quarantined)
            )
            .and_then(|()| match totals.skipped_chunks {
                0 => Ok(()),
                many => write!(
                    out,
                    ", {} chunks could not be run: `gristmill replay` tries them again",
                    HumanCount(many)
                ),
            })?,
            Phase::Failed { reason } => write!(out, "  {reason}")?,
            Phase::Cancelled => {}
            Phase::Active => {
                if let Some(percent) = self.estimate.percent {
                    write!(out, "  {:.1}%", phrases::tenths(percent))?;
                }
                if let Some(eta) = self.estimate.eta.filter(|eta| !eta.is_zero()) {
                    write!(out, ", {}", phrases::left(eta))?;
                }
            }
        }
        writeln!(out)?;
        if self.job.is_active() {
            self.print_progress(out)?;
        }
        if let Some((_, count)) = &self.job.missing {
            let missing = missing(*count);
            writeln!(
                out,
                "  missing: {missing}; the same `produce` again sends what is missing"
            )?;
        }
        if let Some(place) = self.output() {
            let gone = match self.job.output_there {
                Some(false) => " (gone when it was last looked for)",
                _ => "",
            };
            writeln!(out, "  output: {place}{gone}")?;
        }
        match self.job.phase {
            Phase::Finished(totals) if totals.foreign_messages > 0 => {
                let many = HumanCount(totals.foreign_messages);
                writeln!(out, "  {many} messages were set aside as unusable")?;
            }
            _ if self.dead > 0 => {
                writeln!(out, "  {} messages were set aside as unusable", self.dead)?;
            }
            _ => {}
        }
        for what in &self.waits_for {
            writeln!(out, "  waits for {what}")?;
        }
        self.print_left_alone(out)
    }

    /// `3 of 5 mappers: exec is off`.
    fn print_left_alone(&self, out: &mut impl Write) -> std::io::Result<()> {
        let stats = self.stats.unwrap_or_default();
        let (mappers, reducers) = (
            stats.mappers + stats.unable,
            stats.reducers + stats.unable_reducers,
        );
        for (role, all, reasons) in [
            ("mappers", mappers, &self.left_alone),
            ("reducers", reducers, &self.reducers_left_alone),
        ] {
            for (reason, count) in reasons {
                let reason = reason.lines().next().unwrap_or_default();
                writeln!(out, "  {count} of {all} {role}: {reason}")?;
            }
        }
        Ok(())
    }

    fn print_progress(&self, out: &mut impl Write) -> std::io::Result<()> {
        write!(
            out,
            "  {}",
            chunks(&self.estimate, self.job.sealed.is_some())
        )?;
        if let Some(stats) = self.stats.filter(|stats| stats.mappers > 0) {
            write!(out, "; {}", phrases::rate(&stats))?;
        }
        writeln!(out)?;
        write!(out, "  ")?;
        if let Some(stats) = &self.stats {
            write!(out, "{}; ", phrases::workers(stats))?;
            if stats.reducers > 0 {
                let quarantined = HumanCount(stats.quarantined);
                write!(out, "{quarantined} records quarantined so far; ")?;
            }
        }
        writeln!(
            out,
            "{} results wait, {} of {} partitions closed",
            HumanCount(self.results),
            self.job.closed.len(),
            self.job.submission.spec.partitions
        )
    }
}

/// `612 of about 3,635 chunks mapped (1,227 sent), 3,023 left`; exact once the job is sealed.
fn chunks(estimate: &Estimate, sealed: bool) -> String {
    let published = HumanCount(estimate.published);
    let (of, sent) = match (sealed, estimate.total) {
        (true, _) => (format!("{published} chunks"), String::new()),
        (false, Some(total)) => {
            let total = HumanCount(total);
            (
                format!("about {total} chunks"),
                format!(" ({published} sent)"),
            )
        }
        (false, None) => (format!("{published} chunks sent so far"), String::new()),
    };
    match (
        estimate.mapped.map(HumanCount),
        estimate.left.map(HumanCount),
    ) {
        (Some(mapped), Some(left)) => format!("{mapped} of {of} mapped{sent}, {left} left"),
        (Some(mapped), None) => format!("{mapped} of {of} mapped{sent}"),
        (None, _) => format!("{of}{sent}"),
    }
}

/// How many chunks a stalled job misses, or splits that nobody has read to their end, in words.
pub fn missing(count: u64) -> String {
    match count {
        u64::MAX => "an unknown number of chunks or splits".to_owned(),
        1 => "1 chunk or split".to_owned(),
        count => format!("{} chunks or splits", HumanCount(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_exact_once_the_job_is_sealed() {
        let estimate = Estimate {
            published: 1227,
            total: Some(3635),
            mapped: Some(612),
            astray: 0,
            left: Some(3023),
            percent: None,
            eta: None,
        };
        assert_eq!(
            chunks(&estimate, false),
            "612 of about 3,635 chunks mapped (1,227 sent), 3,023 left"
        );
        let stream = Estimate {
            total: None,
            left: None,
            ..estimate
        };
        assert_eq!(
            chunks(&stream, false),
            "612 of 1,227 chunks sent so far mapped"
        );
        let sealed = Estimate {
            total: Some(1227),
            left: Some(615),
            ..estimate
        };
        assert_eq!(
            chunks(&sealed, true),
            "612 of 1,227 chunks mapped, 615 left"
        );
        let gone = Estimate {
            mapped: None,
            left: None,
            ..sealed
        };
        assert_eq!(chunks(&gone, true), "1,227 chunks");
    }
}
