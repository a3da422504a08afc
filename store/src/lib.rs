//! Object storage: inputs by URL for `gristmill-input`, over the network.
//!
//! The one crate beside `rabbitmq` that speaks to a network: [`Stores`] finds the objects that a
//! URL names, and gives readers that block. It has a runtime of its own and hides it. It must not
//! know what is in an object, nor what a job does with it.
//!
//! `object_store` brings the credentials, the signatures and the uploads. Requests that list and
//! read are made here, because its paths cannot name every key (`a//b`, a key that ends with a
//! slash), and one such key would end a whole listing.

mod access;
mod bucket;
mod environment;
mod error;
mod find;
mod folder;
mod list;
mod object;
mod page;
mod profile;
mod ranges;
mod request;
mod runtime;
mod tries;
mod upload;
mod url;

pub use find::Stores;
pub use folder::Folder;
pub use upload::PutError;
