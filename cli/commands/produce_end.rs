//! What `produce` says of a finished job, and the exit code that it deserves.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gristmill_common::job::JobName;
use gristmill_input::Plan;
use gristmill_jobs::directory::directory_here;
use gristmill_jobs::registry::{Claim, Totals};
use gristmill_reducer::{MANIFEST, Manifest};

use crate::absent_fields;
use crate::args::ProduceArgs;
use crate::commands::report as page;
use crate::exit::Exit;
use crate::kind_command::TypedJob;
use crate::summary;
use crate::verbosity::Verbosity;

/// A finished job.
pub struct Finished {
    /// What it amounts to.
    pub totals: Totals,
    /// The output directory that owns it.
    pub claim: Option<Claim>,
    /// How long it took from its submission on, to a second, if that was seen.
    pub took: Option<Duration>,
}

impl Finished {
    /// Says what the job amounts to, writes its page if that is asked for, and returns the exit
    /// code that it deserves (I9).
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn tell(
        &self,
        name: &JobName,
        job: &TypedJob<ProduceArgs>,
        plan: &mut Plan,
        tmp: &Path,
        verbosity: Verbosity,
    ) -> anyhow::Result<Exit> {
        let exit = self.judge(job, plan.sources().len() as u64, verbosity)?;
        let claim = self.claim.as_ref();
        let output = (claim.and_then(directory_here))
            .map(|directory| directory.join(name.as_str()))
            .filter(|output| output.join(MANIFEST).is_file());
        let manifest =
            (output.as_ref()).and_then(|output| Manifest::read(&output.join(MANIFEST)).ok());
        if let Some(manifest) = manifest {
            let counted = (&manifest.counters, manifest.totals.mapped);
            for warning in absent_fields::warnings(job, plan, counted, tmp) {
                verbosity.say(&warning);
            }
        }
        if job.command.report {
            self.report(name, output, job.command.force)?;
        }
        Ok(exit)
    }

    /// Writes the page beside the job's folder, or says how it can be had: the job is complete
    /// either way.
    fn report(&self, name: &JobName, output: Option<PathBuf>, force: bool) -> anyhow::Result<()> {
        let mut err = std::io::stderr();
        let Some(output) = output else {
            let place = self.claim.as_ref().map_or("", |claim| claim.place.as_str());
            writeln!(
                err,
                "no report: this command does not see the folder {place}; run `gristmill report {name}` there"
            )?;
            return Ok(());
        };
        let written = page::beside(&output).and_then(|file| {
            page::write(&file, &page::of_folder(&output, self.took)?.html, force)?;
            Ok(file)
        });
        match written {
            Ok(file) => writeln!(err, "{}", file.display())?,
            Err(error) => writeln!(
                err,
                "no report: {error:#}; `gristmill report {} -o FILE` writes it elsewhere",
                output.display()
            )?,
        }
        Ok(())
    }

    fn judge(
        &self,
        job: &TypedJob<ProduceArgs>,
        sources: u64,
        verbosity: Verbosity,
    ) -> anyhow::Result<Exit> {
        let Totals {
            records,
            quarantined,
            skipped_chunks,
            foreign_messages,
        } = self.totals;
        verbosity.say(&format!(
            "finished: {records} records, {quarantined} of them quarantined"
        ));
        if let Some(hint) = summary::hint(&job.spec, quarantined, records, sources) {
            verbosity.say(hint);
        }
        if foreign_messages > 0 {
            verbosity.say(&format!(
            "{foreign_messages} messages in its queues were none of its chunks or outcomes and were set \
             aside: the output is complete without them; see the workers' logs for what they were"
        ));
        }
        if skipped_chunks > 0 {
            verbosity.say(&format!(
            "{skipped_chunks} chunks could not be run at all: see quarantine.jsonl; `gristmill replay` \
             tries them again"
        ));
        }
        let set_aside = quarantined.saturating_add(foreign_messages);
        Ok(
            match skipped_chunks == 0 && job.quarantine_limit.permits(set_aside, records) {
                true => Exit::Complete,
                false => Exit::Quarantined,
            },
        )
    }
}
