//! The numbers of each job that a worker has in hand. They go when the job does: the totals over
//! all jobs stay. It must not know how a worker counts.

use std::collections::BTreeMap;
use std::fmt;

use gristmill_common::counters::{Counter, MAX_COUNTERS};
use gristmill_common::progress::{AllJobCounters, Counts};
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::Role;

/// No more jobs than this are shown, by name: each is a series of its own in Prometheus.
const MOST: usize = 100;
/// The label with the job's name; Prometheus keeps `job` for itself.
const LABEL: &str = "job_name";

struct Number {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    of: fn(&Counts) -> u64,
}

const MAPPER: [Number; 4] = [
    Number {
        name: "job_chunks_mapped",
        help: "Chunks of a running job mapped here",
        kind: MetricType::Counter,
        of: |counts| counts.chunks,
    },
    Number {
        name: "job_text_bytes",
        help: "Bytes of text of a running job mapped here, decompressed",
        kind: MetricType::Counter,
        of: |counts| counts.bytes,
    },
    Number {
        name: "job_quarantined_records",
        help: "Records of a running job set aside here",
        kind: MetricType::Counter,
        of: |counts| counts.quarantined,
    },
    Number {
        name: "job_chunks_in_hand",
        help: "Chunks of a running job that are taken and not settled",
        kind: MetricType::Gauge,
        of: |counts| counts.in_hand,
    },
];

// A partition may go to another reducer, so that none of these only grows.
const REDUCER: [Number; 4] = [
    Number {
        name: "job_outcomes_durable",
        help: "Outcomes of a running job that are durable here, once per chunk and partition",
        kind: MetricType::Gauge,
        of: |counts| counts.chunks,
    },
    Number {
        name: "job_outcomes_expected",
        help: "Outcomes that the partitions here will have; 0 while the job is not sealed",
        kind: MetricType::Gauge,
        of: |counts| counts.total,
    },
    Number {
        name: "job_records_set_aside",
        help: "Records set aside in the outcomes of a running job that are durable here",
        kind: MetricType::Gauge,
        of: |counts| counts.quarantined,
    },
    Number {
        name: "job_partitions",
        help: "Partitions of a running job that this reducer works on",
        kind: MetricType::Gauge,
        of: |counts| counts.partitions.into(),
    },
];

/// Writes them all.
///
/// # Errors
/// When a metric cannot be written as text.
pub(super) fn encode(
    role: Role,
    all: &AllJobCounters,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    // Of two runs of one name, the later.
    let jobs: BTreeMap<String, Counts> = all
        .all()
        .iter()
        .map(|counters| (counters.run().job.to_string(), counters.counts()))
        .collect();
    if role == Role::Map {
        encode_counters(all, encoder)?;
    }
    let numbers = match role {
        Role::Map => &MAPPER,
        Role::Reduce => &REDUCER,
    };
    for number in numbers {
        let mut family = encoder.encode_descriptor(number.name, number.help, None, number.kind)?;
        for (job, counts) in jobs.iter().take(MOST) {
            let labels = [(LABEL, job.as_str())];
            let mut metric = family.encode_family(&labels)?;
            let value = (number.of)(counts);
            match number.kind {
                MetricType::Counter => {
                    metric.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
                }
                _ => metric.encode_gauge(&value)?,
            }
        }
    }
    Ok(())
}

/// Writes what the programs of users have counted, as many series as one job may have.
fn encode_counters(
    all: &AllJobCounters,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    let counted: BTreeMap<String, Vec<Counter>> = (all.all().iter())
        .map(|counters| {
            let job = counters.run().job.to_string();
            (job, counters.user_counters().iter().collect())
        })
        .collect();
    let mut family = encoder.encode_descriptor(
        "job_counter",
        "What the programs of a running job have counted here",
        None,
        MetricType::Counter,
    )?;
    let counted = counted.iter();
    let series = counted.flat_map(|(job, counters)| counters.iter().map(move |of| (job, of)));
    for (job, counter) in series.take(MAX_COUNTERS) {
        let labels = [
            (LABEL, job.as_str()),
            ("group", &counter.group),
            ("name", &counter.name),
        ];
        family
            .encode_family(&labels)?
            .encode_counter::<NoLabelSet, _, u64>(&counter.count, None)?;
    }
    Ok(())
}
