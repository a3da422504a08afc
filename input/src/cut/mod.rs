//! Cutting documents into chunks at record ends. It must not know where the bytes come from.

mod cutter;
mod document;
mod feed;
mod large;
mod long_records;
mod packer;
mod rules;
mod skip;

#[cfg(test)]
mod header_tests;
#[cfg(test)]
mod tests;

pub(crate) use cutter::Cutter;
pub(crate) use document::{Place, Stretch};
pub(crate) use packer::capacity_for;
pub use packer::{Account, ChunkSink};
pub(crate) use rules::Rules;

/// The longest name that a document may have, in bytes: names travel in every chunk.
pub(crate) const MAX_NAME: usize = 32 << 10;
