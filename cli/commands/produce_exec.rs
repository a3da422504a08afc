//! What `produce exec` has of its own: the program's files are sent along, and somebody may vouch
//! for them.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use gristmill_common::code::{bundle, travelling_bytes};
use gristmill_common::size::ByteSize;
use gristmill_common::spec::{self, Each, Exec, Kind, MAX_SENT_DOCUMENT};
use gristmill_jobs::file::MAX_FILE;
use gristmill_jobs::registry::SecretKey;
use gristmill_producer::ProgramOrder;

use crate::args::ProduceArgs;
use crate::exit::usage;
use crate::kind_command::TypedJob;

/// How long a mapper may hold a chunk: a program has time-outs of its own, and a chunk has many
/// units.
pub const HOLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The user's own program, as it is sent.
pub struct Program {
    /// Its files, if any are sent along.
    pub bundle: Option<Bytes>,
    keep_going: bool,
    key: Option<SecretKey>,
}

impl Program {
    /// The program of a job, if it has one; what only `run` can do is refused.
    ///
    /// # Errors
    /// A usage error that says so, or names the file that cannot be read.
    pub fn of(job: &mut TypedJob<ProduceArgs>) -> anyhow::Result<Option<Self>> {
        let sign = job.command.sign.as_deref();
        let Kind::Exec(exec) = &job.spec.kind else {
            return match sign {
                Some(_) => Err(usage("--sign vouches for a program: it goes with exec")),
                None => Ok(None),
            };
        };
        if job.local.try_units.is_some() {
            return Err(usage(
                "--try shows what comes of the first units: use it with `gristmill run exec`",
            ));
        }
        if exec.each == Each::Document {
            let most = ByteSize(MAX_SENT_DOCUMENT);
            if let Some(typed) = job.local.max_document.filter(|typed| *typed > most) {
                return Err(usage(format!(
                    "--max-document {typed}: over a broker at most {most}, so that every document fits \
                     one message; `gristmill run exec` takes larger ones"
                )));
            }
            job.spec.max_record = job.spec.max_record.min(MAX_SENT_DOCUMENT);
        }
        check(exec)?;
        let key = sign
            .map(SecretKey::read)
            .transpose()
            .map_err(|error| usage(format!("--sign {error}")))?;
        let bundle =
            bundle(&exec.files, Path::new("")).map_err(|error| usage(format!("exec: {error}")))?;
        Ok(Some(Self {
            bundle: (!bundle.is_empty()).then(|| bundle.into()),
            keep_going: job.local.keep_going,
            key,
        }))
    }

    /// How it is submitted.
    #[must_use]
    pub fn order(&self) -> ProgramOrder<'_> {
        ProgramOrder {
            keep_going: self.keep_going,
            key: self.key.as_ref(),
        }
    }
}

/// Refuses files that can neither be sent along nor be meant on other machines.
fn check(exec: &Exec) -> anyhow::Result<()> {
    for file in exec.files.iter().filter(|file| !file.travels()) {
        let python = exec.programs().any(|program| match program {
            spec::Program::Python { module, .. } => module == &file.name,
            _ => false,
        });
        if python || Path::new(&file.name).is_relative() {
            let name = &file.name;
            return Err(usage(format!(
                "exec: {name}: over a broker the program's files are sent along, and their paths begin at \
                 the folder where you are, without `..`: go to a folder that holds them all"
            )));
        }
    }
    let bytes = travelling_bytes(&exec.files);
    // The names take some room beside the bytes.
    if bytes > MAX_FILE - (16 << 20) {
        return Err(usage(format!(
            "exec: the program's files take {}; at most 240MiB can be sent along",
            ByteSize(bytes)
        )));
    }
    Ok(())
}
