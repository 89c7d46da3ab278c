//! Randomness from the kernel, for passwords and ports.

use std::fs::File;
use std::io::{self, Read as _};

/// Returns `N` bytes of the kernel's randomness.
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Returns a password of 128 random bits in hexadecimal.
pub(crate) fn password() -> io::Result<String> {
    Ok(format!("{:032x}", u128::from_le_bytes(bytes()?)))
}
