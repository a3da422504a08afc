//! bzip2. It must not know what the bytes mean.

use bzip2::{Decompress, Status};

use super::Input;
use super::coded::{Codec, CodecError};

/// A bzip2 decoder.
pub(crate) struct Bzip2(Decompress);

impl Bzip2 {
    pub(crate) fn new() -> Self {
        Self(Decompress::new(false))
    }
}

impl Codec for Bzip2 {
    const NAME: &'static str = "bzip2";

    fn begins(head: &[u8]) -> bool {
        // The level, then the magic of a block or of an empty stream's end.
        head.starts_with(b"BZh")
            && matches!(head.get(3), Some(b'1'..=b'9'))
            && matches!(head.get(4), Some(0x31 | 0x17))
    }

    fn restart(&mut self) -> Result<(), String> {
        self.0 = Decompress::new(false);
        Ok(())
    }

    fn step(&mut self, input: &mut Input<'_>, out: &mut Vec<u8>) -> Result<bool, CodecError> {
        let before = self.0.total_in();
        let result = self.0.decompress_vec(input.fill()?, out);
        input.consume((self.0.total_in() - before) as usize);
        match result {
            Ok(Status::StreamEnd) => Ok(true),
            Ok(Status::MemNeeded) => Err(CodecError::Unusable("no memory to decode it".into())),
            Ok(_) => Ok(false),
            Err(error) => Err(CodecError::Corrupt(match error {
                bzip2::Error::Data => "wrong checksum or invalid data".into(),
                other => format!("malformed stream ({other})"),
            })),
        }
    }
}
