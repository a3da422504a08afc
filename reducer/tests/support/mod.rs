//! Small jobs for tests: outcomes made by hand, sent through a transport, reduced and committed.
#![allow(dead_code, unreachable_pub)] // Every test file uses its own share.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use gristmill_common::chunk::Quarantined;
use gristmill_common::id::{ChunkId, partition_of_key, partition_of_split};
use gristmill_common::outcome::{OutcomeHead, SourceCount};
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::plan_summary::Sent;
use gristmill_common::progress::Progress;
use gristmill_common::seal::{Seal, SplitEnd};
use gristmill_common::shards::TableBody;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::*;
use gristmill_common::split_task::SplitAccount;
use gristmill_common::wire;
use gristmill_jobs::environment::Environment;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::{Capacity, Embedded, Faulty, Transport};
use gristmill_reducer::*;

/// A job as the reducer sees it.
#[derive(Clone)]
pub struct Job {
    pub spec: JobSpec,
    pub plan_summary: PlanSummary,
    /// Each partition's outcomes; an outcome may be in parts.
    pub outcomes: Vec<(OutcomeHead, Vec<u8>)>,
    pub seal: Seal,
    /// Whether ends of splits are published.
    pub split_ends: bool,
    /// Mappers read its splits: an account of each takes the place of the seal.
    pub by_reference: bool,
}

/// How a job's messages travel.
#[derive(Clone)]
pub struct Way {
    /// Order of the outcomes, by their numbers; the rest follow.
    pub order: Vec<usize>,
    /// Whether the seal comes before all outcomes.
    pub seal_first: bool,
    /// The seed of a faulty transport.
    pub faults: Option<u64>,
    /// Bytes of room in each queue.
    pub room: usize,
    /// Bytes of memory of each partition.
    pub memory: usize,
    /// Threads that merge a table.
    pub merge_threads: usize,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            order: vec![],
            seal_first: false,
            faults: None,
            room: 1 << 20,
            memory: 8 << 20,
            merge_threads: 1,
        }
    }
}

pub fn spec(kind: Kind) -> JobSpec {
    JobSpec::of(kind)
}

pub fn grep() -> Kind {
    Kind::Grep(Grep::of("x"))
}

pub fn word_count(top: Option<u64>) -> Kind {
    Kind::WordCount(WordCount {
        words: Words::Ascii,
        top,
    })
}

pub fn plan_summary(sources: u32, splits: u32) -> PlanSummary {
    PlanSummary {
        sources: (0..sources)
            .map(|at| serde_bytes::ByteBuf::from(format!("in-{at}").into_bytes()))
            .collect(),
        splits,
        ..PlanSummary::default()
    }
}

pub fn head(id: ChunkId, partition: u32) -> OutcomeHead {
    OutcomeHead {
        skipped: None,
        counters: Vec::new(),
        id,
        hash: u64::from(id.split) << 32 | u64::from(id.index),
        partition,
        attempt: 1,
        whole: 0,
        part: 0,
        parts: 1,
        counts: vec![],
        quarantined: Default::default(),
    }
}

/// An ordered job of splits with so many chunks; each chunk is one record, source 0.
pub fn ordered_job(chunks: &[u32], partitions: u32, body: impl Fn(ChunkId) -> Vec<u8>) -> Job {
    let splits = chunks.len() as u32;
    let mut spec = spec(grep());
    spec.partitions = partitions;
    let mut outcomes = Vec::new();
    for split in 0..splits {
        for index in 0..chunks[split as usize] {
            let id = ChunkId { split, index };
            let mut head = head(id, partition_of_split(split, splits, partitions));
            head.counts = vec![SourceCount {
                source: 0,
                records: 1,
                mapped: 1,
                quarantined: 0,
            }];
            outcomes.push((head, body(id)));
        }
    }
    Job {
        spec,
        plan_summary: plan_summary(1, splits),
        seal: Seal {
            chunks: chunks.to_vec(),
            records: vec![outcomes.len() as u64],
            passed_over: 0,
        },
        outcomes,
        split_ends: true,
        by_reference: false,
    }
}

/// A table job over one split: each chunk is one record with the rows given.
pub fn table_job(kind: Kind, partitions: u32, chunks: &[Vec<(Vec<u8>, Vec<u128>)>]) -> Job {
    let mut spec = spec(kind);
    spec.partitions = partitions;
    let mut outcomes = Vec::new();
    for (index, rows) in chunks.iter().enumerate() {
        let id = ChunkId {
            split: 0,
            index: index as u32,
        };
        for partition in 0..partitions {
            let mut head = head(id, partition);
            if partition == 0 {
                head.counts = vec![SourceCount {
                    source: 0,
                    records: 1,
                    mapped: 1,
                    quarantined: 0,
                }];
            }
            let mut body = TableBody::default();
            for (key, values) in rows {
                if partition_of_key(key, partitions) == partition {
                    body.push_row(key, values);
                }
            }
            outcomes.push((head, body.take_bytes(0)));
        }
    }
    Job {
        spec,
        plan_summary: plan_summary(1, 1),
        seal: Seal {
            chunks: vec![chunks.len() as u32],
            records: vec![chunks.len() as u64],
            passed_over: 0,
        },
        outcomes,
        split_ends: false,
        by_reference: false,
    }
}

pub fn quarantined(source: u32, offset: u64, reason: &str, sample: &[u8]) -> Quarantined {
    Quarantined {
        source,
        document: format!("in-{source}").into_bytes(),
        offset,
        reason: reason.into(),
        sample: sample.to_vec(),
        stretch: None,
        stderr: Vec::new(),
    }
}

/// Splits an outcome's body into parts; the first keeps counts and quarantine.
pub fn in_parts(outcome: &(OutcomeHead, Vec<u8>), parts: u32) -> Vec<(OutcomeHead, Vec<u8>)> {
    let (head, body) = outcome;
    let share = body.len().div_ceil(parts as usize).max(1);
    (0..parts)
        .map(|part| {
            let mut head = head.clone();
            head.part = part;
            head.parts = parts;
            if part > 0 {
                head.counts.clear();
                head.quarantined.clear();
            }
            let from = (part as usize * share).min(body.len());
            let to = (from + share).min(body.len());
            (head, body[from..to].to_vec())
        })
        .collect()
}

/// Everything that can go wrong after the messages were sent.
#[derive(Debug)]
pub enum Failed {
    Reduce(ReduceError),
    Commit(CommitError),
}

/// Sends, reduces and commits a job into `destination`.
pub fn run(job: &Job, way: &Way, destination: Destination, tmp: &Path) -> Result<Report, Failed> {
    run_messages(job, messages(job, way), way, destination, tmp)
}

/// [`run`] with messages that are encoded already.
pub fn run_messages(
    job: &Job,
    messages: Vec<(u32, Bytes)>,
    way: &Way,
    destination: Destination,
    tmp: &Path,
) -> Result<Report, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let queues = Embedded::new(
        job.spec.partitions,
        Capacity {
            chunks: way.room,
            results: way.room,
        },
    );
    let transport = match way.faults {
        Some(seed) => Transport::Faulty(Faulty::new(queues, seed)),
        None => Transport::Embedded(queues),
    };
    send(&runtime, transport.clone(), job.spec.partitions, messages);
    let settings = Settings {
        memory: way.memory,
        tmp: tmp.to_owned(),
        program: None,
        threads: way.merge_threads,
    };
    let progress = Progress::default();
    let shutdown = Shutdown::new();
    let results: Result<Vec<_>, ReduceError> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..job.spec.partitions)
            .map(|partition| {
                let (destination, settings) = (&destination, &settings);
                let (progress, shutdown) = (&progress, &shutdown);
                let (transport, runtime) = (&transport, runtime.handle());
                scope.spawn(move || {
                    let done = reduce(
                        partition,
                        Environment {
                            transport,
                            runtime,
                            progress,
                            shutdown,
                        },
                        &job.spec,
                        &job.plan_summary,
                        settings,
                        destination,
                    );
                    if done.is_err() {
                        transport.stop();
                    }
                    done
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let results = results.map_err(Failed::Reduce)?;
    commit(
        destination,
        &job.spec,
        &job.plan_summary,
        results,
        0,
        &settings,
    )
    .map_err(Failed::Commit)
}

/// Publishes messages, with one publisher a partition: a full queue of one must not hold up the
/// others.
fn send(
    runtime: &tokio::runtime::Runtime,
    sender: Transport,
    partitions: u32,
    messages: Vec<(u32, Bytes)>,
) {
    runtime.spawn(async move {
        let mut publishers = Vec::new();
        for partition in 0..partitions {
            let sender = sender.clone();
            let mine: Vec<Bytes> = messages
                .iter()
                .filter(|(to, _)| *to == partition)
                .map(|(_, message)| message.clone())
                .collect();
            publishers.push(tokio::spawn(async move {
                let queue = Queue::Results(partition);
                for message in mine {
                    if sender.publish(queue, message).await.is_err() {
                        return;
                    }
                }
                sender.finish(queue);
            }));
        }
        for publisher in publishers {
            publisher.await.unwrap();
        }
    });
}

/// A job's messages and their partitions, in the order in which they are sent.
pub fn messages(job: &Job, way: &Way) -> Vec<(u32, Bytes)> {
    let mut seals = Vec::new();
    for partition in 0..job.spec.partitions {
        seals.push((partition, wire::encode_seal(&job.seal).unwrap()));
    }
    let mut messages = Vec::new();
    if way.seal_first && !job.by_reference {
        messages.append(&mut seals);
    }
    let mut order = way.order.clone();
    order.retain(|&at| at < job.outcomes.len());
    for at in 0..job.outcomes.len() {
        if !way.order.contains(&at) {
            order.push(at);
        }
    }
    for at in order {
        let (head, body) = &job.outcomes[at];
        let message = wire::encode_outcome(head, body.clone()).unwrap();
        messages.push((head.partition, message));
    }
    if job.split_ends {
        for split in 0..job.plan_summary.splits {
            let end = SplitEnd {
                split,
                chunks: job.seal.chunks[split as usize],
                passed_over: 0,
            };
            let to = partition_of_split(split, job.plan_summary.splits, job.spec.partitions);
            // Anywhere will do; the middle is neither early nor late.
            let at = messages.len() / 2;
            messages.insert(at, (to, wire::encode_split_end(&end).unwrap()));
        }
    }
    if job.by_reference {
        send_accounts(job, way.seal_first, &mut messages);
    } else {
        messages.append(&mut seals);
    }
    messages
}

/// What reading each split gave, as its outcomes say.
pub fn accounts(job: &Job) -> Vec<SplitAccount> {
    let account = |split: u32| {
        let mut records = std::collections::BTreeMap::new();
        let mine = job
            .outcomes
            .iter()
            .filter(|(head, _)| head.id.split == split);
        for count in mine.flat_map(|(head, _)| &head.counts) {
            *records.entry(count.source).or_default() += count.records;
        }
        SplitAccount {
            split,
            chunks: job.seal.chunks[split as usize],
            records: records.into_iter().collect(),
            passed_over: 0,
        }
    };
    (0..job.plan_summary.splits).map(account).collect()
}

/// Sends the accounts to every partition, early or late, and one of them twice.
fn send_accounts(job: &Job, early: bool, messages: &mut Vec<(u32, Bytes)>) {
    let mut all = accounts(job);
    all.extend(all.first().cloned());
    for (number, account) in all.iter().enumerate() {
        let message = wire::encode_split_account(account).unwrap();
        let at = match early {
            true => 0,
            false => messages.len() * (number + 1) / (all.len() + 1),
        };
        for partition in 0..job.spec.partitions {
            messages.insert(at, (partition, message.clone()));
        }
    }
}

/// Runs a job into a fresh folder.
pub fn run_to_dir(job: &Job, way: &Way) -> (tempfile::TempDir, Result<Report, Failed>) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let destination = Destination::Dir(OutputDir::open(&out, false).unwrap());
    let report = run(job, way, destination, dir.path());
    (dir, report)
}

/// The folder of [`run_to_dir`].
pub fn out_of(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("out")
}

/// All files of a folder, by name.
pub fn files_of(dir: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (
                entry.file_name().into_string().unwrap(),
                std::fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

pub fn text_of(dir: &tempfile::TempDir, name: &str) -> String {
    String::from_utf8(std::fs::read(out_of(dir).join(name)).unwrap()).unwrap()
}

/// The same job, its splits read by mappers.
pub fn by_reference(job: &Job) -> Job {
    let mut job = job.clone();
    job.by_reference = true;
    job.split_ends = false;
    job.plan_summary.sent = Sent::Splits;
    job
}
