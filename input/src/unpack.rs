//! Compressed streams as streams of what they hold, by their formats.

use crate::sniff::Format;
use crate::stream::{Bzip2, Codec, Coded, Gzip, Input, Lz4, Lzip, Lzma, Snappy, Xz, Zlib, Zstd};

/// What a compressed stream holds, or why it cannot be unpacked; `None` for what is not compressed.
pub(crate) fn unpacked<'a>(format: &Format, input: Input<'a>) -> Option<Result<Input<'a>, String>> {
    Some(match format {
        Format::Plain | Format::Utf16 { .. } | Format::Archive(_) | Format::Foreign(_) => {
            return None;
        }
        Format::Gzip => Ok(Input::glance(Gzip::new(input))),
        Format::Snappy => Ok(Input::glance(Snappy::new(input))),
        Format::Bzip2 => coded(input, Ok(Bzip2::new())),
        Format::Xz => coded(input, Xz::new()),
        Format::Lzip => coded(input, Lzip::new()),
        Format::Lzma => coded(input, Lzma::new()),
        Format::Zstd => coded(input, Zstd::new()),
        Format::Lz4 => coded(input, Ok(Lz4::default())),
        Format::Zlib => coded(input, Ok(Zlib::new())),
    })
}

fn coded<'a>(
    input: Input<'a>,
    codec: Result<impl Codec + 'a, String>,
) -> Result<Input<'a>, String> {
    codec.map(|codec| Input::glance(Coded::new(input, codec)))
}
