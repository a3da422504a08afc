//! ar archives: GNU's and BSD's, and so Debian packages.

/// What an archive begins with.
pub(crate) const MAGIC: &[u8] = b"!<arch>\n";
/// The length of a member's header.
pub(crate) const HEADER: usize = 60;
const END: &[u8] = b"`\n";

/// A member's header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its name, without the blanks that fill the field up.
    pub(crate) name: Vec<u8>,
    /// The length of its data, in bytes.
    pub(crate) size: u64,
}

/// Whether an archive begins so: with its magic, and a member if there is any.
pub(crate) fn begins(head: &[u8]) -> bool {
    head.strip_prefix(MAGIC).is_some_and(|rest| {
        rest.is_empty()
            || rest
                .first_chunk::<HEADER>()
                .is_some_and(|h| h.ends_with(END))
    })
}

impl Header {
    /// The header that these bytes are, if they are one.
    pub(crate) fn parse(bytes: &[u8; HEADER]) -> Option<Self> {
        if !bytes.ends_with(END) {
            return None;
        }
        let size = super::pax::decimal(bytes[48..58].trim_ascii())?;
        let name = bytes[..16].trim_ascii_end().to_vec();
        Some(Self { name, size })
    }

    /// The length of the name that stands before the data (BSD), if it does.
    pub(crate) fn name_in_data(&self) -> Option<u64> {
        super::pax::decimal(self.name.strip_prefix(b"#1/")?)
    }

    /// Whether it is the table of long names (GNU).
    pub(crate) fn is_names(&self) -> bool {
        self.name == b"//"
    }

    /// Whether it is an index of symbols.
    pub(crate) fn is_index(&self) -> bool {
        let name = &self.name[..];
        name == b"/" || name == b"/SYM64/" || name.starts_with(b"__.SYMDEF")
    }

    /// The member's name, which may be in the table of long names.
    pub(crate) fn full_name(&self, names: &[u8]) -> Vec<u8> {
        let long = self.name.strip_prefix(b"/").and_then(super::pax::decimal);
        let rest = long.and_then(|at| names.get(usize::try_from(at).ok()?..));
        let name = match rest {
            Some(rest) => &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())],
            None => &self.name,
        };
        name.strip_suffix(b"/").unwrap_or(name).to_vec()
    }
}
