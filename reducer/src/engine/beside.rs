//! Work on bytes that another thread does beside the one that makes them.
//!
//! It must not know what the work is. Few blocks are on their way, and each comes back empty to be
//! filled again.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;

/// Blocks that wait for the thread.
const AHEAD: usize = 4;

/// A thread that works on a `T` with the bytes that it is given, in order.
#[derive(Debug)]
pub(crate) struct Beside<T> {
    to: Option<SyncSender<Given>>,
    spare: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<io::Result<T>>>,
}

/// What goes to the thread.
enum Given {
    /// A block, which comes back.
    Block(Vec<u8>),
    /// Bytes that others may hold too.
    Shared(Bytes),
    /// There is no more.
    End,
}

impl<T: Send + 'static> Beside<T> {
    /// Starts the thread: it calls `work` with what it is given.
    ///
    /// # Errors
    /// Gives `on` back when no thread can be started.
    pub(crate) fn start(
        name: &str,
        on: T,
        work: fn(&mut T, &[u8]) -> io::Result<()>,
    ) -> Result<Self, T> {
        let (to, pieces) = sync_channel(AHEAD);
        let (back, spare) = sync_channel(AHEAD + 1);
        let (hand_over, handed) = sync_channel(1);
        let started = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let mut on = handed.recv().map_err(|_| abandoned())?;
                loop {
                    match pieces.recv() {
                        Ok(Given::Block(mut block)) => {
                            work(&mut on, &block)?;
                            block.clear();
                            let _ = back.try_send(block);
                        }
                        Ok(Given::Shared(bytes)) => work(&mut on, &bytes)?,
                        Ok(Given::End) => return Ok(on),
                        Err(_) => return Err(abandoned()),
                    }
                }
            });
        let Ok(thread) = started else {
            return Err(on);
        };
        // The thread waits for it.
        let _ = hand_over.send(on);
        Ok(Self {
            to: Some(to),
            spare,
            thread: Some(thread),
        })
    }

    /// Hands a block over, and gives an empty one back.
    ///
    /// # Errors
    /// That of the work, which has ended.
    pub(crate) fn block(&mut self, block: Vec<u8>) -> io::Result<Vec<u8>> {
        let size = block.capacity();
        self.send(Given::Block(block))?;
        let spare = self.spare.try_recv();
        Ok(spare.unwrap_or_else(|_| Vec::with_capacity(size)))
    }

    /// Hands bytes over.
    ///
    /// # Errors
    /// As [`Beside::block`].
    pub(crate) fn shared(&mut self, bytes: Bytes) -> io::Result<()> {
        self.send(Given::Shared(bytes))
    }

    /// Waits until all is done.
    ///
    /// # Errors
    /// That of the work.
    pub(crate) fn finish(mut self) -> io::Result<T> {
        if let Some(to) = self.to.take() {
            // A thread that has ended says why.
            let _ = to.send(Given::End);
        }
        self.join()
    }

    fn send(&mut self, piece: Given) -> io::Result<()> {
        let sent = self.to.as_ref().map(|to| to.send(piece));
        if let Some(Ok(())) = sent {
            return Ok(());
        }
        self.to = None;
        self.join().and(Err(abandoned()))
    }

    fn join(&mut self) -> io::Result<T> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(done)) => done,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Err(abandoned()),
        }
    }
}

impl<T> Drop for Beside<T> {
    fn drop(&mut self) {
        // Without more to come, and without an end, the thread gives up: what it holds is gone
        // when this is.
        self.to = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn abandoned() -> io::Error {
    io::Error::other("the thread that works beside has ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_order_and_blocks_come_back() {
        let collect = |all: &mut Vec<u8>, bytes: &[u8]| {
            all.extend_from_slice(bytes);
            Ok(())
        };
        let mut beside = Beside::start("beside", Vec::new(), collect).unwrap();
        let mut block = Vec::with_capacity(10);
        for number in 0..100 {
            block.push(number);
            block = beside.block(block).unwrap();
            assert!(block.is_empty() && block.capacity() >= 10);
            beside.shared(vec![number; 2].into()).unwrap();
        }
        let expected: Vec<u8> = (0..100).flat_map(|number| [number; 3]).collect();
        assert_eq!(beside.finish().unwrap(), expected);
    }

    #[test]
    fn an_error_of_the_work_reaches_the_one_who_gives_it_or_ends_it() {
        let fail = |_: &mut (), _: &[u8]| Err(io::ErrorKind::StorageFull.into());
        let mut beside = Beside::start("beside", (), fail).unwrap();
        let error = loop {
            if let Err(error) = beside.block(vec![1]) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let mut beside = Beside::start("beside", (), fail).unwrap();
        beside.shared(Bytes::from_static(b"x")).unwrap();
        let error = beside.finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
