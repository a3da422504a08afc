//! What a stream is, by its first bytes and never by its name.

use crate::stream::{Bzip2, Codec, Lz4, Xz, Zstd};

/// How many bytes decide: a tar header is the longest sign.
pub(crate) const ENOUGH: usize = 512;

/// What a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text, or anything that is not known.
    Plain,
    /// Gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
    /// LZ4 frames.
    Lz4,
    /// Zip.
    Zip,
    /// Tar of any kind.
    Tar,
    /// Known, and not read.
    Foreign(&'static str),
}

/// What the stream that begins with `head` is; `head` has [`ENOUGH`] bytes unless it ends before.
pub(crate) fn sniff(head: &[u8]) -> Format {
    match head {
        [0x1F, 0x8B, 0x08, ..] => Format::Gzip,
        _ if Bzip2::begins(head) => Format::Bzip2,
        _ if Xz::begins(head) => Format::Xz,
        _ if Zstd::begins(head) => Format::Zstd,
        _ if Lz4::begins(head) => Format::Lz4,
        _ if is_zip(head) => Format::Zip,
        [b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C, ..] => Format::Foreign("7z archive"),
        [b'R', b'a', b'r', b'!', 0x1A, 0x07, ..] => Format::Foreign("rar archive"),
        // The third byte: block mode, two reserved bits, the longest code's bits.
        [0x1F, 0x9D, flags, ..] if flags & 0x60 == 0 && (9..=16).contains(&(flags & 0x1F)) => {
            Format::Foreign("compress (.Z) stream")
        }
        [0x02, 0x21, 0x4C, 0x18, ..] => Format::Foreign("legacy lz4 stream"),
        [b'L', b'Z', b'I', b'P', 1, ..] => Format::Foreign("lzip stream"),
        [0x89, b'L', b'Z', b'O', 0, b'\r', b'\n', 0x1A, b'\n', ..] => {
            Format::Foreign("lzop stream")
        }
        _ if is_tar(head) => Format::Tar,
        _ => Format::Plain,
    }
}

/// Whether a zip begins so: with a member, empty, or with the mark of a split one.
pub(crate) fn is_zip(head: &[u8]) -> bool {
    matches!(
        head,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..]
    )
}

fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<512>() else {
        return false;
    };
    // With their zero or blanks, the magics occur in no text.
    let magic = &block[257..265];
    magic == b"ustar\x0000" || magic == b"ustar  \0" || (block[0] != 0 && checksum_holds(block))
}

/// Whether a block's checksum is a tar header's.
pub(crate) fn checksum_holds(block: &[u8; 512]) -> bool {
    let Ok(stated) = tar::Header::from_byte_slice(block).cksum() else {
        return false;
    };
    let field = 148..156;
    let signed = |byte: u8| i64::from(byte as i8);
    let outside = || (0..512).filter(|at| !field.contains(at));
    let blanks = 8 * i64::from(b' ');
    let sum: i64 = outside().map(|at| i64::from(block[at])).sum();
    // Some old writers summed signed bytes.
    let old: i64 = outside().map(|at| signed(block[at])).sum();
    let stated = i64::from(stated);
    stated > blanks && (stated == sum + blanks || stated == old + blanks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_plain_and_archives_are_known_by_their_bytes() {
        assert_eq!(sniff(b""), Format::Plain);
        assert_eq!(sniff(b"BZhello"), Format::Plain);
        assert_eq!(sniff(b"BZh91AY&SY"), Format::Bzip2);
        assert_eq!(sniff(b"PK is a name\n"), Format::Plain);
        assert_eq!(sniff(b"PK\x05\x06"), Format::Zip);
        assert_eq!(sniff(&[b' '; 600]), Format::Plain);
        assert_eq!(sniff(&[0; 600]), Format::Plain);
        assert_eq!(
            sniff(b"7z\xBC\xAF\x27\x1C\0\x04"),
            Format::Foreign("7z archive")
        );
        assert_eq!(sniff(b"Rar!\x1A\x07\x01\0"), Format::Foreign("rar archive"));
        assert_eq!(
            sniff(&[0x1F, 0x9D, 0x90, 1]),
            Format::Foreign("compress (.Z) stream")
        );
        let mut header = tar::Header::new_old();
        header.set_path("name").unwrap();
        header.set_size(0);
        header.set_cksum();
        assert_eq!(sniff(header.as_bytes()), Format::Tar);
    }
}
