//! Producing a job: all splits on reader threads, into the queues, and the seal last.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::buffer_pool::BufferPool;
use gristmill_common::chunk::ChunkHead;
use gristmill_common::crash;
use gristmill_common::id::{ChunkId, partition_of_split};
use gristmill_common::large::LargeDocuments;
use gristmill_common::plan_summary::Sent;
use gristmill_common::progress::{Progress, Working};
use gristmill_common::seal::{Seal, SplitEnd};
use gristmill_common::spec::JobSpec;
use gristmill_common::split_task::SplitAccount;
use gristmill_common::wire::{self, BodyForm};
use gristmill_jobs::environment::Environment;
use gristmill_jobs::publish_window::PublishWindow;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::Transport;

use gristmill_input::{ChunkSink, Halt, Plan, Reading, read_all};

use crate::error::ProduceError;

/// Messages with files that one thread has on their way: each is of up to 12 MiB.
const FILES: usize = 2;

/// How a job is produced; nothing here shows in the output.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Reader threads.
    pub threads: NonZeroUsize,
    /// The folder for nested archives that need seeking.
    pub tmp: PathBuf,
    /// Chunks that each thread may have on their way to the queue. One waits for each; more hide
    /// how long a broker takes to confirm.
    pub window: usize,
    /// Where documents go that are too large for a chunk, if the mapper is in this process.
    pub large: Option<Arc<LargeDocuments>>,
    /// The most bytes of text that all sources together may unfold to; past it the job fails.
    pub max_expanded: Option<u64>,
}

/// What is known of an earlier attempt at the same job, and who is told how far this one is.
pub trait Resume: Sync {
    /// The end and the records (per source) of a split that was published whole: it is not read
    /// again.
    fn done(&self, split: u32) -> Option<(SplitEnd, &[(u32, u64)])>;

    /// Whether a chunk is to be published.
    fn wants(&self, id: ChunkId) -> bool;

    /// All chunks of a split are taken by the queue.
    ///
    /// # Errors
    /// When that cannot be passed on.
    fn complete(&self, end: SplitEnd, records: Vec<(u32, u64)>) -> Result<(), ProduceError>;
}

/// Nothing to resume: the first and only attempt.
#[derive(Clone, Copy, Debug)]
pub struct FreshRun;

impl Resume for FreshRun {
    fn done(&self, _: u32) -> Option<(SplitEnd, &[(u32, u64)])> {
        None
    }

    fn wants(&self, _: ChunkId) -> bool {
        true
    }

    fn complete(&self, _: SplitEnd, _: Vec<(u32, u64)>) -> Result<(), ProduceError> {
        Ok(())
    }
}

/// Reads all splits of the plan, publishes their chunks, then the seal to every partition, and
/// finishes the queue of chunks. Of a plan that sends files, small compressed ones travel as they
/// are, and each split that was read has an account of its own in place of the seal. Blocks until
/// done; not to be called on a runtime's thread.
///
/// Returns the seal; a split that was not read has no chunks in it.
///
/// # Errors
/// [`ProduceError::Stopped`] after a stop; else when the job is to fail on damage, or a queue or a
/// thread cannot be had. The queue of chunks is not finished then.
pub fn produce(
    plan: &Plan,
    spec: &JobSpec,
    env: Environment<'_>,
    settings: &Settings,
    resume: &dyn Resume,
) -> Result<Seal, ProduceError> {
    let Environment {
        transport,
        progress,
        shutdown,
        ..
    } = env;
    if let Some(total) = plan.total_bytes() {
        Progress::add(&progress.bytes_total, total);
    }
    let reading = Reading::new(plan, spec, settings.tmp.clone(), progress, shutdown)?
        .bounded(settings.max_expanded)
        .with_large(settings.large.clone());
    let told = match (plan.sent().has_accounts(), spec.kind.shape().by_split()) {
        (true, _) => Told::Account,
        (false, true) => Told::End,
        (false, false) => Told::Nothing,
    };
    let pool = BufferPool::new(2 * reading.buffer_size());
    let done = |split| resume.done(split);
    let seal = read_all(&reading, settings.threads, &done, || Publisher {
        env,
        working: Working::on(&progress.at_work.reading),
        plan,
        partitions: spec.partitions.max(1),
        told,
        sent_files: false,
        form: form_for(transport),
        pool: &pool,
        resume,
        window: settings.window,
        flying: PublishWindow::new(env.runtime, env.shutdown),
        numbers: BTreeSet::new(),
        launched: 0,
        ended: VecDeque::new(),
    })?;
    if plan.sent().has_accounts() {
        transport.finish(Queue::Chunks);
        return Ok(seal);
    }
    let message = wire::encode_seal(&seal).map_err(|error| ProduceError::Seal {
        sources: plan.sources().len(),
        splits: plan.splits().len(),
        error,
    })?;
    crash::point("before-seal");
    for partition in 0..spec.partitions.max(1) {
        let queue = Queue::Results(partition);
        env.publish(queue, message.clone())?;
    }
    transport.finish(Queue::Chunks);
    Ok(seal)
}

/// Encodes and publishes chunks.
struct Publisher<'a> {
    env: Environment<'a>,
    /// Its thread, which reads but for the time that it waits for room.
    working: Working<'a>,
    plan: &'a Plan,
    partitions: u32,
    told: Told,
    /// The last split of this thread travels as it is.
    sent_files: bool,
    resume: &'a dyn Resume,
    window: usize,
    /// Chunks on their way, and their numbers.
    flying: PublishWindow<'a, u64>,
    numbers: BTreeSet<u64>,
    /// How many chunks were published or are on their way.
    launched: u64,
    /// Splits that were read and have chunks on their way, oldest first.
    ended: VecDeque<Ended>,
    form: BodyForm,
    pool: &'a BufferPool,
}

/// What partitions are told of a split that was read to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nothing: the seal tells.
    Nothing,
    /// Its end, to the one partition that takes it.
    End,
    /// Its account, to all: there is no seal.
    Account,
}

/// A split that was read to its end, or travels as it is.
struct Ended {
    end: SplitEnd,
    /// Whether it was read here; else whoever reads it has an account of it.
    read: bool,
    records: Vec<(u32, u64)>,
    /// It is complete when all chunks with lower numbers are confirmed.
    launched: u64,
}

/// Whether chunks need a hash of their bodies: it tells damage, and an id that is cut again from
/// changed input (I1). Queues in memory hold the very bytes that were put in, and one call of
/// [`produce`] cuts each id once, so there it would cost and tell nothing.
fn form_for(transport: &Transport) -> BodyForm {
    match transport {
        Transport::Embedded(_) => BodyForm::RawUnhashed,
        Transport::Faulty(_) => BodyForm::Raw,
        Transport::Amqp(_) => BodyForm::Packed,
    }
}

impl Publisher<'_> {
    fn publish(&mut self, head: &ChunkHead, body: Vec<u8>) -> Result<(), ProduceError> {
        let (message, _) =
            wire::encode_chunk(head, body, self.form).map_err(ProduceError::Chunk)?;
        let message = self.pool.freeze(message);
        self.send(message, self.window)
    }

    /// Publishes a message; at most `window` are on their way then.
    fn send(&mut self, message: Bytes, window: usize) -> Result<(), ProduceError> {
        if window <= 1 {
            let env = self.env;
            self.working.pause(|| env.publish(Queue::Chunks, message))?;
        } else {
            self.land(window - 1)?;
            let transport = self.env.transport.clone();
            let number = self.launched;
            self.numbers.insert(number);
            self.flying.begin(async move {
                let published = transport.publish(Queue::Chunks, message).await;
                published.map(|()| number)
            });
        }
        self.launched += 1;
        crash::point("chunk-published");
        Progress::add(&self.env.progress.chunks_cut, 1);
        Ok(())
    }

    /// A split is done with: it was read, or travels as it is.
    fn end(
        &mut self,
        end: SplitEnd,
        records: Vec<(u32, u64)>,
        read: bool,
    ) -> Result<(), ProduceError> {
        self.ended.push_back(Ended {
            end,
            read,
            records,
            launched: self.launched,
        });
        self.settle()
    }

    /// Waits until at most `most` chunks are on their way; splits may be complete by that.
    fn land(&mut self, most: usize) -> Result<(), ProduceError> {
        while let Some(number) = self.working.pause(|| self.flying.land(most))? {
            self.numbers.remove(&number);
        }
        self.settle()
    }

    /// Passes on the splits whose chunks are all confirmed. The partition that takes one is told,
    /// so that its output need not wait for the seal.
    fn settle(&mut self) -> Result<(), ProduceError> {
        let confirmed = self.numbers.first().copied().unwrap_or(self.launched);
        let complete = (self.ended).partition_point(|split| split.launched <= confirmed);
        let complete: Vec<Ended> = self.ended.drain(..complete).collect();
        for split in complete {
            let end = split.end;
            if self.told == Told::Account && split.read {
                // Before the split counts as complete: it is not read again then.
                self.account(&split)?;
            }
            self.resume.complete(end, split.records)?;
            if self.told == Told::End {
                let message = wire::encode_split_end(&end).map_err(ProduceError::Chunk)?;
                let splits = self.plan.splits().len() as u32;
                let partition = partition_of_split(end.split, splits, self.partitions);
                self.env.publish(Queue::Results(partition), message)?;
            }
        }
        Ok(())
    }

    /// Gives every partition the account of a split that was read here.
    fn account(&self, split: &Ended) -> Result<(), ProduceError> {
        let account = SplitAccount {
            split: split.end.split,
            chunks: split.end.chunks,
            records: split.records.clone(),
            passed_over: split.end.passed_over,
        };
        let message = wire::encode_split_account(&account).map_err(ProduceError::Chunk)?;
        let mut flying = PublishWindow::new(self.env.runtime, self.env.shutdown);
        for partition in 0..self.partitions {
            let (transport, message) = (self.env.transport.clone(), message.clone());
            flying.begin(async move {
                let queue = Queue::Results(partition);
                transport.publish(queue, message).await
            });
        }
        while flying.land(0)?.is_some() {}
        Ok(())
    }
}

impl ChunkSink for Publisher<'_> {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        // A split whose account is missing is read anew, whole.
        if self.told != Told::Account && !self.resume.wants(head.id) {
            return Ok(());
        }
        Ok(self.publish(&head, body)?)
    }

    fn buffer(&mut self, capacity: usize) -> Vec<u8> {
        self.pool.get(capacity)
    }

    fn take_unread(&mut self, split: u32) -> Result<bool, Halt> {
        if self.plan.sent() != Sent::Files {
            return Ok(false);
        }
        // Behind files that travel, so that the window of chunks is not emptied at each split.
        if self.sent_files {
            self.land(FILES - 1)?;
        }
        self.sent_files = false;
        let Some((task, bytes)) = self.plan.attached(split) else {
            return Ok(false);
        };
        // Names may be long: what does not fit is read here.
        let Ok(message) = wire::encode_split_task(&task, bytes) else {
            return Ok(false);
        };
        self.send(message, self.window.min(FILES))?;
        self.sent_files = true;
        let end = SplitEnd {
            split,
            chunks: 0,
            passed_over: 0,
        };
        self.end(end, Vec::new(), false)?;
        Ok(true)
    }

    fn ended(&mut self, end: SplitEnd, records: Vec<(u32, u64)>) -> Result<(), Halt> {
        Ok(self.end(end, records, true)?)
    }

    fn finish(&mut self) -> Result<(), Halt> {
        Ok(self.land(0)?)
    }
}

#[cfg(test)]
#[path = "produce_tests.rs"]
mod tests;
