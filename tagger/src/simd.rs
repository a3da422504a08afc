//! Picks the instruction set at run time: the same safe code compiled twice, once for AVX2. The only unsafe
//! code of the crate. Must not contain any logic of its own.
#![allow(unsafe_code)]

use crate::tagger::{Block, Shared};

/// Tags one block of words with the widest instructions that this machine has.
#[inline]
pub(crate) fn run(block: &mut Block, shared: &Shared<'_>) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("bmi2") {
        // SAFETY: the function needs AVX2 and BMI2, and both were found on this machine just now.
        unsafe { avx2(block, shared) };
        return;
    }
    block.decode(shared);
}

/// Asks for a value's cache line; does nothing on other machines. Rows lie all over a table larger than the
/// inner caches, so asking a few words ahead hides most of the wait.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching reads nothing and may be given any address; this one is a live reference.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2")]
fn avx2(block: &mut Block, shared: &Shared<'_>) {
    block.decode(shared);
}
