#![doc = include_str!("../README.md")]

mod binding;
mod cipher;
mod error;
mod keys;
mod opened;
mod sealed;
mod vault;

pub use binding::Binding;
pub use error::VaultError;
pub use keys::generate_key_setting;
pub use opened::OpenedSecret;
pub use sealed::SealedSecret;
pub use vault::Vault;
