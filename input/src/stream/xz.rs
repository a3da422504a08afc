//! xz (LZMA2), within a bound on memory. It must not know what the bytes mean.

use liblzma::stream::{Action, Error, Status, Stream};

use super::Input;
use super::coded::{Codec, Trouble};

/// The first bytes of a stream.
const MAGIC: [u8; 6] = [0xFD, b'7', b'z', b'X', b'Z', 0];
/// What decoding may take: a window of 128 MiB and the decoder's own state.
const MEMORY: u64 = (128 << 20) + (1 << 20);

/// An xz decoder.
pub(crate) struct Xz(Stream);

impl Xz {
    /// A decoder, or why there is none.
    pub(crate) fn new() -> Result<Self, String> {
        match Stream::new_stream_decoder(MEMORY, 0) {
            Ok(stream) => Ok(Self(stream)),
            Err(error) => Err(format!("no decoder: {error}")),
        }
    }
}

impl Codec for Xz {
    const NAME: &'static str = "xz";

    fn begins(head: &[u8]) -> bool {
        head.starts_with(&MAGIC)
    }

    fn restart(&mut self) -> Result<(), String> {
        *self = Self::new()?;
        Ok(())
    }

    fn step(&mut self, input: &mut Input<'_>, out: &mut Vec<u8>) -> Result<bool, Trouble> {
        let before = self.0.total_in();
        let result = self.0.process_vec(input.fill()?, out, Action::Run);
        input.consume((self.0.total_in() - before) as usize);
        match result {
            Ok(Status::StreamEnd) => Ok(true),
            Ok(Status::MemNeeded) => Ok(false),
            Ok(_) => Ok(false),
            Err(Error::MemLimit) => Err(Trouble::Unusable(
                "not supported: a window of more than 128 MiB".into(),
            )),
            Err(Error::Mem) => Err(Trouble::Unusable("no memory to decode it".into())),
            Err(Error::Options | Error::UnsupportedCheck) => Err(Trouble::Unusable(
                "not supported: a filter or check that is unknown".into(),
            )),
            Err(Error::Data) => Err(Trouble::Corrupt("wrong checksum or invalid data".into())),
            Err(error) => Err(Trouble::Corrupt(format!("malformed stream ({error})"))),
        }
    }
}
