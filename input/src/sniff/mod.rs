//! What a stream is, by its first bytes and never by its name.

mod foreign;

use std::borrow::Cow;

use crate::archive::{ar, cpio, tar};
use crate::stream::{Bzip2, Codec, Input, Lz4, Lzip, Lzma, Snappy, Xz, Zlib, Zstd, is_skippable};

/// How many bytes decide for most formats: a tar header is the longest sign.
const ENOUGH: usize = 512;
/// How many bytes tell text from what is not.
pub(crate) const ENOUGH_TEXT: usize = 8 << 10;
/// How far into skippable frames the first frame with data is looked for.
const ENOUGH_FRAMES: usize = 1 << 20;

/// What a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text, or anything that is not known.
    Plain,
    /// UTF-16 text with a byte-order mark.
    Utf16 {
        /// The more significant byte of a unit comes first.
        big_endian: bool,
    },
    /// Gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// lzip.
    Lzip,
    /// The older container of LZMA, .lzma.
    Lzma,
    /// Zstandard.
    Zstd,
    /// LZ4 frames.
    Lz4,
    /// zlib.
    Zlib,
    /// Snappy frames.
    Snappy,
    /// Zip.
    Zip,
    /// Tar of any kind.
    Tar,
    /// ar, and so a Debian package.
    Ar,
    /// cpio of any kind.
    Cpio,
    /// Known, and not read: a reason in words.
    Foreign(Cow<'static, str>),
}

/// What a stream is.
pub(crate) fn sniff(input: &mut Input<'_>) -> Format {
    // Exactly so many bytes decide, however many were buffered (I1).
    let head = first(input, ENOUGH);
    match by_signature(head) {
        Format::Plain => {}
        Format::Zstd if is_skippable(head) => return frames(input),
        format => return format,
    }
    if !foreign::may_be(head) {
        return Format::Plain;
    }
    let head = first(input, ENOUGH_TEXT);
    if let Some(reason) = foreign::reason(head) {
        return Format::Foreign(reason);
    }
    if foreign::may_be_disk(head) && foreign::is_disk(first(input, foreign::ENOUGH_DISK)) {
        return Format::Foreign("not supported: ISO 9660 disk image".into());
    }
    Format::Plain
}

fn first<'i>(input: &'i mut Input<'_>, count: usize) -> &'i [u8] {
    let bytes = input.peek(count);
    &bytes[..bytes.len().min(count)]
}

/// What a stream that begins with `head` is, by the signatures of what is read and of what is
/// named.
fn by_signature(head: &[u8]) -> Format {
    match head {
        [0x1F, 0x8B, 0x08, ..] => Format::Gzip,
        _ if Bzip2::begins(head) => Format::Bzip2,
        _ if Xz::begins(head) => Format::Xz,
        _ if Zstd::begins(head) => Format::Zstd,
        _ if Lz4::begins(head) => Format::Lz4,
        _ if is_zip(head) => Format::Zip,
        _ if Snappy::begins(head) => Format::Snappy,
        _ if Lzip::begins(head) => Format::Lzip,
        _ if ar::begins(head) => Format::Ar,
        _ if cpio::begins(head) => Format::Cpio,
        _ if tar::begins(head) => Format::Tar,
        _ if Lzma::begins(head) => Format::Lzma,
        _ => match foreign::archive(head) {
            Some(reason) => Format::Foreign(reason.into()),
            None if foreign::is_binary(head) && Zlib::begins(head) => Format::Zlib,
            None => match head {
                [0xFF, 0xFE, ..] => Format::Utf16 { big_endian: false },
                [0xFE, 0xFF, ..] => Format::Utf16 { big_endian: true },
                _ => Format::Plain,
            },
        },
    }
}

/// Skippable frames are of zstd and of lz4: the first other frame tells which.
fn frames(input: &mut Input<'_>) -> Format {
    let mut at = 0;
    loop {
        let head = first(input, at + 8);
        let [_, _, _, _, length @ ..] = head.get(at..).unwrap_or_default() else {
            return Format::Zstd;
        };
        if !is_skippable(&head[at..]) {
            return match Lz4::begins(&head[at..]) {
                true => Format::Lz4,
                false => Format::Zstd,
            };
        }
        let length = length.first_chunk().map_or(0, |l| u32::from_le_bytes(*l));
        at = at.saturating_add(8).saturating_add(length as usize);
        if at > ENOUGH_FRAMES {
            return Format::Zstd;
        }
    }
}

/// Whether a zip begins so: with a member, empty, or with the mark of a split one (PK00: split, and
/// in one piece after all).
pub(crate) fn is_zip(head: &[u8]) -> bool {
    matches!(
        head,
        [b'P', b'K', 3, 4, ..]
            | [b'P', b'K', 5, 6, ..]
            | [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..]
            | [b'P', b'K', b'0', b'0', b'P', b'K', 3, 4, ..]
    )
}

/// Whether a zip may stand behind something that begins with `head`: a script, a program, or
/// anything with a NUL in it, of no format that is known otherwise.
pub(crate) fn may_hide_zip(head: &[u8]) -> bool {
    let known = by_signature(&head[..head.len().min(ENOUGH)]);
    known == Format::Plain && (runs(head) || memchr::memchr(0, head).is_some())
}

/// The same for a stream, which must be copied to a file before its end can be seen.
pub(crate) fn may_hide_zip_in_stream(input: &mut Input<'_>) -> bool {
    let head = first(input, ENOUGH_TEXT);
    runs(head) && memchr::memchr(0, head).is_some()
}

/// Whether a file that begins so is one that is run.
fn runs(head: &[u8]) -> bool {
    head.starts_with(b"#!") || head.starts_with(b"MZ") || head.starts_with(b"\x7FELF")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Damage, Pull};

    struct Bytes(Vec<u8>);

    impl Pull for Bytes {
        fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
            let take = self.0.len().min(max);
            out.extend(self.0.drain(..take));
            Ok(take)
        }
    }

    #[track_caller]
    fn is(bytes: &[u8], format: Format) {
        assert_eq!(sniff(&mut Input::glance(Bytes(bytes.to_vec()))), format);
    }

    #[track_caller]
    fn named(bytes: &[u8], reason: &'static str) {
        is(bytes, Format::Foreign(reason.into()));
    }

    /// Some bytes, filled up with others that no text holds.
    fn binary(head: &[u8]) -> Vec<u8> {
        let mut bytes = head.to_vec();
        bytes.extend((0..2000_u32).map(|n| (n * n % 251) as u8));
        bytes
    }

    #[test]
    fn text_is_plain_and_archives_are_known_by_their_bytes() {
        is(b"", Format::Plain);
        is(b"BZhello", Format::Plain);
        is(b"BZh91AY&SY", Format::Bzip2);
        is(b"PK is a name\n", Format::Plain);
        is(b"PK\x05\x06", Format::Zip);
        is(b"PK00PK\x03\x04", Format::Zip);
        is(&[b' '; 600], Format::Plain);
        is(&[0; 600], Format::Plain);
        is(&[0; 40_000], Format::Plain);
        named(b"7z\xBC\xAF\x27\x1C\0\x04", "not supported: 7z archive");
        named(b"Rar!\x1A\x07\x01\0", "not supported: rar archive");
        named(
            &[0x1F, 0x9D, 0x90, 1],
            "not supported: compress (.Z) stream",
        );
        named(b"\xED\xAB\xEE\xDB\x03\0", "not supported: rpm package");
        named(b"\xFF\xFE\0\0a\0\0\0", "not supported: UTF-32 text");
        let mut header = ::tar::Header::new_old();
        header.set_path("name").unwrap();
        header.set_size(0);
        header.set_cksum();
        is(header.as_bytes(), Format::Tar);
    }

    #[test]
    fn what_is_no_text_is_named_and_a_text_with_a_weak_sign_is_text() {
        named(
            &binary(b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR"),
            "not text: PNG image",
        );
        named(
            &binary(b"\x7FELF\x02\x01\x01\0"),
            "not text: ELF executable",
        );
        named(
            &binary(b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"),
            "not text: PDF document",
        );
        named(&binary(b"SQLite format 3\0"), "not text: SQLite 3 database");
        named(
            &binary(b"<<< Oracle VM VirtualBox Disk Image >>>\n\0"),
            "not text: VDI disk image",
        );
        let mut disk = vec![0; 33_000];
        disk[32_769..32_774].copy_from_slice(b"CD001");
        named(&disk, "not supported: ISO 9660 disk image");
        for text in [
            &b"BMW und Mercedes\n"[..],
            b"MZ f\xFCr M\xFCnzen\n",
            b"ID3 tags are in music files\n",
            b"%PDF-1.7 is a version\n",
            b"070707 is a number\n",
            b"x^2 + y^2 \xE9\n",
            b"!<arch> marks an archive\n",
            b"GIF89a is a format; this one has a NUL \0 in it\n",
        ] {
            is(text, Format::Plain);
        }
    }

    #[test]
    fn utf16_is_known_by_its_mark() {
        is(b"\xFF\xFEa\0\n\0", Format::Utf16 { big_endian: false });
        is(b"\xFE\xFF\0a\0\n", Format::Utf16 { big_endian: true });
    }
}
