//! The report of Gristmill: an output folder as one HTML page.
//!
//! The page is one file that needs no network and no script: its tables stand in it, and a script
//! only sorts and filters them. Whatever comes from the input is escaped, and a content security
//! policy with the hashes of the page's own style and script allows nothing else. The page stays
//! below 5 MB, however large the result: it shows the first rows and says how many it leaves out.

mod account;
mod cell;
mod chart;
mod clip;
mod csv;
mod histogram;
mod page;
mod part_files;
mod quantiles;
mod quarantine;
mod result;
mod rows;
mod tags;
mod top;

use std::time::Duration;

use gristmill_reducer::{OutputFiles, VerifyError, manifest_of, verify_files};

use crate::account::AccountView;
use crate::quarantine::QuarantineView;
use crate::result::ResultView;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The output cannot be verified.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A file of the output cannot be read.
    #[error("cannot read {file}: {error}")]
    Read {
        /// The file.
        file: String,
        /// What happened.
        error: std::io::Error,
    },
    /// A file of the output does not hold what its format says.
    #[error("{file}, line {line}: {what}")]
    Malformed {
        /// The file.
        file: String,
        /// The line's number, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Another output took the place of the one that was being read.
    #[error("{place} was replaced while it was read: make the report again")]
    Replaced {
        /// Where.
        place: String,
    },
}

/// The page of an output.
#[derive(Clone, Debug)]
pub struct Report {
    /// The page.
    pub html: String,
    /// Whether the output is what its manifest says.
    pub is_sound: bool,
}

/// Makes the page of an output. `took` is how long the job took, where that is known: an output
/// does not hold it.
///
/// An output that is not what its manifest says gets a page too: the findings stand first.
///
/// # Errors
/// When there is no manifest, a file that it lists cannot be read, or another output takes the
/// place of this one meanwhile.
pub fn report(output: &dyn OutputFiles, took: Option<Duration>) -> Result<Report, ReportError> {
    let manifest = manifest_of(output)?;
    let verified = verify_files(output)?;
    let is_sound = verified.findings.is_empty();
    let quarantine = QuarantineView::read(output, &manifest);
    let (result, quarantine) = match is_sound {
        true => (ResultView::read(output, &manifest)?, quarantine?),
        // What does not hold is not shown as if it did, and what cannot be read is a finding.
        false => (ResultView::default(), quarantine.unwrap_or_default()),
    };
    // Whoever replaces an output takes its manifest away first.
    if manifest_of(output).ok().as_ref() != Some(&manifest) {
        let place = output.shown();
        return Err(ReportError::Replaced { place });
    }
    let account = AccountView::new(&verified);
    let page = page::Page {
        manifest: &manifest,
        took,
        findings: &verified.findings,
        account: &account,
        result: &result,
        quarantine: &quarantine,
    };
    Ok(Report {
        html: page.render(),
        is_sound,
    })
}
