//! A reader of the log of jobs. It must not know what becomes of the entries.

use std::fmt;

use gristmill_rabbitmq::{End, StreamMessage, StreamReader, StreamStart};
use tracing::{debug, warn};

use super::assembly::{Assembly, Whole};
use super::checkpoint::{Seen, turn};
use super::event::{Entry, Event};
use super::missing::Missing;
use super::snapshot::Snapshot;
use super::table::JobTable;
use super::{Registry, RegistryError, STREAM};
use gristmill_common::clock::since_1970;
use gristmill_common::id::unique;
use gristmill_common::job::JobName;

/// A checkpoint that was not seen within so many messages is not coming.
const LOST: i64 = 2000;

/// A reader of the log.
pub struct Log {
    reader: StreamReader,
    assembly: Assembly,
    skipped: u64,
    registry: Registry,
    missing: Missing,
    /// It was gone, and nobody has asked yet.
    lost: bool,
    /// A message that was read ahead.
    pending: Option<StreamMessage>,
    /// How many messages were read.
    messages: u64,
    /// The offset of the first of them, and the one after the last.
    begin: Option<i64>,
    position: i64,
    /// Entries before this offset are in the table that the log was opened with.
    covers: i64,
    /// An offset that the log reached when it was opened.
    end: Option<i64>,
    /// The log was made anew after entries were read, which its followers' tables still have.
    made_anew: bool,
    /// When it is this reader's turn to write a checkpoint.
    turn: i64,
    /// The checkpoint that this reader has written and not seen yet, and where it did so.
    own: Option<(u64, i64)>,
    /// It was seen, and no message says so yet.
    unannounced: bool,
}

impl Log {
    pub(super) fn new(registry: &Registry, start: StreamStart) -> Self {
        Self {
            registry: registry.clone(),
            missing: Missing::default(),
            lost: false,
            reader: registry.broker.stream(STREAM, start),
            assembly: Assembly::default(),
            skipped: 0,
            pending: None,
            messages: 0,
            begin: None,
            position: 0,
            covers: 0,
            end: None,
            made_anew: false,
            turn: turn(),
            own: None,
            unannounced: false,
        }
    }

    /// The log from a checkpoint on, whose table has all entries before `covers`; `first` is the
    /// reader's first message.
    pub(super) fn from_checkpoint(
        registry: &Registry,
        reader: StreamReader,
        first: StreamMessage,
        covers: i64,
    ) -> Self {
        Self {
            reader,
            pending: Some(first),
            covers,
            ..Self::new(registry, StreamStart::First)
        }
    }

    /// The log reached at least this offset when it was opened.
    pub(super) fn reached(mut self, end: Option<i64>) -> Self {
        self.end = end;
        self
    }

    /// The next entry; waits for one to be written, and for a broker that is gone. Messages that
    /// are not entries are skipped. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the stream is gone or the broker refuses.
    pub async fn next(&mut self) -> Result<Entry, RegistryError> {
        loop {
            let message = match self.pending.take() {
                Some(message) => Ok(message),
                None => self.reader.next().await,
            };
            let message = match message {
                Ok(message) => message,
                Err(End::Gone) => {
                    self.missing.again()?;
                    self.registry.again().await;
                    self.restart();
                    if !std::mem::replace(&mut self.lost, true) {
                        // So that whoever follows an empty log hears of it.
                        self.registry.mark().await?;
                    }
                    continue;
                }
                Err(End::Refused(reason)) => return Err(RegistryError::Refused(reason)),
                Err(End::Closed | End::Finished) => return Err(RegistryError::Closed),
            };
            self.missing.end();
            if let Some(entry) = self.take(&message) {
                return Ok(entry);
            }
        }
    }

    /// The stream was made anew.
    fn restart(&mut self) {
        self.made_anew |= self.messages > 0 || self.covers > 0;
        self.reader.restart();
        self.registry.newest.forget();
        self.assembly = Assembly::default();
        (self.begin, self.end, self.own) = (None, None, None);
        (self.position, self.covers) = (0, 0);
    }

    fn take(&mut self, message: &StreamMessage) -> Option<Entry> {
        self.messages += 1;
        self.begin.get_or_insert(message.offset);
        self.position = message.offset.saturating_add(1);
        match self.assembly.take(&message.body, message.offset) {
            Ok(whole) => whole.map(|whole| self.see(whole)),
            Err(error) => {
                // Once: a job that is in no table would otherwise be missed without a word. Before
                // the table's offset, it may be the end of an entry that begins further back.
                if self.skipped == 0 && self.is_news() {
                    warn!(
                        "an entry of the log of jobs ({STREAM}) cannot be read and is passed over: {error}"
                    );
                }
                self.skipped += u64::from(self.is_news());
                None
            }
        }
    }

    fn see(&mut self, whole: Whole) -> Entry {
        if !matches!(whole.entry.event, Event::Checkpoint(_)) {
            return whole.entry;
        }
        let newest = &self.registry.newest;
        let is_own = self.own.is_some_and(|(own, _)| own == whole.number);
        if is_own {
            self.own = None;
        }
        if newest.is_before(whole.first)
            && let Some((seen, _)) = Seen::of(&whole)
        {
            newest.see(seen);
            self.unannounced |= is_own;
        }
        whole.entry
    }

    /// Whether the last entry is one that the table did not have that the log was opened with.
    #[must_use]
    pub fn is_news(&self) -> bool {
        self.position > self.covers
    }

    /// Whether everything was read that was in the log when it was opened, but for the last few
    /// messages, which were stored at the same time; known of logs that are not empty.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.end.is_some_and(|end| self.position > end)
    }

    /// Asks the broker for the newest message: whether there are more than were read. It waits for
    /// a broker that does not answer.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn find_end(&mut self) -> Result<(), RegistryError> {
        let last = match self.registry.last_message().await {
            Ok(last) => last.map(|last| last.offset),
            // Whoever reads on sees it.
            Err(End::Gone | End::Finished) => return Ok(()),
            Err(End::Refused(reason)) => return Err(RegistryError::Refused(reason)),
            Err(End::Closed) => return Err(RegistryError::Closed),
        };
        // Offsets begin at 0: nothing is before the first message.
        self.end = Some(last.unwrap_or(-1));
        Ok(())
    }

    /// Whether the broker has the log ready: only then does silence mean that there are no more
    /// entries.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reader.is_subscribed()
    }

    /// Whether the log was gone from the broker and made anew since this was asked last: what it
    /// said is lost to those who come now.
    pub fn was_lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }

    /// How many messages were skipped because they are not entries of this version.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many messages were read, those of the checkpoint not counted that it was opened with.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Whoever follows the log calls this with its table after each entry: when it has become long,
    /// a checkpoint is written, beside whatever else goes on. The table must have all entries that
    /// this reader gave, and those before.
    pub fn keep_short(&mut self, table: &JobTable) {
        if std::mem::take(&mut self.unannounced) {
            let registry = self.registry.clone();
            tokio::spawn(async move {
                // Without it, the newest message leads to the checkpoint before.
                if let Err(error) = registry.mark().await {
                    debug!("no message says where the checkpoint is: {error}");
                }
            });
        }
        if let Some((snapshot, number)) = self.due(table, self.turn) {
            let registry = self.registry.clone();
            tokio::spawn(async move {
                if let Err(error) = registry.append_checkpoint(snapshot, number).await {
                    debug!("no checkpoint of the log of jobs is written: {error}");
                }
            });
        }
    }

    /// The checkpoint that is to be written now, if `most` messages lie behind the newest, and its
    /// number. None while the log is read that was there before, which others may have in a
    /// checkpoint already; nor of a table with entries of a log that was lost.
    pub(super) fn due(&mut self, table: &JobTable, most: i64) -> Option<(Snapshot, u64)> {
        let begin = self.begin?;
        let is_coming = |(_, since): (u64, i64)| self.position - since < LOST;
        let is_reading_up = self.end.is_some_and(|end| self.position <= end);
        if is_reading_up
            || self.made_anew
            || self.registry.newest.behind(begin, self.position) < most
            || !self.assembly.is_clean()
            || self.own.is_some_and(is_coming)
        {
            return None;
        }
        let number = unique();
        self.own = Some((number, self.position));
        match Snapshot::of(table, self.position, since_1970().as_secs()) {
            Ok(snapshot) => Some((snapshot, number)),
            Err(error) => {
                // It is tried again when the table may be another.
                debug!("no checkpoint of the log of jobs can be made: {error}");
                None
            }
        }
    }

    /// Reads on behind the checkpoint that this reader has written; if it was seen, the newest
    /// message leads to it then. It may not be, where many write at once.
    pub(super) async fn settle(&mut self, table: &mut JobTable) -> Result<(), RegistryError> {
        let marker = self.registry.mark().await?;
        self.read_to(table, marker).await?;
        match std::mem::take(&mut self.unannounced) {
            true => self.registry.mark().await.map(drop),
            false => Ok(()),
        }
    }

    /// Reads on up to a marker.
    pub(super) async fn read_to(
        &mut self,
        table: &mut JobTable,
        marker: u64,
    ) -> Result<(), RegistryError> {
        let marker = Event::Marker { id: marker };
        loop {
            let entry = self.next().await?;
            if entry.event == marker && entry.job == JobName::of_no_job() {
                return Ok(());
            }
            table.apply(entry);
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("skipped", &self.skipped)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
