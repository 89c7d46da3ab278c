//! Numbers' access tokens, opened when they are needed.

use std::time::Duration;

use moka::sync::Cache;
use sb_config::Secret;
use sb_ids::{NumberId, OrganizationId};
use sb_vault::{Binding, SealedSecret, Vault, VaultError};

/// Opening costs a few microseconds; the cache is for numbers that send hundreds a second.
const REMEMBERED: u64 = 2_000;
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// Opens tokens. Clones share the cache.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    vault: Vault,
    /// The sealed bytes are part of the key: a replaced token is another entry.
    opened: Cache<(NumberId, Vec<u8>), Secret>,
}

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The vault refused.
    #[error("opening the access token of number {number}")]
    Vault {
        /// The number.
        number: NumberId,
        /// Why.
        #[source]
        source: VaultError,
    },
    /// What was sealed is not text.
    #[error("the access token of number {number} is not text")]
    NotText {
        /// The number.
        number: NumberId,
    },
}

impl Tokens {
    /// Tokens sealed by this vault.
    pub(crate) fn new(vault: Vault) -> Self {
        let opened = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Self { vault, opened }
    }

    /// Opens the token of a number.
    ///
    /// # Errors
    /// [`TokenError`] when it was sealed under a key we do not have, for another row, or is damaged.
    pub(crate) fn open(
        &self,
        organization: OrganizationId,
        number: NumberId,
        sealed: &[u8],
    ) -> Result<Secret, TokenError> {
        let key = (number, sealed.to_vec());
        if let Some(token) = self.opened.get(&key) {
            return Ok(token);
        }
        let failed = |source| TokenError::Vault { number, source };
        let (organization, row) = (organization.as_uuid(), number.as_uuid());
        let binding = Binding {
            table: "numbers",
            column: "access_token_sealed",
            organization_id: organization.as_bytes(),
            row_id: row.as_bytes(),
        };
        let secret = SealedSecret::from_bytes(sealed).map_err(failed)?;
        let opened = self.vault.open(&binding, &secret).map_err(failed)?;
        let token = opened
            .expose_str()
            .map_err(|_| TokenError::NotText { number })?;
        let token = Secret::from(token);
        self.opened.insert(key, token.clone());
        Ok(token)
    }
}
