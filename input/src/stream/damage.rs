//! What can be wrong with a stream: one quarantine entry in the making.

use std::cell::Cell;
use std::rc::Rc;

use crate::object::ObjectError;

/// Why a stretch of input cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// What sort of trouble it is.
    pub(crate) ill: Ill,
    /// What it is, in words, with compressed and decompressed offsets where there are such.
    pub(crate) reason: String,
    /// The stream ended well before it: the last record is whole and not part of the damage.
    pub(crate) after_end: bool,
    /// First bytes of the damaged stretch, if they are not the cut-off record's.
    pub(crate) sample: Vec<u8>,
    /// An entry was made of it. Shared by all copies: damage of an outer stream shows in the member
    /// at hand and again in the archive around it, and is one stretch.
    reported: Rc<Cell<bool>>,
}

/// The sorts of trouble, by what becomes of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ill {
    /// Damaged data: fails the job if it is to fail on damage.
    Corrupt,
    /// Sound data that is not read: unsupported, unreadable, over a limit.
    Unusable,
    /// Nothing is wrong: reading was told to stop.
    Stopped,
    /// An object is not what it was: fails the job.
    Changed,
    /// An object cannot be had: fails the job, as another time it may be there.
    Store,
    /// Nothing is wrong, but more came than the job may unfold to.
    TooMuch(u64),
}

impl Damage {
    /// Damaged data, which cuts off the record before it.
    pub(crate) fn corrupt(reason: impl Into<String>) -> Self {
        Self::new(Ill::Corrupt, reason.into())
    }

    /// Data that is not read though it may be sound.
    pub(crate) fn unusable(reason: impl Into<String>) -> Self {
        Self::new(Ill::Unusable, reason.into())
    }

    /// What keeps an object from being read.
    pub(crate) fn of_object(error: ObjectError) -> Self {
        match error {
            ObjectError::Changed(reason) => Self::new(Ill::Changed, reason),
            ObjectError::Failed(reason) => Self::new(Ill::Store, reason),
            ObjectError::Unusable(reason) => Self::unusable(reason),
            ObjectError::Stopped => Self::stopped(),
        }
    }

    /// Not damage at all: a stop was asked for.
    pub(crate) fn stopped() -> Self {
        Self::new(Ill::Stopped, "stopped".into())
    }

    /// Not damage either: the job's bound on text is passed.
    pub(crate) fn too_much(most: u64) -> Self {
        Self::new(Ill::TooMuch(most), "more text than is allowed".into())
    }

    /// The same damage, met after a well-ended stream; `sample` are its first bytes.
    pub(crate) fn after_end(mut self, sample: &[u8]) -> Self {
        self.after_end = true;
        self.sample = gristmill_common::chunk::sample_of(sample).to_vec();
        self
    }

    /// Says that an entry is made of it now; false if there is one already.
    pub(crate) fn report(&self) -> bool {
        !self.reported.replace(true)
    }

    fn new(ill: Ill, reason: String) -> Self {
        Self {
            ill,
            reason,
            after_end: false,
            sample: Vec::new(),
            reported: Rc::default(),
        }
    }
}
