#![doc = include_str!("../README.md")]

mod key;
mod mime;
mod store;

pub use key::{InvalidKey, MediaKey};
pub use mime::is_text_like;
pub use store::{MediaError, MediaStore, StoredObject};
