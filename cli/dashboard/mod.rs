//! A live web page over what `status --json` knows. It reads, and changes nothing.
//!
//! `crate::watch` looks at the broker every two seconds and keeps the latest view; `server` gives
//! it to every viewer. A viewer that is slow gets the next view instead of a queue of old ones, so
//! it costs nobody anything.

mod access;
mod server;

pub use access::Access;
pub use server::Server;
