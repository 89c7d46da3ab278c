//! RSA-OAEP and AES-GCM, exactly as phones do it.
//!
//! # Source
//! Meta, "Implementing Endpoint for Flows", "Request Decryption and Encryption".

use std::fmt;

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U16;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::aes::Aes128;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::SysRng;
use rsa::PrivateKey;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::sha2::Sha256;
use rsa::traits::PublicKeyParts as _;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use super::DecryptedExchange;

/// Meta takes keys of this size only.
const KEY_BITS: usize = 2048;
const AES_KEY_BYTES: usize = 16;
const IV_BYTES: usize = 16;

/// AES-128-GCM with the 128-bit initial vectors that phones send.
type Cipher = AesGcm<Aes128, U16>;

/// The request cannot be decrypted; answer [`super::STATUS_CANNOT_DECRYPT`]. There is one reason for every cause:
/// a sender must not learn which step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the flow request cannot be decrypted with the keys of this endpoint")]
pub struct CannotDecrypt;

/// Why a key cannot be made or read. Holds no key material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FlowKeyError {
    /// Making a key failed, which takes a broken source of randomness.
    #[error("making an RSA key for flows")]
    Generate,
    /// The text is no RSA private key in PKCS #8.
    #[error("reading an RSA private key for flows (PKCS #8 in PEM)")]
    Malformed,
    /// Another size than Meta takes.
    #[error("a key for flows has 2048 bits, this one has {bits}")]
    Size {
        /// Its size.
        bits: usize,
    },
    /// The key cannot be written as text.
    #[error("writing an RSA key for flows as PEM")]
    Encode,
}

/// The private key of an endpoint. Wiped when it is dropped.
#[derive(Clone)]
pub struct FlowPrivateKey(PrivateKey);

impl FlowPrivateKey {
    /// Makes a key. Takes a good part of a second: not on a thread that serves requests.
    ///
    /// # Errors
    /// [`FlowKeyError::Generate`].
    pub fn generate() -> Result<Self, FlowKeyError> {
        PrivateKey::new(&mut SysRng, KEY_BITS)
            .map(Self)
            .map_err(|_| FlowKeyError::Generate)
    }

    /// Reads a key. Checks it, which takes milliseconds.
    ///
    /// # Errors
    /// [`FlowKeyError::Malformed`] and [`FlowKeyError::Size`].
    pub fn from_pem(pem: &str) -> Result<Self, FlowKeyError> {
        let key = PrivateKey::from_pkcs8_pem(pem).map_err(|_| FlowKeyError::Malformed)?;
        let bits = key.size() * 8;
        if bits == KEY_BITS {
            Ok(Self(key))
        } else {
            Err(FlowKeyError::Size { bits })
        }
    }

    /// The key as it is sealed and stored: PKCS #8 in PEM.
    ///
    /// # Errors
    /// [`FlowKeyError::Encode`].
    pub fn to_pem(&self) -> Result<Zeroizing<String>, FlowKeyError> {
        self.0
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| FlowKeyError::Encode)
    }

    /// The public half as Meta takes it: SPKI in PEM.
    ///
    /// # Errors
    /// [`FlowKeyError::Encode`].
    pub fn public_key_pem(&self) -> Result<String, FlowKeyError> {
        self.0
            .as_public_key()
            .to_public_key_pem(LineEnding::LF)
            .map_err(|_| FlowKeyError::Encode)
    }

    /// RSA-OAEP with SHA-256 for both hash and mask, in a time that says nothing about the key: the library computes
    /// in constant time, and blinds with randomness of the operating system on top.
    fn open_key(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, CannotDecrypt> {
        self.0
            .oaep_decrypt::<Sha256>(wrapped)
            .map(Zeroizing::new)
            .map_err(|_| CannotDecrypt)
    }
}

impl fmt::Debug for FlowPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlowPrivateKey(***)")
    }
}

#[derive(Deserialize)]
struct Envelope {
    encrypted_flow_data: String,
    encrypted_aes_key: String,
    initial_vector: String,
}

/// What Meta posts, decoded and not yet decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedExchange {
    data: Vec<u8>,
    wrapped_key: Vec<u8>,
    iv: [u8; IV_BYTES],
}

impl EncryptedExchange {
    /// Reads the body of a post.
    ///
    /// # Errors
    /// [`CannotDecrypt`] when it is not the documented object, or a part is not base64 of a possible length.
    pub fn parse(body: &[u8]) -> Result<Self, CannotDecrypt> {
        let envelope: Envelope = serde_json::from_slice(body).map_err(|_| CannotDecrypt)?;
        let decode = |text: &str| STANDARD.decode(text.trim()).map_err(|_| CannotDecrypt);
        let iv = decode(&envelope.initial_vector)?;
        Ok(Self {
            data: decode(&envelope.encrypted_flow_data)?,
            wrapped_key: decode(&envelope.encrypted_aes_key)?,
            iv: iv.try_into().map_err(|_| CannotDecrypt)?,
        })
    }

    /// Decrypts with the first of the keys that fits: the current one, then the one before while a rotation is under
    /// way. Takes milliseconds of processor time.
    ///
    /// # Errors
    /// [`CannotDecrypt`].
    pub fn open<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k FlowPrivateKey>,
    ) -> Result<(DecryptedExchange, AnswerKey), CannotDecrypt> {
        for key in keys {
            let opened = key
                .open_key(&self.wrapped_key)
                .and_then(|aes_key| self.open_with(&aes_key));
            if let Ok(opened) = opened {
                return Ok(opened);
            }
        }
        Err(CannotDecrypt)
    }

    fn open_with(&self, aes_key: &[u8]) -> Result<(DecryptedExchange, AnswerKey), CannotDecrypt> {
        if aes_key.len() != AES_KEY_BYTES {
            return Err(CannotDecrypt);
        }
        let cipher = Cipher::new_from_slice(aes_key).map_err(|_| CannotDecrypt)?;
        let plaintext = cipher
            .decrypt(&self.iv.into(), self.data.as_slice())
            .map_err(|_| CannotDecrypt)?;
        let exchange = DecryptedExchange::parse(&plaintext).ok_or(CannotDecrypt)?;
        let answer_key = AnswerKey {
            cipher,
            iv: self.iv.map(|byte| !byte),
        };
        Ok((exchange, answer_key))
    }
}

/// Encrypts the answer of one exchange. Used up by it: the same key and vector for a second text would give both away.
pub struct AnswerKey {
    cipher: Cipher,
    /// Every bit of the request's inverted.
    iv: [u8; IV_BYTES],
}

impl AnswerKey {
    /// Encrypts an answer; the result is the body of the HTTP answer, `text/plain`.
    ///
    /// # Errors
    /// The cipher refuses texts of many gigabytes.
    pub fn encrypt(self, answer: &[u8]) -> Result<String, aes_gcm::Error> {
        let encrypted = self.cipher.encrypt(&self.iv.into(), answer)?;
        Ok(STANDARD.encode(encrypted))
    }
}

impl fmt::Debug for AnswerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerKey(***)")
    }
}
