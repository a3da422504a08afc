//! Why the walk of an archive ended early.

use crate::error::Halt;
use crate::stream::Damage;

/// Why the walk of an archive ended early.
pub(super) enum WalkError {
    /// The archive is damaged: what is left of it is set aside.
    Damage(Damage),
    /// Reading ends.
    Halt(Halt),
}

impl WalkError {
    /// The archive's damage, if that is all.
    pub(super) fn damage(self) -> Result<Damage, Halt> {
        match self {
            WalkError::Damage(damage) => Ok(damage),
            WalkError::Halt(halt) => Err(halt),
        }
    }
}

impl From<Damage> for WalkError {
    fn from(damage: Damage) -> Self {
        WalkError::Damage(damage)
    }
}

impl From<Halt> for WalkError {
    fn from(halt: Halt) -> Self {
        WalkError::Halt(halt)
    }
}
