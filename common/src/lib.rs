//! The contract of Gristmill.
