//! AES-256-GCM with a random 96-bit nonce in front: `nonce ‖ ciphertext ‖ tag`.

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use secrecy::zeroize::Zeroizing;

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = NONCE_LEN;
pub(crate) const TAG_BYTES: usize = 16;

/// The cipher or the random source refused; the callers know what they were doing.
#[derive(Debug)]
pub(crate) struct Refused;

pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Refused> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new()
        .fill(bytes.as_mut_slice())
        .map_err(|_| Refused)?;
    Ok(bytes)
}

pub(crate) fn key(bytes: &[u8]) -> Result<LessSafeKey, Refused> {
    UnboundKey::new(&AES_256_GCM, bytes)
        .map(LessSafeKey::new)
        .map_err(|_| Refused)
}

/// Random nonces may repeat after about 2^32 uses of one key. A data key is used once; a master key
/// wraps one data key per stored secret.
pub(crate) fn seal(key: &LessSafeKey, data: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Refused> {
    let nonce = random::<NONCE_BYTES>()?;
    let mut sealed = Vec::with_capacity(NONCE_BYTES + plaintext.len() + TAG_BYTES);
    sealed.extend_from_slice(nonce.as_slice());
    sealed.extend_from_slice(plaintext);
    let Some((_, body)) = sealed.split_at_mut_checked(NONCE_BYTES) else {
        return Err(Refused);
    };
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(data), body)
        .map_err(|_| Refused)?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

pub(crate) fn open(
    key: &LessSafeKey,
    data: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let (nonce, body) = sealed.split_at_checked(NONCE_BYTES).ok_or(Refused)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Refused)?;
    let mut buffer = Zeroizing::new(body.to_vec());
    let length = key
        .open_in_place(nonce, Aad::from(data), &mut buffer)
        .map_err(|_| Refused)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}
