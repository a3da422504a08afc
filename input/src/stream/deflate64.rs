//! Deflate64, the variant of DEFLATE with a 64 KiB window that some zip writers use.

use deflate64::InflaterManaged;

use super::Input;
use super::coded::{Codec, CodecError};

/// A Deflate64 decoder.
pub(crate) struct Deflate64(Box<InflaterManaged>);

impl Deflate64 {
    pub(crate) fn new() -> Self {
        Self(Box::new(InflaterManaged::new()))
    }
}

impl Codec for Deflate64 {
    const NAME: &'static str = "deflate64";

    fn begins(_: &[u8]) -> bool {
        false
    }

    fn restart(&mut self) -> Result<(), String> {
        *self = Self::new();
        Ok(())
    }

    fn step(&mut self, input: &mut Input<'_>, out: &mut Vec<u8>) -> Result<bool, CodecError> {
        out.resize(out.capacity(), 0);
        let result = self.0.inflate(input.fill()?, out);
        out.truncate(result.bytes_written);
        input.consume(result.bytes_consumed);
        if result.data_error {
            return Err(CodecError::Corrupt("invalid data".into()));
        }
        Ok(self.0.finished() && self.0.available_output() == 0)
    }
}
