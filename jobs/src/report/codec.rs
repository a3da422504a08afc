//! A report as a message.

use bytes::Bytes;

use super::Report;
use gristmill_common::wire::{self, BodyForm, Check, MessageKind, WireError};

/// The most bytes of a report.
pub const MAX_REPORT: usize = 1200;

/// Encodes a report of a worker's progress.
///
/// # Errors
/// When it would be larger than [`MAX_REPORT`].
pub fn encode_report(report: &Report) -> Result<Bytes, WireError> {
    let message = wire::encode(MessageKind::Report, report, Vec::new(), BodyForm::Raw)?;
    match message.len() {
        0..=MAX_REPORT => Ok(message),
        long => Err(WireError::Oversized(long)),
    }
}

/// Decodes a report of a worker's progress.
///
/// # Errors
/// When the bytes are not a whole, undamaged report.
pub fn decode_report(message: &Bytes) -> Result<Report, WireError> {
    if message.len() > MAX_REPORT {
        return Err(WireError::Oversized(message.len()));
    }
    let envelope = wire::open(message, Check::Full)?;
    if envelope.kind != MessageKind::Report || !envelope.body.is_empty() {
        return Err(WireError::Malformed("not a report".into()));
    }
    envelope.head()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::{Facts, Rate, Work};
    use gristmill_common::id::content_hash;
    use gristmill_common::progress::{Counts, Role};
    use gristmill_common::seal::Seal;

    proptest! {
        #[test]
        fn hostile_reports_are_errors(
            head in prop::collection::vec(any::<u8>(), 0..120),
            kind in 0u8..9,
            codec in 0u8..4,
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let mut message = head.clone();
            message.extend_from_slice(&content_hash(b"").to_le_bytes());
            message.extend_from_slice(&content_hash(&head).to_le_bytes());
            message.extend_from_slice(&0u32.to_le_bytes());
            message.extend_from_slice(&(head.len() as u32).to_le_bytes());
            message.extend_from_slice(&[kind, codec]);
            message.extend_from_slice(&wire::VERSION.to_le_bytes());
            message.extend_from_slice(b"GMW1");
            // What does decode is a report like any other, job name and all.
            let decoded = decode_report(&Bytes::from(message));
            if let Some(work) = decoded.ok().and_then(|report| report.work) {
                prop_assert_eq!(work.job.as_str().parse(), Ok(work.job.clone()));
            }
            let whole = encode_report(&report()).unwrap();
            prop_assert!(decode_report(&whole.slice(..at.index(whole.len()))).is_err());
            let mut flipped = whole.to_vec();
            let at = at.index(flipped.len());
            flipped[at] ^= 1 << bit;
            prop_assert!(decode_report(&Bytes::from(flipped)).is_err());
        }
    }

    fn report() -> Report {
        let most = u64::MAX;
        Report {
            worker: most,
            role: Role::Reduce,
            facts: Facts {
                host: "h".repeat(64),
                pid: u32::MAX,
                version: "10.20.30-beta.4".into(),
                threads: u32::MAX,
                memory: most,
            },
            work: Some(Work {
                job: "j".repeat(64).parse().unwrap(),
                run: most,
                counts: Counts {
                    chunks: most,
                    bytes: most,
                    total: most,
                    in_hand: most,
                    quarantined: most,
                    partitions: u32::MAX,
                },
                rate: Rate {
                    millis: most,
                    chunks: most,
                    bytes: most,
                },
                trouble: Some("ä".repeat(crate::report::MAX_TROUBLE / 2)),
                left_alone: true,
                reasons: vec![
                    ("r".repeat(crate::report::MAX_REASON), most);
                    crate::report::MAX_REASONS
                ],
            }),
        }
    }

    #[test]
    fn the_largest_report_fits_and_only_reports_are_reports() {
        let message = encode_report(&report()).unwrap();
        assert_eq!(decode_report(&message), Ok(report()));
        let seal = wire::encode_seal(&Seal::default()).unwrap();
        assert!(decode_report(&seal).is_err());
        let long = Bytes::from(vec![0; MAX_REPORT + 1]);
        assert_eq!(
            decode_report(&long),
            Err(WireError::Oversized(MAX_REPORT + 1))
        );
        // A report is nothing to work on.
        assert!(wire::decode(&message, Check::Full).is_err());
    }
}
