//! `--dry-run`: what a job would read, and what it would pass over.

use std::io::Write;

use gristmill_common::name::on_one_line;
use gristmill_common::spec::JobSpec;
use gristmill_input::{Look, Plan, look};
use indicatif::{HumanBytes, HumanCount};

use crate::exit::Exit;
use crate::stdout;

/// Prints the sources of a plan: format, bytes on disk, splits and name of each.
///
/// # Errors
/// When stdout cannot be written.
pub fn show(plan: &Plan, spec: &JobSpec) -> anyhow::Result<Exit> {
    let mut splits = vec![0_u32; plan.sources().len()];
    for split in plan.splits() {
        // Small sources share a split.
        for source in split.sources.clone() {
            splits[source as usize] += 1;
        }
    }
    let mut out = Vec::new();
    let mut passed_over = 0_u64;
    writeln!(out, "FORMAT\tBYTES\tSPLITS\tSOURCE")?;
    for (source, splits) in plan.sources().iter().zip(splits) {
        let size = source.size().map_or("-".into(), |size| size.to_string());
        let name = on_one_line(&source.name);
        match look(source, spec) {
            Look::Read(format) => writeln!(out, "{format}\t{size}\t{splits}\t{name}")?,
            Look::PassedOver(why) => {
                passed_over += 1;
                writeln!(out, "-\t{size}\t{splits}\t{name} (set aside: {why})")?;
            }
        }
    }
    let bytes = plan.total_bytes();
    let bytes = bytes.map_or("streams".into(), |bytes| HumanBytes(bytes).to_string());
    writeln!(
        out,
        "{} ({bytes}) in {}; {} would be set aside whole",
        counted(plan.sources().len(), "source"),
        counted(plan.splits().len(), "split"),
        HumanCount(passed_over),
    )?;
    stdout::print(&out)?;
    Ok(Exit::Complete)
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", HumanCount(count as u64))
}
