//! Webhooks as Meta sends them, read tolerantly and without copying.
//!
//! In: the raw body, after [`crate::signature`] accepted it. Out: borrowed views, from the outside
//! in: [`decode`] → [`Envelope`] → [`MessagesValue`] → [`InboundMessage`], [`StatusUpdate`],
//! [`ContactProfile`].
//!
//! - **Invariant:** no input panics, and no error repeats what the input said.
//! - **Invariant:** a piece that cannot be read fails alone; its siblings are read.
//! - Unknown fields are skipped, unknown types stay available as received.
//!
//! It decides nothing about what an update means for us; that is ingest's work.

mod envelope;
pub mod fields;
mod malformed;
mod message;
mod repair;
mod scalar;
mod status;
mod value;

pub use envelope::{Change, Entry, Envelope, MalformedPiece};
pub use malformed::{Malformed, Problem};
pub use message::{Context, InboundMessage, MessageChange, content_of_body};
pub use repair::decode;
pub use status::StatusUpdate;
pub use value::{ContactProfile, MessagesValue, Metadata};

#[cfg(test)]
mod tests;
