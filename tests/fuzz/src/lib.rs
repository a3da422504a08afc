//! What fuzzing holds the readers of untrusted bytes to, and the inputs that it starts from.
//!
//! Each target is a module with a `check` that panics where a promise is broken. The programs of
//! libFuzzer in `libfuzzer/` call them, and the tests give them their seeds.

pub mod archive;
pub mod model;
pub mod records;
pub mod seeds;
pub mod text;
pub mod wire;
