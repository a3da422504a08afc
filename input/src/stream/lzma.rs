//! LZMA in its three containers: xz, lzip and the older .lzma, within a bound on memory. It must
//! not know what the bytes mean.

use liblzma::stream::{Action, Error, Status, Stream};

use super::Input;
use super::coded::{Codec, CodecError};

/// What decoding may take: a window of 128 MiB and the decoder's own state.
const MEMORY: u64 = (128 << 20) + (1 << 20);
/// Where the compressed data of a .lzma file begins.
const LZMA_HEADER: usize = 13;
/// No .lzma file states a larger size than 256 GiB, so xz, 7-Zip and file(1) agree; a larger number
/// is something else.
const LZMA_SIZE: u64 = 1 << 38;

/// Makes the codec of one container.
macro_rules! container {
    ($(#[$about:meta])* $codec:ident, $name:literal, $padding:literal, $begins:expr, $decoder:expr) => {
        $(#[$about])*
        pub(crate) struct $codec(Stream);

        impl $codec {
            /// A decoder, or why there is none.
            pub(crate) fn new() -> Result<Self, String> {
                match $decoder {
                    Ok(stream) => Ok(Self(stream)),
                    Err(error) => Err(format!("no decoder: {error}")),
                }
            }
        }

        impl Codec for $codec {
            const NAME: &'static str = $name;
            const PADDING: u64 = $padding;

            fn begins(head: &[u8]) -> bool {
                $begins(head)
            }

            fn restart(&mut self) -> Result<(), String> {
                *self = Self::new()?;
                Ok(())
            }

            fn step(&mut self, input: &mut Input<'_>, out: &mut Vec<u8>) -> Result<bool, CodecError> {
                step(&mut self.0, input, out)
            }
        }
    };
}

container!(
    /// An xz decoder.
    Xz,
    "xz",
    4,
    |head: &[u8]| head.starts_with(&[0xFD, b'7', b'z', b'X', b'Z', 0]),
    Stream::new_stream_decoder(MEMORY, 0)
);
container!(
    /// An lzip decoder.
    Lzip,
    "lzip",
    1,
    |head: &[u8]| head.starts_with(b"LZIP\x01") || head.starts_with(b"LZIP\0"),
    Stream::new_lzip_decoder(MEMORY, 0)
);
container!(
    /// A decoder of .lzma files.
    Lzma,
    "lzma",
    1,
    is_lzma,
    Stream::new_lzma_decoder(MEMORY)
);

/// A .lzma file has no magic number: its header must be one that encoders write.
fn is_lzma(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<{ LZMA_HEADER + 1 }>() else {
        return false;
    };
    let [properties, a, b, c, d, size @ .., first] = *header;
    let window = u32::from_le_bytes([a, b, c, d]);
    let size = u64::from_le_bytes(size);
    // A power of two, or one and a half.
    let usual = window.count_ones() == 1 || (window >> 1) & window != 0 && window.count_ones() == 2;
    properties < 9 * 5 * 5
        && (window == u32::MAX || window >= 1 << 12 && usual)
        && (size == u64::MAX || size < LZMA_SIZE)
        // The range coder's first byte.
        && first == 0
}

fn step(stream: &mut Stream, input: &mut Input<'_>, out: &mut Vec<u8>) -> Result<bool, CodecError> {
    let before = stream.total_in();
    let result = stream.process_vec(input.fill()?, out, Action::Run);
    input.consume((stream.total_in() - before) as usize);
    match result {
        Ok(Status::StreamEnd) => Ok(true),
        Ok(_) => Ok(false),
        Err(Error::MemLimit) => Err(CodecError::Unusable(
            "not supported: a window of more than 128 MiB".into(),
        )),
        Err(Error::Mem) => Err(CodecError::Unusable("no memory to decode it".into())),
        Err(Error::Options | Error::UnsupportedCheck) => Err(CodecError::Unusable(
            "not supported: a filter or check that is unknown".into(),
        )),
        Err(Error::Data) => Err(CodecError::Corrupt("wrong checksum or invalid data".into())),
        Err(error) => Err(CodecError::Corrupt(format!("malformed stream ({error})"))),
    }
}
