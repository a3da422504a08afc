//! `gristmill fields`: what the records of a log hold, before the first `group-by`.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use gristmill_common::name::on_one_line;
use gristmill_common::size::ByteSize;
use gristmill_common::spec::{AUTO, GroupBy, JobSpec, Kind, Parse};
use gristmill_mapper::{FieldSeen, survey};

use crate::commands::run::tmp;
use crate::exit::{Exit, usage};
use crate::objects;
use crate::parse_auto::format_of;
use crate::stdout;
use crate::verbosity::Verbosity;

/// The columns of the answer.
const COLUMNS: [&str; 5] = ["FIELD", "RECORDS", "SHARE", "TYPES", "EXAMPLES"];

/// Options of `fields`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  gristmill fields logs/
  gristmill fields --unwrap docker /var/lib/docker/containers/
  gristmill fields --sample 64MiB app.jsonl.zst | cut -f1

It reads the beginning of the first document. On a terminal the columns are lined up; else they are
separated by tabs.
Exit codes: 0 told, 1 there is no text, 2 it is in no known format")]
pub struct FieldsArgs {
    /// Files, folders, URLs (s3://, gs://, az://, https://), - for stdin, or @LIST for a file with
    /// one path a line
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<OsString>,
    /// How records are read, as for group-by
    #[arg(long, value_name = "FORMAT", default_value = AUTO)]
    pub parse: Parse,
    /// The columns of CSV or TSV without a header line, in their order
    #[arg(long, value_name = "NAME[,NAME…]")]
    pub fields: Vec<String>,
    /// Take a wrapper off each line first: docker, cri, journald or syslog
    #[arg(long, value_name = "WRAPPER")]
    pub unwrap: Option<String>,
    /// How much of the document is looked at
    #[arg(long, value_name = "SIZE", default_value = "4MiB")]
    pub sample: ByteSize,
    /// Folder for temporary files [default: the system's]
    #[arg(long, value_name = "DIR")]
    pub tmp: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A usage error, or when there is no text.
pub fn fields(args: FieldsArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let most = ByteSize(1 << 30);
    if args.sample.0 == 0 || args.sample.0 > most.0 {
        return Err(usage(format!(
            "--sample {}: from 1B to {most}",
            args.sample
        )));
    }
    let tmp = tmp(args.tmp.as_ref())?;
    let mut options = GroupBy {
        parse: args.parse,
        fields: args.fields,
        unwrap: args.unwrap,
        ..GroupBy::default()
    }
    .with_lists();
    let spec = JobSpec::of(Kind::GroupBy(options.clone()));
    let mut plan = objects::plan(&args.inputs, &spec, 1 << 20, b'\n', None)?;
    let Some(first) = plan.first_text(&spec, args.sample.0 as usize, &tmp)? else {
        bail!("there is no text in what was named");
    };
    if options.parse.0 == AUTO {
        options.parse = Parse::from(format_of(&options, &first)?);
    }
    let survey =
        survey(&options, &first.text, first.whole).map_err(|error| usage(error.to_string()))?;
    let all = survey.records.max(1);
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(survey.fields.iter().map(|field| row(field, all)));
    let lined_up = std::io::stdout().is_terminal();
    stdout::print(&printed(&rows, lined_up)?)?;
    verbosity.say(&format!(
        "{} records of {} (--parse {}){}",
        survey.records,
        on_one_line(&first.document),
        options.parse.0,
        match survey.reason {
            Some(reason) => format!("; {} could not be read: {reason}", survey.unread),
            None => String::new(),
        }
    ));
    if survey.cut {
        verbosity
            .say("not all fields are listed: the first 1,000, and of lists the first 10 places");
    }
    Ok(Exit::Complete)
}

fn row(field: &FieldSeen, all: u64) -> [String; 5] {
    let types: Vec<&str> = field.types.iter().map(|(name, _)| *name).collect();
    let examples = field
        .examples
        .iter()
        .map(|example| on_one_line(example.as_bytes()));
    [
        on_one_line(field.name.as_bytes()).into(),
        field.records.to_string(),
        format!("{:.1}%", field.records as f64 * 100.0 / all as f64),
        types.join(", "),
        examples.collect::<Vec<_>>().join(" | "),
    ]
}

/// The rows as lines: with tabs between their cells, or lined up.
fn printed(rows: &[[String; 5]], lined_up: bool) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut widths = [0; 5];
    for row in rows {
        for (most, cell) in widths.iter_mut().zip(row) {
            *most = (*most).max(cell.chars().count());
        }
    }
    for row in rows {
        if !lined_up {
            writeln!(out, "{}", row.join("\t"))?;
            continue;
        }
        let mut line = String::new();
        for (at, (cell, most)) in row.iter().zip(widths).enumerate() {
            // Numbers stand at the right.
            line += &match at {
                1 | 2 => format!("{cell:>most$}  "),
                _ => format!("{cell:<most$}  "),
            };
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lined_up_for_people() {
        let row = |cells: [&str; 5]| cells.map(str::to_owned);
        let rows = [
            row(COLUMNS),
            row(["größe", "12", "100.0%", "number", "1, 2"]),
            row(["a", "1", "8.3%", "text, null", ""]),
        ];
        let text = String::from_utf8(printed(&rows, true).unwrap()).unwrap();
        assert_eq!(
            text,
            "FIELD  RECORDS   SHARE  TYPES       EXAMPLES\n\
             größe       12  100.0%  number      1, 2\n\
             a            1    8.3%  text, null\n"
        );
        let text = String::from_utf8(printed(&rows[..2], false).unwrap()).unwrap();
        assert!(text.ends_with("größe\t12\t100.0%\tnumber\t1, 2\n"));
    }
}
