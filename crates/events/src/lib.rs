#![doc = include_str!("../README.md")]

pub mod catalogue;
pub mod consumers;
mod event;
mod facts;
mod meta;
#[expect(
    missing_docs,
    reason = "generated: the documentation is in the .proto files"
)]
pub mod proto;
pub mod public;
pub mod streams;
pub mod subjects;

pub use event::{Addressed, Event, ItemKind};
pub use facts::{MessagePlace, fetch_media_again, number_changed};
pub use meta::{MalformedEvent, Origin, from_micros, meta, micros, organization_of, uuid_field};
pub use streams::Stream;
pub use subjects::{Subject, Topology};
