//! Outcomes in, files out.
