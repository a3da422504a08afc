//! The contract of Gristmill: what producer, mapper and reducer agree on.
//!
//! It holds the job spec, the identities, the record grammar, the wire format and the transport.
//! It must not know how archives are read, how text is processed or how files are written, and it
//! depends on no other crate of the workspace.

pub mod broker;
pub mod chunk;
pub mod clock;
pub mod crash;
pub mod file;
pub mod histogram;
pub mod id;
pub mod job;
pub mod key;
pub mod outcome;
pub mod outline;
pub mod progress;
pub mod record;
pub mod registry;
pub mod report;
pub mod seal;
pub mod shutdown;
pub mod size;
pub mod spares;
pub mod spec;
pub mod table;
pub mod transport;
pub mod wire;
