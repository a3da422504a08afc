//! Archives in, chunks out.
