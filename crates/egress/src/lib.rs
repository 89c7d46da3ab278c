#![doc = include_str!("../README.md")]

mod client;
mod crypto;
mod error;
#[cfg(test)]
mod exchange_tests;
mod guard;
mod request;
mod response;
mod signing;

pub use client::Egress;
pub use crypto::install_crypto;
pub use error::EgressError;
pub use guard::is_public;
pub use request::EgressRequest;
/// The pieces of requests and responses callers need to name; the client itself stays in here.
pub use reqwest::{Body, Method, StatusCode, header, multipart};
pub use response::Response;
pub use signing::{RequestSigner, SigningError, generate_signing_secret};
