//! What a stream is, by its first bytes and never by its name.

mod foreign;
mod signs;

use std::borrow::Cow;

use crate::archive::{ar, cpio, tar};
use crate::stream::{
    Bzip2, Codec, Input, Lz4, Lzip, Lzma, Random, Section, Snappy, Xz, Zlib, Zstd, is_skippable,
};

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
    /// An archive: it holds members.
    Archive(Archive),
    /// Known, and not read: a reason in words.
    Foreign(Cow<'static, str>),
}

/// What an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Archive {
    /// Zip.
    Zip,
    /// Tar of any kind.
    Tar,
    /// ar, and so a Debian package.
    Ar,
    /// cpio of any kind.
    Cpio,
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

/// What becomes of a part of a split zip.
pub(crate) const PART: &str = "not text: a part of a split zip; join the parts: zip -s 0 LAST.zip --out WHOLE.zip, \
     or cat WHOLE.zip.0* > WHOLE.zip";

/// What a stream of this name is: what has no sign of its own and is no text is a part of a split
/// zip if its name says so.
pub(crate) fn sniff_named(name: &[u8], input: &mut Input<'_>) -> Format {
    match sniff(input) {
        Format::Plain if named_as_part(name) && foreign::is_binary(first(input, ENOUGH_TEXT)) => {
            Format::Foreign(PART.into())
        }
        format => format,
    }
}

/// Whether a name ends as those of split zips do: .zip, .z01, .zip.001.
pub(crate) fn named_as_part(name: &[u8]) -> bool {
    let name = &name[name.len().saturating_sub(8)..];
    let digits = |count: usize| {
        let (rest, end) = name.split_at(name.len().saturating_sub(count));
        (end.len() == count && end.iter().all(u8::is_ascii_digit)).then_some(rest)
    };
    let ends = |name: &[u8], end: &[u8]| {
        let at = name.len().saturating_sub(end.len());
        name[at..].eq_ignore_ascii_case(end)
    };
    ends(name, b".zip")
        || [2, 3]
            .into_iter()
            .filter_map(digits)
            .any(|rest| ends(rest, b".z"))
        || digits(3).is_some_and(|rest| ends(rest, b".zip."))
}

/// How names of archives end, where the bytes cost a question over a network.
const ARCHIVES: [&[u8]; 15] = [
    b".zip",
    b".jar",
    b".tar",
    b".tgz",
    b".tbz2",
    b".txz",
    b".tzst",
    b".tar.gz",
    b".tar.bz2",
    b".tar.xz",
    b".tar.zst",
    b".tar.lz4",
    b".deb",
    b".ar",
    b".cpio",
];

/// Whether a name ends as those of archives do.
pub(crate) fn is_named_as_archive(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    ARCHIVES.iter().any(|end| name.ends_with(end))
}

/// Whether a file is text, or nothing that is known.
pub(crate) fn is_plain(file: &Random<'_>) -> bool {
    sniff(&mut Input::glance(Section::unseen(file, 0, file.size()))) == Format::Plain
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
        _ if is_zip(head) => Format::Archive(Archive::Zip),
        _ if Snappy::begins(head) => Format::Snappy,
        _ if Lzip::begins(head) => Format::Lzip,
        _ if ar::begins(head) => Format::Archive(Archive::Ar),
        _ if cpio::begins(head) => Format::Archive(Archive::Cpio),
        _ if tar::begins(head) => Format::Archive(Archive::Tar),
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
    // Most streams are told apart by the bytes that are buffered already: more are not asked for.
    runs(first(input, ENOUGH)) && memchr::memchr(0, first(input, ENOUGH_TEXT)).is_some()
}

/// Whether a file that begins so is one that is run.
pub(crate) fn runs(head: &[u8]) -> bool {
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
        is(b"PK\x05\x06", Format::Archive(Archive::Zip));
        is(b"PK00PK\x03\x04", Format::Archive(Archive::Zip));
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
        // zlib.compressobj(zdict=b"words").
        named(
            b"\x78\xBB\x06\x84\x02\x4C\x4B\x04\0\x02\x9C\x01\x2B",
            "not supported: zlib stream with a preset dictionary",
        );
        is(b"x\xBB is a mark\n", Format::Plain);
        named(b"\xFF\xFE\0\0a\0\0\0", "not supported: UTF-32 text");
        let mut header = ::tar::Header::new_old();
        header.set_path("name").unwrap();
        header.set_size(0);
        header.set_cksum();
        is(header.as_bytes(), Format::Archive(Archive::Tar));
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
        named(&binary(b"LPKSHHRH\0\0\0\0"), {
            "not text: systemd journal; journalctl --file prints it"
        });
        named(&binary(b"PACK\0\0\0\x02"), "not text: git pack");
        named(&binary(b"PAR1\x15\x04"), "not text: Parquet file");
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
    fn utf16_without_a_mark_is_named_and_a_list_of_short_words_is_text() {
        let text = "time\tERROR \u{2013} a message\r\n".repeat(40);
        let low: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let high: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let reason = |order| {
            let way_out = format!("convert it: iconv -f UTF-16{order} -t UTF-8");
            format!("not text: UTF-16 without a byte-order mark; {way_out}")
        };
        is(&low, Format::Foreign(reason("LE").into()));
        is(&high, Format::Foreign(reason("BE").into()));
        let wide: Vec<u8> = text
            .chars()
            .flat_map(|c| u32::from(c).to_be_bytes())
            .collect();
        is(&wide, {
            Format::Foreign(reason("BE").replace("UTF-16", "UTF-32").into())
        });
        is(b"a\0b\0", Format::Plain);
        is(&b"one\0two\0".repeat(100), Format::Plain);
        is(&b"a\x01b\0".repeat(100), Format::Plain);
    }

    #[test]
    fn utf16_is_known_by_its_mark() {
        is(b"\xFF\xFEa\0\n\0", Format::Utf16 { big_endian: false });
        is(b"\xFE\xFF\0a\0\n", Format::Utf16 { big_endian: true });
    }
}
