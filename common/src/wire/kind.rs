//! The kinds of messages, by their numbers on the wire.

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MessageKind {
    /// Work for a mapper.
    Chunk = 1,
    /// A result for a reducer.
    Outcome = 2,
    /// All chunk ids of a job.
    Seal = 3,
    /// The end of one split.
    SplitEnd = 4,
    /// A part of an entry of the log of jobs.
    LogPart = 5,
    /// A part of a file that a job needs.
    File = 6,
    /// A worker's report of its progress.
    Report = 7,
    /// A split for a mapper to read.
    SplitTask = 8,
    /// What reading one split gave.
    SplitAccount = 9,
    /// A mapper is at work on the job.
    AtWork = 10,
}

impl MessageKind {
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        use MessageKind::{
            AtWork, Chunk, File, LogPart, Outcome, Report, Seal, SplitAccount, SplitEnd, SplitTask,
        };
        [
            Chunk,
            Outcome,
            Seal,
            SplitEnd,
            LogPart,
            File,
            Report,
            SplitTask,
            SplitAccount,
            AtWork,
        ]
        .into_iter()
        .find(|&kind| kind as u8 == byte)
    }
}
