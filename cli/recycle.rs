//! When a worker is replaced: `--recycle N|SIZE`.

use std::str::FromStr;

use gristmill_common::size::ByteSize;

/// What a worker may do or have before it is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recycle {
    /// Answer this many units.
    Units(u64),
    /// Have this much resident memory, in bytes.
    Memory(u64),
}

impl FromStr for Recycle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither a number of units nor a size such as 500MiB");
        if let Ok(units) = text.parse() {
            return (units > 0)
                .then_some(Recycle::Units(units))
                .ok_or_else(wrong);
        }
        let size: ByteSize = text.parse().map_err(|_| wrong())?;
        (size.0 > 0)
            .then_some(Recycle::Memory(size.0))
            .ok_or_else(wrong)
    }
}

impl Recycle {
    /// The number of units, if it is one.
    #[must_use]
    pub fn units(self) -> Option<u64> {
        match self {
            Recycle::Units(units) => Some(units),
            Recycle::Memory(_) => None,
        }
    }

    /// The memory in bytes, if it is that.
    #[must_use]
    pub fn memory(self) -> Option<u64> {
        match self {
            Recycle::Units(_) => None,
            Recycle::Memory(bytes) => Some(bytes),
        }
    }
}
