//! Inputs from an S3 server in this process, through a proxy that breaks, holds and counts.

mod ahead;
mod inputs;
mod support;
