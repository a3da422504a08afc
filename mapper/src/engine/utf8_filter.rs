//! `--encoding-errors quarantine`: records that are not UTF-8 are set aside before any processor
//! sees them.

use crate::engine::batch::{Batch, Part};
use crate::engine::output::Output;

/// The batch without its records that are not UTF-8, which go to `out`. Every part stays present,
/// if need be without records.
pub(crate) fn filter_utf8<'a>(batch: Batch<'a>, out: &mut Output) -> Batch<'a> {
    let valid = |part: &Part<'_>| std::str::from_utf8(part.bytes).is_ok();
    if batch.parts().iter().all(valid) {
        return batch;
    }
    let mut parts = Vec::new();
    for part in batch.parts() {
        if valid(part) {
            parts.push(*part);
        } else {
            filter_part(&batch, part, &mut parts, out);
        }
    }
    Batch::new(batch.split(), batch.splitter(), parts)
}

fn filter_part<'a>(
    batch: &Batch<'a>,
    part: &Part<'a>,
    parts: &mut Vec<Part<'a>>,
    out: &mut Output,
) {
    // The run of good records that is being collected, and where the next record begins.
    let mut run = part.emptied();
    let mut at = 0;
    let before = parts.len();
    for record in batch.records(part) {
        let end = at + record.bytes.len();
        if std::str::from_utf8(record.bytes).is_ok() {
            let start = at - run.bytes.len();
            run.bytes = &part.bytes[start..end];
            run.records = run.records.map(|records| records + 1);
        } else {
            out.quarantine(part.piece, record.offset, "not UTF-8", record.bytes);
            if !run.is_empty() {
                parts.push(run);
            }
            run = Part {
                offset: record.offset + record.bytes.len() as u64,
                number: record.number + 1,
                ..part.emptied()
            };
        }
        at = end;
    }
    if !run.is_empty() || parts.len() == before {
        parts.push(run);
    }
}
