//! Chunks in, outcomes out.
