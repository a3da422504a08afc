//! A throwaway S3 server for tests, in this process, and a proxy that breaks what goes through it.
//!
//! Protocol, signatures and conditions' headers are `s3s`, which others run as a server; what it
//! keeps is in memory, so that any key can be had.

mod memory;
mod proxy;
mod server;

pub use proxy::{Fault, Proxy};
pub use server::{KEY, SECRET, Server};
