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
    fn pull(
        &mut self,
        out: &mut Vec<u8>,
        max: usize,
        stop: &Shutdown,
    ) -> Result<usize, ObjectError> {
        if stop.is_stopping() {
            return Err(ObjectError::Stopped);
        }
        let next = self.0.split_to(max.min(self.0.len()));
        out.extend_from_slice(&next);
        Ok(next.len())
    }
}

#[cfg(test)]
mod tests {
    use gristmill_common::shutdown::Stage;

    use super::*;

    #[test]
    fn a_range_is_read_piece_by_piece_until_a_stop() {
        let object = InMemory(Bytes::from_static(b"0123456789"));
        let (mut out, stop) = (Vec::new(), Shutdown::new());
        let mut rest = object.open(2..99);
        assert_eq!(rest.pull(&mut out, 3, &stop), Ok(3));
        assert_eq!(rest.pull(&mut out, 99, &stop), Ok(5));
        assert_eq!(rest.pull(&mut out, 99, &stop), Ok(0));
        assert_eq!(out, b"23456789");
        stop.advance(Stage::Draining);
        let stopped = object.open(0..10).pull(&mut out, 1, &stop);
        assert_eq!(stopped, Err(ObjectError::Stopped));
    }
}
