//! Zstandard (RFC 8878), within a bound on memory. It must not know what the bytes mean.

use zstd::zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

use super::Input;
use super::coded::{Codec, CodecError};
use super::lz4::is_skippable;

/// The binary logarithm of the largest window that is decoded: 128 MiB.
const WINDOW_LOG: u32 = 27;
/// The length of the first bytes that tell a frame's header.
const START: usize = 5;
/// The most input that is given at once; a block is shorter.
const MOST: usize = 192 << 10;

/// A Zstandard decoder.
pub(crate) struct Zstd {
    context: DCtx<'static>,
    /// How much input the decoder asks for. It gets no more, so that each call decodes one block:
    /// what an erroneous call had decoded is lost.
    wants: usize,
}

impl Zstd {
    /// A decoder, or why there is none.
    pub(crate) fn new() -> Result<Self, String> {
        let mut context = DCtx::try_create().ok_or("no memory for a decoder")?;
        context
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG))
            .map_err(|code| zstd_safe::get_error_name(code).to_owned())?;
        Ok(Self {
            context,
            wants: START,
        })
    }
}

impl Codec for Zstd {
    const NAME: &'static str = "zstd";

    fn begins(head: &[u8]) -> bool {
        matches!(head, [0x28, 0xB5, 0x2F, 0xFD, ..]) || is_skippable(head)
    }

    fn restart(&mut self) -> Result<(), String> {
        self.wants = START;
        self.context
            .reset(ResetDirective::SessionOnly)
            .map_err(|code| zstd_safe::get_error_name(code).to_owned())?;
        Ok(())
    }

    fn step(&mut self, input: &mut Input<'_>, out: &mut Vec<u8>) -> Result<bool, CodecError> {
        loop {
            let bytes = input.want(self.wants)?;
            let mut source = InBuffer::around(&bytes[..bytes.len().min(self.wants)]);
            let mut target = OutBuffer::around(out);
            let result = self.context.decompress_stream(&mut target, &mut source);
            let taken = source.pos();
            input.consume(taken);
            match result {
                Ok(0) => return Ok(true),
                Ok(hint) => {
                    let flushed = self.wants == 0 && out.is_empty();
                    // A full stage: the decoder may have more to give before it takes input.
                    let full = out.len() == out.capacity();
                    // What is skipped may be asked for in one piece of any length.
                    self.wants = if full { 0 } else { hint.min(MOST) };
                    if !flushed {
                        return Ok(false);
                    }
                }
                Err(code) => return Err(trouble(zstd_safe::get_error_name(code))),
            }
        }
    }
}

fn trouble(name: &str) -> CodecError {
    if name.contains("too much memory") {
        CodecError::Unusable("not supported: a window of more than 128 MiB".into())
    } else if name.contains("Unsupported") || name.contains("ictionary") {
        CodecError::Unusable(format!("not supported: {name}"))
    } else {
        CodecError::Corrupt(name.to_owned())
    }
}
