//! The system calls that a confined program has not: a seccomp filter answers them.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// On x86-64, the same calls in the ABI with 32-bit pointers have this bit beside their number.
const X32: i64 = 0x4000_0000;

/// Calls that reach other processes or the kernel's inside, leave something behind or give files
/// away, which no filter, converter or model needs.
const NEVER: &[i64] = &[
    libc::SYS_add_key,
    libc::SYS_bpf,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    // It makes sockets, and opens files, without the calls for that.
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_mount,
    libc::SYS_mq_open,
    // Shared memory and queues of System V outlive whoever made them, and no limit counts them.
    libc::SYS_msgget,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_request_key,
    libc::SYS_semget,
    libc::SYS_setns,
    libc::SYS_shmget,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Calls that change the attributes of a file by its name, wherever it is; Landlock does not know
/// them. Copying programs go on where a file system has no such attributes.
const ATTRIBUTES: &[i64] = &[
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_setxattr,
    SETXATTRAT,
    REMOVEXATTRAT,
];
/// The same numbers on every architecture.
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;

/// Calls that change mode or times of a file, wherever it is; Landlock does not know them either.
/// They do nothing and say that all is well: a program's own files live only as long as its unit,
/// and unpacking and copying programs end with an error where such a call fails.
const MODE_AND_TIMES: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
];

/// Takes the calls from this process and all that it starts.
///
/// # Errors
/// When the kernel has no such filters.
pub(super) fn restrict_calls(net: bool) -> io::Result<()> {
    let sockets: &[i64] = match net {
        true => &[],
        // Pairs of sockets, which lead nowhere else, have a call of their own.
        false => &[libc::SYS_socket],
    };
    answer(&[NEVER, sockets].concat(), libc::EPERM)?;
    answer(ATTRIBUTES, libc::EOPNOTSUPP)?;
    answer(MODE_AND_TIMES, 0)
}

/// From now on the kernel answers these calls with `errno` (0 is success) and does nothing.
fn answer(calls: &[i64], errno: i32) -> io::Result<()> {
    let failed = |error: &dyn std::fmt::Display| io::Error::other(format!("seccomp: {error}"));
    let both = calls.iter().flat_map(|call| [*call, call | X32]);
    let rules: BTreeMap<_, _> = both.map(|call| (call, Vec::new())).collect();
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| failed(&error))?;
    let refused = SeccompAction::Errno(errno as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch);
    let program = filter.and_then(TryInto::try_into);
    let program: seccompiler::BpfProgram = program.map_err(|error| failed(&error))?;
    apply_filter(&program).map_err(|error| failed(&error))
}
