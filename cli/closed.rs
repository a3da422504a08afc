//! Which of the standard streams were closed when this process began.
//!
//! The standard library opens `/dev/null` in their place before `main`, so that no other file gets
//! their numbers: what is written there afterwards seems to succeed. It must not know who asks.
#![expect(
    unsafe_code,
    reason = "only what the C library runs before `main` comes early enough"
)]

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

static INPUT: AtomicBool = AtomicBool::new(false);
static OUTPUT: AtomicBool = AtomicBool::new(false);

/// Whether standard input was closed.
pub fn input() -> bool {
    INPUT.load(Ordering::Relaxed)
}

/// Whether standard output was closed.
pub fn output() -> bool {
    OUTPUT.load(Ordering::Relaxed)
}

// SAFETY: the section holds pointers to functions without arguments that the C library calls once,
// before `main`; this is one, and calls nothing that needs the standard library to have begun.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    for (number, closed) in [(0, &INPUT), (1, &OUTPUT)] {
        // SAFETY: the descriptor is asked about and not used; if it is closed, that is the answer.
        let stream = unsafe { BorrowedFd::borrow_raw(number) };
        closed.store(rustix::io::fcntl_getfd(stream).is_err(), Ordering::Relaxed);
    }
}
