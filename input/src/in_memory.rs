//! Bytes in memory that are read as an object is: what came with a message.

use std::ops::Range;

use bytes::Bytes;
use gristmill_common::shutdown::Shutdown;

use crate::object::{Object, ObjectError, ObjectStream};

/// Bytes in memory.
#[derive(Debug)]
pub(crate) struct InMemory(pub(crate) Bytes);

impl Object for InMemory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn version(&self) -> &str {
        ""
    }

    fn is_here(&self) -> bool {
        true
    }

    fn open(&self, range: Range<u64>) -> Box<dyn ObjectStream> {
        let at =
            |offset: u64| usize::try_from(offset).map_or(self.0.len(), |at| at.min(self.0.len()));
        let (start, end) = (at(range.start), at(range.end));
        Box::new(Rest(self.0.slice(start..end.max(start))))
    }
}

/// What is left of a range.
struct Rest(Bytes);

impl ObjectStream for Rest {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize, _: &Shutdown) -> Result<usize, ObjectError> {
        let next = self.0.split_to(max.min(self.0.len()));
        out.extend_from_slice(&next);
        Ok(next.len())
    }
}
