//! The numbers of one worker in the text format of OpenMetrics, which Prometheus reads. It must not
//! change what it shows.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use gristmill_common::histogram::{BOUNDS, Histogram};
use gristmill_common::progress::{Cause, Progress};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::{Monitor, Role, per_job};

/// The type of the answer.
pub(super) const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is shown of a worker.
pub(super) fn registry(monitor: &Arc<Monitor>) -> Registry {
    let mut registry = Registry::with_prefix("gristmill");
    registry.register(
        "build",
        "The version that runs, and its role",
        Info::new(vec![
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", env!("GRISTMILL_BUILT_FROM")),
            ("role", monitor.role.name()),
        ]),
    );
    registry.register_collector(Box::new(Worker(Arc::clone(monitor))));
    registry
}

/// The numbers now.
///
/// # Errors
/// When a metric cannot be written as text: a defect of its collector.
pub(super) fn render(registry: &Registry) -> Result<String, fmt::Error> {
    let mut written = String::new();
    text::encode(&mut written, registry)?;
    Ok(written)
}

#[derive(Debug)]
struct Worker(Arc<Monitor>);

/// A counter or histogram: its name without prefix and suffix, and what it says.
type Named<'a, T> = (&'static str, &'static str, &'a T);

impl Worker {
    fn counters(&self) -> Vec<Named<'_, AtomicU64>> {
        let progress = &self.0.progress;
        match self.0.role {
            Role::Map => vec![
                ("chunks_mapped", "Chunks mapped", &progress.chunks_mapped),
                (
                    "text_bytes",
                    "Bytes of text mapped, decompressed",
                    &progress.bytes_mapped,
                ),
                (
                    "records",
                    "Records mapped, without those set aside",
                    &progress.records,
                ),
                (
                    "quarantined_records",
                    "Records set aside",
                    &progress.quarantined,
                ),
                (
                    "outcome_bytes",
                    "Bytes of outcomes that the broker has taken",
                    &progress.outcome_bytes,
                ),
            ],
            Role::Reduce => vec![
                (
                    "chunks_reduced",
                    "Chunks (of a job of splits or files: splits) that are durable, once per partition",
                    &progress.chunks_reduced,
                ),
                (
                    "durable_bytes",
                    "Bytes of outcomes made durable",
                    &progress.durable_bytes,
                ),
                (
                    "duplicates_dropped",
                    "Messages that came again and were dropped",
                    &progress.duplicates,
                ),
                (
                    "spilled_bytes",
                    "Bytes that did not fit the memory budget and went to temporary files",
                    &progress.spilled,
                ),
            ],
        }
    }

    fn of_broker(&self) -> [(&'static str, &'static str, u64); 3] {
        let (refused, renewed) = self.0.refusals();
        [
            (
                "broker_reconnects",
                "How often the broker came back after it was gone",
                self.0.reconnects(),
            ),
            (
                "broker_refusals",
                "Messages that a queue refused, full or without a leader; each was sent again",
                refused,
            ),
            (
                "broker_channels_renewed",
                "Channels opened anew because a queue refused everything or answered nothing",
                renewed,
            ),
        ]
    }

    fn histograms(&self) -> Vec<Named<'_, Histogram>> {
        let progress = &self.0.progress;
        match self.0.role {
            Role::Map => vec![
                (
                    "chunk_queue_seconds",
                    "From sending a chunk until it was taken here, by both clocks",
                    &progress.queue_seconds,
                ),
                (
                    "chunk_map_seconds",
                    "How long mapping a chunk took",
                    &progress.map_seconds,
                ),
                (
                    "outcome_confirm_seconds",
                    "From handing a chunk's outcomes to the broker until it had taken them",
                    &progress.confirm_seconds,
                ),
            ],
            Role::Reduce => vec![
                (
                    "outcome_queue_seconds",
                    "From sending an outcome until it was taken here, by both clocks",
                    &progress.queue_seconds,
                ),
                (
                    "segment_write_seconds",
                    "How long making a batch of outcomes durable took",
                    &progress.segment_seconds,
                ),
            ],
        }
    }

    fn gauges(&self) -> Vec<(&'static str, &'static str, f64)> {
        let health = self.0.broker();
        let blocked = health.is_some_and(|health| health.blocked.is_some());
        let flag = |is| if is { 1.0 } else { 0.0 };
        let mut gauges = vec![
            (
                "broker_connected",
                "Whether all connections to the broker are up",
                flag(self.0.is_connected()),
            ),
            (
                "broker_blocked",
                "Whether the broker is in alarm and takes no messages",
                flag(blocked),
            ),
            (
                "ready",
                "Whether the worker takes work",
                flag(self.0.unready().is_none()),
            ),
        ];
        let progress = &self.0.progress;
        let moved = Progress::get(&progress.moved);
        if moved > 0 {
            // Exact: milliseconds since 1970 fit a float's 53 bits.
            let seconds = moved as f64 / 1000.0;
            gauges.push((
                "last_progress_timestamp_seconds",
                "When something last went forward, since 1970; not there before the first time",
                seconds,
            ));
        }
        if self.0.role == Role::Map {
            gauges.push((
                "chunks_in_flight",
                "Chunks mapped whose outcomes the broker has not yet taken",
                Progress::get(&progress.in_hand) as f64,
            ));
        }
        gauges
    }

    /// How many jobs this worker cannot go on with, by cause, and whether it has yet to read the
    /// log.
    fn encode_held_up(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut family = encoder.encode_descriptor(
            "held_up",
            "What holds the worker up: jobs that it cannot go on with, by cause; 1 for log while the log \
             of jobs is not read",
            None,
            MetricType::Gauge,
        )?;
        let causes: Vec<Cause> = self.0.troubles().map(|(_, held)| held.cause).collect();
        let jobs = |cause| causes.iter().filter(|&&held| held == cause).count() as u64;
        let numbers = Cause::ALL.map(|cause| (cause.name(), jobs(cause)));
        let log = ("log", u64::from(!self.0.has_read_log()));
        for (cause, number) in numbers.into_iter().chain([log]) {
            family
                .encode_family(&[("cause", cause)])?
                .encode_gauge(&number)?;
        }
        Ok(())
    }
}

impl Collector for Worker {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, value) in self.counters() {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&Progress::get(value), None)?;
        }
        for (name, help, value) in self.of_broker() {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        for (name, help, value) in self.gauges() {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&value)?;
        }
        self.encode_held_up(&mut encoder)?;
        per_job::encode(self.0.role, &self.0.progress.jobs, &mut encoder)?;
        for (name, help, value) in self.histograms() {
            let read = value.read();
            let bounds = BOUNDS.iter().copied().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(read.counts).collect();
            encoder
                .encode_descriptor(name, help, None, MetricType::Histogram)?
                .encode_histogram::<NoLabelSet>(
                    read.sum,
                    read.counts.iter().sum(),
                    &buckets,
                    None,
                )?;
        }
        Ok(())
    }
}
