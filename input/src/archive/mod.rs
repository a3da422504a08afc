//! What the headers of archives say. It must not know how an archive is walked, nor what becomes of
//! its members.

pub(crate) mod ar;
pub(crate) mod cpio;
pub(crate) mod names;
pub(crate) mod pax;
pub(crate) mod sparse;
pub(crate) mod tar;
