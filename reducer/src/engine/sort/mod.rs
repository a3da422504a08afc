//! Sorting more than fits in memory: sorted runs in unnamed temporary files, merged k ways.
//!
//! It knows keys and payloads as bytes, nothing of what they mean; [`Combine`] alone says what
//! happens to equal keys. Method: external merge sort (Knuth, TAOCP volume 3, section 5.4).

mod merge;
mod run;
mod shared;
mod sorter;
mod stream;

pub(crate) use merge::{Combine, Merger, take_values};
pub(crate) use run::{Spill, buffer_within};
pub(crate) use shared::SharedSorter;
pub(crate) use sorter::{Sorted, Sorter};
pub(crate) use stream::{BLOCKS, Gone, StreamReader, StreamWriter, stream};
