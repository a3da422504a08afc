//! Memory for the large tables: zeroed, and on Linux in huge pages, because look-ups land anywhere
//! in them and small pages cost an address translation each. Must not know what is stored.

use std::fmt;

use memmap2::MmapMut;

/// A block of bytes, at least as aligned as a cache line where the system maps memory.
pub(crate) enum Pages {
    Mapped(MmapMut),
    /// Where mapping fails.
    Heap(Vec<u8>),
}

impl Pages {
    /// `length` zero bytes.
    pub(crate) fn zeroed(length: usize) -> Self {
        match MmapMut::map_anon(length.max(1)) {
            Ok(map) => {
                // Advice that the system cannot follow costs speed only.
                #[cfg(target_os = "linux")]
                let _ = map.advise(memmap2::Advice::HugePage);
                Self::Mapped(map)
            }
            Err(_) => Self::Heap(vec![0; length]),
        }
    }

    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Heap(bytes) => bytes,
        }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Heap(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("length", &self.bytes().len())
            .finish()
    }
}
