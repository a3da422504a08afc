//! `gristmill verify`: does an output folder hold what its manifest says, and is every record of
//! the inputs accounted for?

use std::io::Write;

use gristmill_common::name::{for_terminal, shown};
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_input::{Plan, is_url, recount as recount_records};

use crate::args::VerifyArgs;
use crate::commands::rerun;
use crate::commands::run::threads;
use crate::exit::{Exit, usage};
use crate::objects;
use crate::verbosity::Verbosity;

/// Runs the command.
///
/// # Errors
/// When the folder or an input cannot be read at all; findings are printed, not errors.
pub fn verify(args: &VerifyArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let url = args.output.to_str().filter(|url| is_url(url.as_bytes()));
    if url.is_some() && args.rerun.is_some() {
        return Err(usage(
            "--rerun looks into the parts: it needs the output on this machine",
        ));
    }
    let verified = match url {
        Some(url) => gristmill_reducer::verify_files(&*objects::output(url)?)?,
        None => gristmill_reducer::verify(&args.output)?,
    };
    let mut findings = verified.findings.clone();
    if !args.inputs.is_empty() {
        findings.extend(recount(args, &verified)?);
    }
    let mut reran = None;
    if let Some(share) = args.rerun {
        let plan = plan(args, &verified)?;
        let again = rerun::rerun(&args.output, &verified.spec, &plan, share)?;
        findings.extend(again.findings);
        reran = Some((again.chunks, again.of));
    }
    let mut out = std::io::stderr().lock();
    for finding in &findings {
        let finding = for_terminal(finding).replace('\n', "\\x0A");
        writeln!(out, "{finding}")?;
    }
    if !findings.is_empty() {
        writeln!(
            out,
            "{} does not hold: {} finding(s)",
            args.output.display(),
            findings.len()
        )?;
        return Ok(Exit::Failed);
    }
    if verbosity != Verbosity::Quiet {
        writeln!(
            out,
            "{} holds: {} files, {} records in = {} mapped + {} quarantined{}",
            args.output.display(),
            verified.files,
            verified.totals.records,
            verified.totals.mapped,
            verified.totals.quarantined,
            if args.inputs.is_empty() {
                ""
            } else {
                ", recounted from the inputs"
            }
        )?;
        if let Some((chunks, of)) = reran {
            writeln!(
                out,
                "{chunks} of {of} chunks were run again, and gave the same"
            )?;
        }
    }
    Ok(Exit::Complete)
}

/// The plan of the output's job.
fn plan(args: &VerifyArgs, verified: &gristmill_reducer::Verified) -> anyhow::Result<Plan> {
    let separator = if args.null { 0 } else { b'\n' };
    objects::plan(
        &args.inputs,
        &verified.spec,
        1 << 20,
        separator,
        Some(&args.output),
    )
}

/// Counts the inputs' records anew, by the manifest's own spec, and compares source by source.
fn recount(
    args: &VerifyArgs,
    verified: &gristmill_reducer::Verified,
) -> anyhow::Result<Vec<String>> {
    let plan = plan(args, verified)?;
    let (threads, tmp) = (threads(args.threads)?, std::env::temp_dir());
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let counted = recount_records(&plan, &verified.spec, threads, tmp, &progress, &shutdown)?;
    let names: Vec<String> = plan
        .summary()
        .sources
        .iter()
        .map(|name| shown(name).into_owned())
        .collect();
    let mut findings = Vec::new();
    if names.len() != verified.sources.len() {
        findings.push(format!(
            "the inputs are {} sources, the output is of {}",
            names.len(),
            verified.sources.len()
        ));
    }
    for ((name, counted), (source, account)) in names.iter().zip(counted).zip(&verified.sources) {
        if name != source {
            findings.push(format!("{name}: the output has {source} in its place"));
        } else if counted != account.records {
            findings.push(format!(
                "{name}: {counted} records now, {} in the output's account",
                account.records
            ));
        }
    }
    Ok(findings)
}
