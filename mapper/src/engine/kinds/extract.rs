//! `extract`: one JSON line a document, with its name and its text.

use std::borrow::Cow;

use gristmill_common::name::shown;
use gristmill_common::spec::Records;

use crate::engine::batch::Batch;
use crate::engine::json;
use crate::engine::output::Output;
use crate::engine::prepared::{Factory, SpecError};
use crate::engine::processor::{ProcessError, Processor};

/// Checks that a record is a document.
pub(super) fn prepare(records: &Records) -> Result<Factory, SpecError> {
    if *records != Records::Document {
        return Err(SpecError(
            "extract writes whole documents: leave --records and --record-start out, or say \
             --records document"
                .into(),
        ));
    }
    Ok(Box::new(|| Box::new(Extractor)))
}

struct Extractor;

impl Processor for Extractor {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        for part in batch.parts() {
            if part.is_empty() {
                continue;
            }
            if !(part.piece.first && part.piece.last) {
                return Err(ProcessError(Cow::Borrowed("not a whole document")));
            }
            out.bytes.extend_from_slice(b"{\"name\":");
            json::push_string(&mut out.bytes, shown(&part.piece.document).as_bytes());
            out.bytes.push(b',');
            json::push_member(&mut out.bytes, "text", part.text());
            out.bytes.extend_from_slice(b"}\n");
        }
        Ok(())
    }
}
