//! Picks the instruction set at run time: the same safe code compiled twice, once for AVX2. The
//! only unsafe code of the crate. Must not contain any logic of its own.
#![allow(unsafe_code)]

use crate::tagger::Tagger;

/// Tags at most [`crate::MOST_TOKENS`] tokens with the widest instructions that this machine has.
/// Neither generic nor inlined, so that it is compiled here, as optimised as this crate is, and not
/// in a caller's debug build.
pub(crate) fn run(tagger: &mut Tagger, piece: &[&str]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("popcnt")
    {
        // SAFETY: the function needs AVX2, BMI2 and POPCNT, and all were found on this machine just
        // now.
        unsafe { avx2(tagger, piece) };
        return;
    }
    tagger.tag_piece(piece);
}

/// Asks for a value's cache line; does nothing on other machines. Rows lie all over a table larger
/// than the inner caches, so asking a few words ahead hides most of the wait.
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

/// Asks for all cache lines of a value.
#[inline(always)]
pub(crate) fn prefetch_all<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..size_of::<T>()).step_by(64) {
        // SAFETY: prefetching reads nothing and may be given any address; this one lies inside a
        // live value.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let first = std::ptr::from_ref(value).cast::<i8>();
            _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(offset));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2,popcnt")]
fn avx2(tagger: &mut Tagger, piece: &[&str]) {
    tagger.tag_piece(piece);
}
