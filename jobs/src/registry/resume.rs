//! Opening the log at its newest checkpoint. A stream cannot be asked for "the newest checkpoint",
//! so the newest messages say where it is. Whatever they say is tried and not believed: the log is
//! read from its start where there is no checkpoint, or none that can be used.

use std::time::Duration;

use gristmill_rabbitmq::{End, StreamMessage, StreamStart, depth};
use tokio::time::timeout;
use tracing::info;

use super::assembly::Assembly;
use super::checkpoint::{BEHIND, HEADER, Seen};
use super::log::Log;
use super::missing::in_time;
use super::table::JobTable;
use super::{Registry, RegistryError, STREAM};

/// A log that is not empty delivers its newest messages at once. After this time its length is
/// asked for, which the broker may tell too late: so it is no answer by itself.
const EMPTY: Duration = Duration::from_millis(100);
/// How long the newest messages are waited for, and a checkpoint: past it the log is read from its
/// start.
const PATIENCE: Duration = Duration::from_secs(5);

impl Registry {
    /// The log from its newest checkpoint on, and the table that holds all before; the log from its
    /// start and an empty table where there is none. Nothing is written. A broker that is well must
    /// serve the log in the time that whoever asks gave it to connect.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn resume(&self) -> Result<(JobTable, Log), RegistryError> {
        self.resume_before(0).await
    }

    /// The same, for whoever wants to hear the last entries before the checkpoint again: so many
    /// messages before it ([`Log::is_news`]).
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn resume_before(&self, messages: i64) -> Result<(JobTable, Log), RegistryError> {
        in_time(&self.broker, self.open_newest(messages)).await
    }

    /// All jobs as the log tells them now, and the reader to go on with. It writes a marker and
    /// reads up to it, so it waits while the broker is in alarm. Whoever had to read much writes a
    /// checkpoint. A broker that is well must serve the log in the time that whoever asks gave it
    /// to connect.
    ///
    /// # Errors
    /// When the log cannot be read or written.
    pub async fn catch_up(&self) -> Result<(JobTable, Log), RegistryError> {
        let (mut table, mut log) = self.resume().await?;
        let before = self.newest.get();
        let marker = in_time(&self.broker, self.mark()).await?;
        in_time(&self.broker, log.read_to(&mut table, marker)).await?;
        if let Some((snapshot, number)) = log.due(&table, BEHIND) {
            let writing = async {
                self.append_checkpoint(snapshot, number).await?;
                log.settle(&mut table).await
            };
            in_time(&self.broker, writing).await?;
        } else if self.newest.get() != before {
            // The marker does not lead to the newest checkpoint.
            in_time(&self.broker, self.mark()).await?;
        }
        Ok((table, log))
    }

    async fn open_newest(&self, before: i64) -> Result<(JobTable, Log), RegistryError> {
        let last = unless_late(self.last_message()).await?;
        let end = last.as_ref().map(|last| last.offset);
        if let Some(last) = last
            && let Some(first) = last.number(HEADER)
        {
            let opened = unless_late(async {
                let Some(found) = self.read_checkpoint(first, last.offset).await? else {
                    return Ok(None);
                };
                self.go_on(found, before).await
            });
            if let Some((table, log)) = opened.await? {
                return Ok((table, log.reached(end)));
            }
            self.newest.reject(first);
            info!(
                "the log of jobs ({STREAM}) has no usable checkpoint at offset {first}, where its newest entries \
                 say so: it is read from its start"
            );
        }
        Ok((JobTable::default(), self.follow().reached(end)))
    }

    /// One of the messages that were stored last, if there is any.
    pub(super) async fn last_message(&self) -> Result<Option<StreamMessage>, End> {
        let mut reader = self.broker.stream(STREAM, StreamStart::Last);
        reader.subscribed().await?;
        let is_empty = async {
            tokio::time::sleep(EMPTY).await;
            while !matches!(depth(&self.broker, STREAM).await, Ok(Some(0) | None)) {
                tokio::time::sleep(EMPTY).await;
            }
        };
        tokio::select! {
            biased;
            message = reader.next() => message.map(Some),
            () = is_empty => Ok(None),
        }
    }

    /// The checkpoint whose first part is at `first`. It was whole when the message at `last` was
    /// written.
    async fn read_checkpoint(
        &self,
        first: i64,
        last: i64,
    ) -> Result<Option<(Seen, JobTable)>, End> {
        if !(0..last).contains(&first) {
            return Ok(None);
        }
        let mut reader = self.broker.stream(STREAM, StreamStart::At(first));
        let mut assembly = Assembly::default();
        let mut at = first;
        loop {
            let message = reader.next().await?;
            // The log may have forgotten some.
            if message.offset != at || at >= last {
                return Ok(None);
            }
            at += 1;
            let whole = match assembly.take(&message.body, message.offset) {
                Ok(Some(whole)) if whole.first == first => whole,
                Err(_) if message.offset == first => return Ok(None),
                // Others write meanwhile, and may have begun before.
                Ok(_) | Err(_) => continue,
            };
            return Ok(Seen::of(&whole));
        }
    }

    /// Goes on behind a checkpoint, or some messages before.
    async fn go_on(
        &self,
        (seen, table): (Seen, JobTable),
        before: i64,
    ) -> Result<Option<(JobTable, Log)>, End> {
        let start = seen.covers.saturating_sub(before).max(0);
        let mut reader = self.broker.stream(STREAM, StreamStart::At(start));
        let first = reader.next().await?;
        if first.offset > seen.covers {
            // The log has forgotten entries that are not in the table.
            return Ok(None);
        }
        self.newest.see(seen);
        let log = Log::from_checkpoint(self, reader, first, seen.covers);
        Ok(Some((table, log)))
    }
}

/// Something that is only looked for: nothing when it takes too long or the log is not there, which
/// whoever reads it from its start sees.
async fn unless_late<T>(
    looking: impl Future<Output = Result<Option<T>, End>>,
) -> Result<Option<T>, RegistryError> {
    match timeout(PATIENCE, looking).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(End::Refused(reason))) => Err(RegistryError::Refused(reason)),
        Ok(Err(End::Closed)) => Err(RegistryError::Closed),
        Ok(Err(End::Gone | End::Finished)) | Err(_) => Ok(None),
    }
}
