//! Why a worker does not go on with a job just now. It must not know how it is told.

/// What holds a worker up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Its disk or filesystem: full, read-only, gone.
    Disk,
    /// The broker does not take what it publishes.
    Publish,
    /// Something that is not its own trouble: another worker may go on.
    LeftAlone,
    /// Anything else.
    Other,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 4] = [Cause::Disk, Cause::Publish, Cause::LeftAlone, Cause::Other];

    /// Its name, as a label of metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Cause::Disk => "disk",
            Cause::Publish => "publish",
            Cause::LeftAlone => "left_alone",
            Cause::Other => "other",
        }
    }
}

/// Why a worker does not go on with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of reason.
    pub cause: Cause,
    /// The reason, in words.
    pub reason: String,
}
