//! The report of Gristmill: an output folder as one HTML page.
//!
//! The page is one file that needs no network and no script: its tables stand in it, and a script
//! only sorts and filters them. Whatever comes from the input is escaped, and a content security
//! policy with the hashes of the page's own style and script allows nothing else. The page stays
//! below 5 MB, however large the result: it shows the first rows and says how many it leaves out.

mod account;
mod chart;
mod clip;
mod page;
mod part_files;
mod quarantine;
mod result;
mod rows;
mod tags;
mod top;

use std::path::{Path, PathBuf};

use gristmill_reducer::{MANIFEST, Manifest, NoManifest, VerifyError, verify};

use crate::account::AccountView;
use crate::quarantine::QuarantineView;
use crate::result::ResultView;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is no manifest to tell what the folder holds.
    #[error("{}: {reason}", dir.display())]
    NoManifest {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with it.
        reason: NoManifest,
    },
    /// The folder cannot be verified.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A file of the output cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// A file of the output does not hold what its format says.
    #[error("{}, line {line}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// The page of an output folder.
#[derive(Clone, Debug)]
pub struct Report {
    /// The page.
    pub html: String,
    /// Whether the folder holds what its manifest says.
    pub is_sound: bool,
}

/// Makes the page of an output folder.
///
/// A folder that does not hold what its manifest says gets a page too: the findings stand first.
///
/// # Errors
/// When the folder has no manifest, or a file that it lists cannot be read.
pub fn report(output: &Path) -> Result<Report, ReportError> {
    let manifest =
        Manifest::read(&output.join(MANIFEST)).map_err(|reason| ReportError::NoManifest {
            dir: output.to_owned(),
            reason,
        })?;
    let verified = verify(output)?;
    let result = match verified.findings.is_empty() {
        true => ResultView::read(output, &manifest)?,
        // What does not hold is not shown as if it did.
        false => ResultView::default(),
    };
    let quarantine = QuarantineView::read(output, &manifest)?;
    let account = AccountView::new(&verified);
    let page = page::Page {
        manifest: &manifest,
        findings: &verified.findings,
        account: &account,
        result: &result,
        quarantine: &quarantine,
    };
    Ok(Report {
        html: page.render(),
        is_sound: verified.findings.is_empty(),
    })
}
