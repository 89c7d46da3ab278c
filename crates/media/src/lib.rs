#![doc = include_str!("../README.md")]

mod error;
mod intake;
mod key;
mod mime;
mod scan;
mod sniff;
mod spool;
mod storage;
mod store;
mod thumbnail;
mod voice;

pub use error::MediaError;
pub use intake::{IntakeError, TakenFile};
pub use key::{InvalidKey, MediaKey};
pub use mime::is_text_like;
pub use scan::ScannerAway;
pub use spool::{Spool, SpoolError, SpooledFile, TooManyBytes};
pub use store::{MediaStore, Reading, StoredObject};
pub use thumbnail::THUMBNAIL_TYPE;
pub use voice::{VOICE_TYPE, VoiceError, is_voice_note, voice_note};
