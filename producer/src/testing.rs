//! What the tests of this crate share.

use std::io::Write;

use gristmill_common::spec::{
    EncodingErrors, Extract, Format, JobSpec, Kind, Limits, OnCorrupt, Records, SPEC_VERSION,
};

/// A job with the defaults.
pub(crate) fn spec() -> JobSpec {
    JobSpec {
        version: SPEC_VERSION,
        kind: Kind::Extract(Extract {}),
        records: Records::Lines,
        encoding_errors: EncodingErrors::Keep,
        max_record: 2 << 20,
        on_corrupt: OnCorrupt::Salvage,
        limits: Limits::default(),
        include: Vec::new(),
        exclude: Vec::new(),
        hidden: false,
        follow: false,
        partitions: 1,
        format: Format::Jsonl,
        compress: None,
        max_quarantine: 256 << 20,
    }
}

/// One gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
