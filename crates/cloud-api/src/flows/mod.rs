//! The encrypted data exchange of WhatsApp Flows, seen from the business' endpoint.
//!
//! A phone that needs a screen makes an AES key, encrypts it for the business' public key and its question under the
//! AES key, and Meta posts both, signed with the app secret. The answer goes back under the same AES key.
//!
//! - In: the body of Meta's post, **after** [`crate::signature::SignatureKeys`] has verified it: the public key is
//!   public, so only the signature says that the question comes from WhatsApp.
//! - Out: [`DecryptedExchange`] and the [`AnswerKey`] that encrypts its one answer; [`FlowAnswer`] is what may be
//!   answered.
//!
//! **Every failure to decrypt is the same [`CannotDecrypt`]**: who sends changed messages learns nothing from it.
//!
//! Not here: photos and documents of a flow, which come as addresses on Meta's CDN with keys of their own.
//!
//! # Source
//! Meta, "Implementing Endpoint for Flows" and "Error Codes", data API version 3.0 and 4.0.

mod answer;
mod crypto;
mod exchange;
mod token;

pub use answer::{FlowAnswer, InvalidAnswer};
pub use crypto::{AnswerKey, CannotDecrypt, EncryptedExchange, FlowKeyError, FlowPrivateKey};
pub use exchange::{Action, DecryptedExchange};
pub use token::FlowTokenError;

/// The request cannot be decrypted: the client fetches the public key again and tries once more.
pub const STATUS_CANNOT_DECRYPT: u16 = 421;
/// The flow token is no longer valid: the client disables the button that opens the flow.
pub const STATUS_TOKEN_INVALID: u16 = 427;
/// The request is not signed by the app.
pub const STATUS_SIGNATURE_INVALID: u16 = 432;

#[cfg(test)]
mod tests;
