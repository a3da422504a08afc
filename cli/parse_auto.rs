//! `group-by --parse auto`: the format that the first document with text is in holds for the job,
//! and stands in its spec.

use std::path::Path;

use gristmill_common::name::on_one_line;
use gristmill_common::spec::{AUTO, GroupBy, Kind, Parse};
use gristmill_input::{FirstText, Plan};
use gristmill_mapper::name_format;

use crate::exit::usage;
use crate::kind_command::TypedJob;
use crate::verbosity::Verbosity;

/// How much text decides, in bytes.
const ENOUGH: usize = 64 << 10;

/// Decides on the format of a job that leaves it open.
///
/// # Errors
/// A usage error when the text is in no format that is known by its lines.
pub fn decide<R>(
    job: &mut TypedJob<R>,
    plan: &mut Plan,
    tmp: &Path,
    verbosity: Verbosity,
) -> anyhow::Result<()> {
    let Kind::GroupBy(options) = &job.spec.kind else {
        return Ok(());
    };
    if options.parse.0 != AUTO {
        return Ok(());
    }
    let first = plan.first_text(&job.spec, ENOUGH, tmp)?;
    let parse = match &first {
        // Nothing will be read either.
        None => "json",
        Some(first) => {
            let format = format_of(options, first)?;
            let name = on_one_line(&first.document);
            verbosity.say(&format!("--parse {format}, by the beginning of {name}"));
            format
        }
    };
    let before = job.spec.kind.default_records();
    if let Kind::GroupBy(options) = &mut job.spec.kind {
        options.parse = Parse::from(parse);
    }
    job.first_text = first;
    // Unless the user said otherwise.
    if job.spec.records == before {
        job.spec.records = job.spec.kind.default_records();
    }
    // Where a large text may be cut depends on the format.
    *plan = std::mem::take(plan).for_spec(&job.spec)?;
    Ok(())
}

/// The format of a text.
///
/// # Errors
/// A usage error when it is in none that is known by its lines.
pub fn format_of(options: &GroupBy, first: &FirstText) -> anyhow::Result<&'static str> {
    if !options.fields.is_empty() {
        return Err(usage(
            "--fields names the columns of CSV or TSV: write --parse csv or --parse tsv with it",
        ));
    }
    let text = &first.text[..first.text.len().min(ENOUGH)];
    let whole = first.whole && text.len() == first.text.len();
    name_format(options, text, whole).map_err(|why| {
        let name = on_one_line(&first.document);
        usage(format!("{name}: {why}"))
    })
}
