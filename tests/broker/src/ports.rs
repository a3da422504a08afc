//! Ports for a node that nothing else takes, neither while it starts nor while it is stopped.

use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::NodeError;

/// The first port of the first block. The system gives out ports above these by itself, to whoever
/// binds to none or connects.
const FIRST: u16 = 20_000;
/// Ports in a block: one node's.
const COUNT: u16 = 4;
const BLOCKS: u16 = 3_000;

/// A block of ports, claimed until this is dropped.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) numbers: [u16; COUNT as usize],
    /// Its name, which no file stands for, is taken: other programs of tests pass over the block.
    _claim: UnixListener,
}

impl Ports {
    /// Claims the next block in which nothing listens.
    pub(crate) fn claim() -> Result<Self, NodeError> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Each program begins elsewhere, and none takes a block again that it has just left.
        let begin = (std::process::id() % u32::from(BLOCKS)) as u16;
        for _ in 0..BLOCKS {
            let block = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % BLOCKS;
            let first = FIRST + block * COUNT;
            let name = SocketAddr::from_abstract_name(format!("gristmill-testbroker-{first}"))
                .map_err(NodeError::io("naming a block of ports"))?;
            let Ok(claim) = UnixListener::bind_addr(&name) else {
                continue;
            };
            let numbers = std::array::from_fn(|at| first + at as u16);
            let free = |&port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
            if numbers.iter().all(free) {
                return Ok(Self {
                    numbers,
                    _claim: claim,
                });
            }
        }
        Err(NodeError::io("looking for free ports")(
            std::io::ErrorKind::AddrInUse.into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_out_twice_nor_where_something_listens() {
        let first = Ports::claim().unwrap();
        let second = Ports::claim().unwrap();
        assert!(
            !second
                .numbers
                .iter()
                .any(|port| first.numbers.contains(port))
        );
        let [port, ..] = first.numbers;
        let name = SocketAddr::from_abstract_name(format!("gristmill-testbroker-{port}")).unwrap();
        assert!(UnixListener::bind_addr(&name).is_err());
        drop(first);
        assert!(UnixListener::bind_addr(&name).is_ok());
    }
}
