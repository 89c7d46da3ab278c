/// Why a secret could not be sealed or opened, or the keys not be read. No variant holds key
/// material or plaintext, and none tells which byte of a sealed value is wrong.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// `vault.keys` is empty.
    #[error(
        "vault.keys holds no key; set `kid:` followed by the output of `openssl rand -base64 32`"
    )]
    NoKeys,
    /// An entry of `vault.keys` is not `kid:base64-of-32-bytes`.
    #[error("entry {position} of vault.keys is malformed: {problem}")]
    MalformedKey {
        /// Counted from 1.
        position: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A key id cannot be used.
    #[error("a key id has 1 to 32 letters, digits, - or _, not {key_id:?}")]
    MalformedKeyId {
        /// The id as given.
        key_id: String,
    },
    /// The stored bytes are not a sealed secret of a known version.
    #[error("the stored bytes are not a sealed secret: {problem}")]
    MalformedSecret {
        /// What is wrong with them.
        problem: &'static str,
    },
    /// The key the secret was sealed under is no longer in the settings.
    #[error(
        "opening a secret of {table}.{column} needs key {key_id:?}, which vault.keys does not hold"
    )]
    UnknownKey {
        /// The key it was sealed under.
        key_id: String,
        /// Where it is stored.
        table: String,
        /// Where it is stored.
        column: String,
    },
    /// The secret was changed, moved from another row, or sealed under another key of the same id.
    #[error("a secret of {table}.{column} is not authentic in its row")]
    NotAuthentic {
        /// Where it is stored.
        table: String,
        /// Where it is stored.
        column: String,
    },
    /// The operating system gave no randomness.
    #[error("drawing random bytes")]
    NoRandomness,
    /// The cipher refused, which only an impossibly long plaintext makes it do.
    #[error("sealing a secret of {table}.{column}")]
    Seal {
        /// Where it is to be stored.
        table: String,
        /// Where it is to be stored.
        column: String,
    },
}
