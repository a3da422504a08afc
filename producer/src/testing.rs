//! What the tests of this crate share.

use std::io::Write;

use gristmill_common::spec::{Extract, JobSpec, Kind, Records};

/// A job with the defaults.
pub(crate) fn spec() -> JobSpec {
    JobSpec {
        records: Records::Lines,
        ..JobSpec::of(Kind::Extract(Extract {}))
    }
}

/// One gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
