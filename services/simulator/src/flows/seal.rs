//! What the phone encrypts and decrypts. AES-GCM is put together here from the block cipher, after the standard, so
//! that the endpoint's library is not compared with itself.

use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use rsa::PublicKey;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::sha2::Sha256;

const BLOCK: usize = 16;

/// Why a question cannot be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    /// The business' key is none.
    #[error("public_key is not an RSA public key in PEM")]
    PublicKey,
    /// RSA refuses, for example a key that is too small.
    #[error("the AES key cannot be encrypted with public_key")]
    Encrypt,
}

/// An encrypted question, and what opens its answer.
pub(crate) struct Sealed {
    pub(crate) data: Vec<u8>,
    pub(crate) wrapped_key: Vec<u8>,
    pub(crate) vector: [u8; BLOCK],
    key: [u8; BLOCK],
    /// As it was made, whatever is sent.
    own_vector: [u8; BLOCK],
}

impl Sealed {
    /// Encrypts a question for the holder of a public key.
    ///
    /// # Errors
    /// [`SealError`].
    pub(crate) fn new(public_key_pem: &str, clear: &[u8]) -> Result<Self, SealError> {
        let public_key =
            PublicKey::from_public_key_pem(public_key_pem).map_err(|_| SealError::PublicKey)?;
        let (key, vector): ([u8; BLOCK], [u8; BLOCK]) = (rand::random(), rand::random());
        let wrapped_key = public_key
            .oaep_encrypt::<Sha256>(&key)
            .map_err(|_| SealError::Encrypt)?;
        let gcm = Gcm::new(&key);
        let mut data = gcm.keystream_xor(&vector, clear);
        let tag = gcm.tag(&vector, &data);
        data.extend_from_slice(&tag);
        Ok(Self {
            data,
            wrapped_key,
            vector,
            key,
            own_vector: vector,
        })
    }

    /// Opens an answer: same key, every bit of the vector inverted. `None` when it is not authentic.
    pub(crate) fn open_answer(&self, encrypted: &[u8]) -> Option<Vec<u8>> {
        let vector = self.own_vector.map(|byte| byte ^ 0xff);
        let (data, tag) = encrypted.split_at_checked(encrypted.len().checked_sub(BLOCK)?)?;
        let gcm = Gcm::new(&self.key);
        (gcm.tag(&vector, data) == tag).then(|| gcm.keystream_xor(&vector, data))
    }
}

/// AES-128-GCM without associated data, for vectors of 16 bytes. Slow and not constant in time, which does not matter
/// to a simulated phone.
///
/// # Source
/// NIST SP 800-38D, sections 6 and 7.
struct Gcm {
    cipher: Aes128,
    /// The hash subkey.
    h: u128,
}

impl Gcm {
    fn new(key: &[u8; BLOCK]) -> Self {
        let cipher = Aes128::new(key.into());
        let mut gcm = Self { cipher, h: 0 };
        gcm.h = gcm.block(0);
        gcm
    }

    fn block(&self, block: u128) -> u128 {
        let mut bytes = block.to_be_bytes().into();
        self.cipher.encrypt_block(&mut bytes);
        u128::from_be_bytes(bytes.into())
    }

    /// GHASH over data padded to whole blocks, then the lengths in bits of what is associated (nothing) and of the data.
    fn hash(&self, data: &[u8]) -> u128 {
        let mut y = 0;
        for chunk in data.chunks(BLOCK) {
            let mut block = [0; BLOCK];
            for (to, from) in block.iter_mut().zip(chunk) {
                *to = *from;
            }
            y = multiply(y ^ u128::from_be_bytes(block), self.h);
        }
        let bits = u128::try_from(data.len()).unwrap_or(u128::MAX) * 8;
        multiply(y ^ bits, self.h)
    }

    /// The first counter block. A vector that is not 12 bytes long is hashed with its length.
    fn first_counter(&self, vector: &[u8; BLOCK]) -> u128 {
        self.hash(vector)
    }

    fn keystream_xor(&self, vector: &[u8; BLOCK], data: &[u8]) -> Vec<u8> {
        let mut counter = self.first_counter(vector);
        let mut out = Vec::with_capacity(data.len() + BLOCK);
        for chunk in data.chunks(BLOCK) {
            counter = increment(counter);
            let stream = self.block(counter).to_be_bytes();
            out.extend(chunk.iter().zip(stream).map(|(byte, key)| byte ^ key));
        }
        out
    }

    fn tag(&self, vector: &[u8; BLOCK], encrypted: &[u8]) -> [u8; BLOCK] {
        let mask = self.block(self.first_counter(vector));
        (self.hash(encrypted) ^ mask).to_be_bytes()
    }
}

/// Only the last 32 bits count up.
fn increment(counter: u128) -> u128 {
    let low = u128::from(u32::MAX);
    (counter & !low) | (counter.wrapping_add(1) & low)
}

/// Multiplication in the field of GHASH, bit by bit; the first bit is the highest one.
fn multiply(x: u128, y: u128) -> u128 {
    const R: u128 = 0xe1 << 120;
    let (mut z, mut v) = (0, y);
    for bit in (0..128).rev() {
        if (x >> bit) & 1 == 1 {
            z ^= v;
        }
        v = if v & 1 == 1 { (v >> 1) ^ R } else { v >> 1 };
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(digits: &str) -> [u8; N] {
        hex::decode(digits).unwrap().try_into().unwrap()
    }

    /// # Source
    /// NIST SP 800-38D's predecessor ("The Galois/Counter Mode of Operation", appendix B), test case 2: the hash of one
    /// block of ciphertext.
    #[test]
    fn the_published_hash_comes_out() {
        let gcm = Gcm::new(&[0; BLOCK]);
        assert_eq!(
            gcm.h.to_be_bytes(),
            bytes("66e94bd4ef8a2c3b884cfa59ca342b2e")
        );
        let hash = gcm.hash(&bytes::<16>("0388dace60b6a392f328c2b971b2fe78"));
        assert_eq!(
            hash.to_be_bytes(),
            bytes("f38cbb1ad69223dcc3457ae5b6b0f885")
        );
    }

    /// Made with Python's `cryptography` 50.0.2: `Cipher(AES(key), GCM(vector))`.
    #[test]
    fn another_implementation_encrypts_the_same() {
        let gcm = Gcm::new(&bytes("000102030405060708090a0b0c0d0e0f"));
        let vector = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let data = gcm.keystream_xor(&vector, b"a text of more than one block of bytes");
        assert_eq!(
            hex::encode(&data),
            "8ee2c29d9f3cd9bc25077ef66cdfac57ea16041acadf1fd9db36e02d274436de00513f798f00"
        );
        assert_eq!(
            hex::encode(gcm.tag(&vector, &data)),
            "8c7ca9f0ac51fdec2704589788a3ca44"
        );
    }

    #[test]
    fn the_counter_wraps_in_its_last_four_bytes() {
        assert_eq!(increment(0xffff_ffff), 0);
        assert_eq!(increment((7 << 32) | 0xffff_ffff), 7 << 32);
    }
}
