//! What is not text and not read: named, so that its bytes are never taken for words.

use std::borrow::Cow;

use file_format::{FileFormat, Kind};

use super::signs;

/// Where an ISO 9660 image says what it is, and how many bytes tell.
const DISK_SIGN: usize = 32 << 10;
pub(super) const ENOUGH_DISK: usize = DISK_SIGN + 6;
/// A stream that begins with so many printable characters is text if the sign that they begin with
/// is short (`BM`, `MZ`).
const PRINTABLE: usize = 16;

/// So many units of UTF-16 tell it from a few NULs.
const UNITS: usize = 8;

/// Why an archive or compressed stream that begins so is not read.
pub(super) fn archive(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C, ..] => "not supported: 7z archive",
        [b'R', b'a', b'r', b'!', 0x1A, 0x07, ..] => "not supported: rar archive",
        // The third byte: block mode, two reserved bits, the longest code's bits.
        [0x1F, 0x9D, flags, ..] if flags & 0x60 == 0 && (9..=16).contains(&(flags & 0x1F)) => {
            "not supported: compress (.Z) stream"
        }
        [0x02, 0x21, 0x4C, 0x18, ..] => "not supported: legacy lz4 stream",
        [0x89, b'L', b'Z', b'O', 0, b'\r', b'\n', 0x1A, b'\n', ..] => "not supported: lzop stream",
        [0xED, 0xAB, 0xEE, 0xDB, ..] => "not supported: rpm package",
        [b'M', b'S', b'C', b'F', 0, 0, 0, 0, ..] => "not supported: cab archive",
        [b'x', b'a', b'r', b'!', 0, ..] => "not supported: xar archive",
        [b'L', b'R', b'Z', b'I', 0, ..] => "not supported: lrzip stream",
        [_, _, b'-', b'l', b'h', level, b'-', ..]
            if level.is_ascii_alphanumeric() && is_binary(head) =>
        {
            "not supported: lha archive"
        }
        [b'!', b'<', b't', b'h', b'i', b'n', b'>', b'\n', ..] => {
            "not supported: thin ar archive, which holds no members"
        }
        [0, 5, 0x16, 7, 0, _, 0, 0, ..] => {
            "not text: AppleDouble file (attributes of another file)"
        }
        // RFC 1950: DEFLATE with FDICT set.
        [
            method @ (0x08 | 0x18 | 0x28 | 0x38 | 0x48 | 0x58 | 0x68 | 0x78),
            flags,
            ..,
        ] if flags & 0x20 != 0
            && u16::from_be_bytes([*method, *flags]) % 31 == 0
            && is_binary(head) =>
        {
            "not supported: zlib stream with a preset dictionary"
        }
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => "not supported: UTF-32 text",
        _ => return None,
    })
}

/// Whether text cannot look like this: it holds a NUL, or a control character where it is not UTF-8
/// either. Text in an older encoding holds neither.
pub(super) fn is_binary(head: &[u8]) -> bool {
    let control = |&byte: &u8| byte < 0x08 || (0x0E..0x1A).contains(&byte);
    memchr::memchr(0, head).is_some() || (!is_utf8(head) && head.iter().any(control))
}

/// Whether the bytes are UTF-8, but for a character that is cut off at their end.
fn is_utf8(head: &[u8]) -> bool {
    std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// Whether a stream is worth a longer look: a short one for every document that is plain text.
pub(super) fn may_be(head: &[u8]) -> bool {
    // A PDF or PostScript may begin with a long stretch of text.
    head.first() == Some(&b'%') || memchr::memchr(0, head).is_some() || !is_utf8(head)
}

/// Why a stream that begins so is not read: what a maintained list of signatures calls it.
pub(super) fn reason(head: &[u8]) -> Option<Cow<'static, str>> {
    if let Some(name) = signs::name(head) {
        return Some(format!("not text: {name}").into());
    }
    if let Some(reason) = wide(head) {
        return Some(reason.into());
    }
    let marked = head.starts_with(b"%PDF-") && !is_utf8(head);
    if !marked && !is_binary(head) {
        return None;
    }
    let format = FileFormat::from_bytes(head);
    if !marked && is_text_at_first(head) && !is_long_sign(head, format) {
        return None;
    }
    let media = format.media_type();
    if media.starts_with("text/") || media.ends_with("xml") || media.ends_with("json") {
        return None;
    }
    let noun = match format.kind() {
        Kind::Archive => "archive",
        Kind::Audio => "audio",
        Kind::Compressed => "stream",
        Kind::Database => "database",
        Kind::Disk => "disk image",
        Kind::Document => "document",
        Kind::Ebook => "e-book",
        Kind::Executable => "executable",
        Kind::Font => "font",
        Kind::Image => "image",
        Kind::Model => "model",
        Kind::Package => "package",
        Kind::Presentation => "presentation",
        Kind::Spreadsheet => "spreadsheet",
        Kind::Video => "video",
        _ => "file",
    };
    match format {
        FileFormat::ArbitraryBinaryData | FileFormat::Empty | FileFormat::PlainText => None,
        _ => {
            let name = format.short_name().unwrap_or(format.name());
            Some(format!("not text: {name} {noun}").into())
        }
    }
}

/// Why UTF-16 or UTF-32 that has no mark is not read: of nine units in ten all bytes are zero but
/// the first or, always, the last, and that is a character's.
fn wide(head: &[u8]) -> Option<String> {
    let order = |width: usize| {
        let units = head.chunks_exact(width);
        let count = units.len();
        let text = |byte: u8| !matches!(byte, 0..0x09 | 0x0E..0x1B);
        let zero = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
        let (mut little, mut big) = (0, 0);
        for unit in units {
            little += usize::from(zero(&unit[1..]) && text(unit[0]));
            big += usize::from(zero(&unit[..width - 1]) && text(unit[width - 1]));
        }
        // A few characters have a low byte that is zero.
        let most = |these: usize, others: usize| these * 10 >= count * 9 && others * 100 <= count;
        match count >= UNITS {
            true if most(little, big) => Some("LE"),
            true if most(big, little) => Some("BE"),
            _ => None,
        }
    };
    let (bits, order) = match (order(2), order(4)) {
        (Some(order), _) => (16, order),
        (None, Some(order)) => (32, order),
        (None, None) => return None,
    };
    Some(format!(
        "not text: UTF-{bits} without a byte-order mark; convert it: iconv -f UTF-{bits}{order} \
         -t UTF-8"
    ))
}

pub(super) fn is_text_at_first(head: &[u8]) -> bool {
    let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    head.len() >= PRINTABLE && head[..PRINTABLE].iter().all(printable)
}

/// Whether the format is told by more bytes at the beginning than a text may begin with by chance.
fn is_long_sign(head: &[u8], format: FileFormat) -> bool {
    let by = |count: usize| FileFormat::from_bytes(&head[..head.len().min(count)]);
    by(4 * PRINTABLE) == format && by(PRINTABLE / 2) != format
}

/// Whether a stream may be a disk image, whose sign comes late.
pub(super) fn may_be_disk(head: &[u8]) -> bool {
    memchr::memchr(0, head).is_some()
}

/// Whether a stream that begins so is an ISO 9660 image.
pub(super) fn is_disk(head: &[u8]) -> bool {
    head.get(DISK_SIGN + 1..)
        .is_some_and(|sign| sign == b"CD001")
}
