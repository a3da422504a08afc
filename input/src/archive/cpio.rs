//! The headers of cpio archives: new ASCII (with and without checksums), old ASCII, and binary in
//! both byte orders.

use super::tar::number;

/// The longest header, in bytes.
pub(crate) const MOST: usize = 110;
/// The name of the member that ends an archive.
pub(crate) const TRAILER: &[u8] = b"TRAILER!!!";

/// A member's header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The header's own length.
    pub(crate) length: u64,
    /// The length of the name that follows, its NUL included.
    pub(crate) name: u64,
    /// The length of the data after that.
    pub(crate) size: u64,
    /// What name and data are each filled up to.
    pub(crate) align: u64,
    /// Type and permissions.
    mode: u64,
    /// The file's number, which all its names share.
    pub(crate) inode: u64,
    /// How many names the file has, where its data stands at the last of them only.
    links: u64,
}

/// Whether an archive begins so.
pub(crate) fn begins(head: &[u8]) -> bool {
    Header::parse(head).is_some_and(|header| {
        let name = head.get(header.length as usize..).unwrap_or_default();
        let name = &name[..name.len().min(header.name as usize)];
        // A name holds a NUL at its end and nowhere else.
        let end = memchr::memchr(0, name).unwrap_or(name.len());
        header.name > 0 && end + 1 >= name.len() && header.kind() <= 0o14
    })
}

impl Header {
    /// The header that these bytes begin with, if it is one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2', ..] => new_ascii(bytes),
            [b'0', b'7', b'0', b'7', b'0', b'7', ..] => old_ascii(bytes),
            [0xC7, 0x71, ..] => binary(bytes, u16::from_le_bytes),
            [0x71, 0xC7, ..] => binary(bytes, u16::from_be_bytes),
            _ => None,
        }
    }

    fn kind(&self) -> u64 {
        self.mode >> 12
    }

    /// Whether the member is a regular file.
    pub(crate) fn is_file(&self) -> bool {
        self.kind() == 0o10
    }

    /// Whether the file's data stands at another of its names.
    pub(crate) fn is_link(&self) -> bool {
        self.size == 0 && self.has_links()
    }

    /// Whether the file has several names.
    pub(crate) fn has_links(&self) -> bool {
        self.links > 1
    }
}

fn new_ascii(bytes: &[u8]) -> Option<Header> {
    let field = |number: usize| {
        let digits = bytes.get(6 + 8 * number..14 + 8 * number)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    Some(Header {
        length: 110,
        inode: field(0)?,
        mode: field(1)?,
        links: field(4)?,
        size: field(6)?,
        name: field(11)?,
        align: 4,
    })
}

fn old_ascii(bytes: &[u8]) -> Option<Header> {
    let field = |from: usize, length: usize| {
        let digits = bytes.get(from..from + length)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| number(digits))?
    };
    Some(Header {
        length: 76,
        inode: 0,
        mode: field(18, 6)?,
        links: 1,
        name: field(59, 6)?,
        size: field(65, 11)?,
        align: 1,
    })
}

fn binary(bytes: &[u8], order: fn([u8; 2]) -> u16) -> Option<Header> {
    let field = |number: usize| {
        let pair = bytes.get(2 * number..)?.first_chunk::<2>()?;
        Some(u64::from(order(*pair)))
    };
    Some(Header {
        length: 26,
        inode: 0,
        mode: field(3)?,
        links: 1,
        name: field(10)?,
        size: field(11)? << 16 | field(12)?,
        align: 2,
    })
}
