//! `--dry-run`: what a job would read, and what it would pass over.

use std::io::Write;

use gristmill_input::{Look, Plan, look};
use indicatif::{HumanBytes, HumanCount};

use crate::exit::Exit;
use crate::stdout;

/// Prints the sources of a plan: format, bytes on disk, splits and name of each.
///
/// # Errors
/// When stdout cannot be written.
pub fn show(plan: &Plan) -> anyhow::Result<Exit> {
    let mut splits = vec![0_u32; plan.sources().len()];
    for split in plan.splits() {
        // Small sources share one, which counts with the first.
        if let Some(count) = splits.get_mut(split.sources.start as usize) {
            *count += 1;
        }
    }
    let mut out = Vec::new();
    let mut passed_over = 0_u64;
    writeln!(out, "FORMAT\tBYTES\tSPLITS\tSOURCE")?;
    for (source, splits) in plan.sources().iter().zip(splits) {
        let size = source.size().map_or("-".into(), |size| size.to_string());
        let name = source.name.escape_ascii();
        let name = match std::str::from_utf8(&source.name) {
            Ok(text) if !text.contains(char::is_control) => text.to_owned(),
            _ => name.to_string(),
        };
        match look(source) {
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
        "{} sources ({bytes}) in {} splits; {} would be set aside whole",
        HumanCount(plan.sources().len() as u64),
        HumanCount(plan.splits().len() as u64),
        HumanCount(passed_over),
    )?;
    stdout::print(&out)?;
    Ok(Exit::Complete)
}
