//! Secrets of flow endpoints, opened when they are needed.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sb_cloud_api::flows::{
    AnswerKey, CannotDecrypt, DecryptedExchange, EncryptedExchange, FlowKeyError, FlowPrivateKey,
};
use sb_db::ServingFlowEndpoint;
use sb_egress::{RequestSigner, SigningError};
use sb_ids::FlowKeyId;
use sb_vault::{Binding, OpenedSecret, SealedSecret, Vault, VaultError};
use uuid::Uuid;

/// Reading and checking a key costs milliseconds, so those in use are remembered for a while.
const REMEMBERED: u64 = 500;
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// Why a stored secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The vault refused.
    #[error("opening `{column}` of row {row}")]
    Vault {
        column: &'static str,
        row: Uuid,
        #[source]
        source: VaultError,
    },
    /// What was sealed is not text.
    #[error("`{column}` of row {row} is not text")]
    NotText { column: &'static str, row: Uuid },
    /// What was sealed is no key.
    #[error("`{column}` of row {row} is not a key for flows")]
    Key {
        column: &'static str,
        row: Uuid,
        #[source]
        source: FlowKeyError,
    },
    /// What was sealed is no signing secret.
    #[error("`signing_secret_sealed` of row {row} is not a signing secret")]
    Signing {
        row: Uuid,
        #[source]
        source: SigningError,
    },
}

/// Opens keys. Clones share the cache.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    vault: Vault,
    /// The sealed bytes are part of the key: a rotated key is another entry.
    opened: Cache<(FlowKeyId, Vec<u8>), Arc<FlowPrivateKey>>,
}

impl Keys {
    /// Keys sealed by this vault.
    pub(crate) fn new(vault: Vault) -> Self {
        let opened = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Self { vault, opened }
    }

    /// Decrypts a request with the endpoint's key, or with the one before while that still counts. Takes milliseconds
    /// of processor time: not on a thread that serves requests.
    ///
    /// # Errors
    /// [`KeyError`] when a stored key is unusable; otherwise the inner result says whether one fitted.
    pub(crate) fn open(
        &self,
        endpoint: &ServingFlowEndpoint,
        encrypted: &EncryptedExchange,
    ) -> Result<Result<(DecryptedExchange, AnswerKey), CannotDecrypt>, KeyError> {
        let current =
            self.private_key(endpoint, "private_key_sealed", &endpoint.private_key_sealed)?;
        let opened = encrypted.open([&*current]);
        match (&opened, &endpoint.previous_private_key_sealed) {
            (Err(CannotDecrypt), Some(sealed)) => {
                let previous = self.private_key(endpoint, "previous_private_key_sealed", sealed)?;
                Ok(encrypted.open([&*previous]))
            }
            (Ok(_), _) | (Err(CannotDecrypt), None) => Ok(opened),
        }
    }

    /// Opens the key of our signatures to the tenant's server.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) fn signer(&self, endpoint: &ServingFlowEndpoint) -> Result<RequestSigner, KeyError> {
        let column = "signing_secret_sealed";
        let row = endpoint.id.as_uuid();
        let place = Place {
            table: "flow_endpoints",
            column,
            row,
        };
        let opened = self.unseal(endpoint, place, &endpoint.signing_secret_sealed)?;
        let secret = opened
            .expose_str()
            .map_err(|_| KeyError::NotText { column, row })?;
        RequestSigner::new(secret).map_err(|source| KeyError::Signing { row, source })
    }

    fn private_key(
        &self,
        endpoint: &ServingFlowEndpoint,
        column: &'static str,
        sealed: &[u8],
    ) -> Result<Arc<FlowPrivateKey>, KeyError> {
        let entry = (endpoint.key, sealed.to_vec());
        if let Some(key) = self.opened.get(&entry) {
            return Ok(key);
        }
        let row = endpoint.key.as_uuid();
        let place = Place {
            table: "flow_keys",
            column,
            row,
        };
        let opened = self.unseal(endpoint, place, sealed)?;
        let pem = opened
            .expose_str()
            .map_err(|_| KeyError::NotText { column, row })?;
        let key = FlowPrivateKey::from_pem(pem).map_err(|source| KeyError::Key {
            column,
            row,
            source,
        })?;
        let key = Arc::new(key);
        self.opened.insert(entry, Arc::clone(&key));
        Ok(key)
    }

    fn unseal(
        &self,
        endpoint: &ServingFlowEndpoint,
        Place { table, column, row }: Place,
        sealed: &[u8],
    ) -> Result<OpenedSecret, KeyError> {
        let organization = endpoint.organization.as_uuid();
        let binding = Binding {
            table,
            column,
            organization_id: organization.as_bytes(),
            row_id: row.as_bytes(),
        };
        SealedSecret::from_bytes(sealed)
            .and_then(|sealed| self.vault.open(&binding, &sealed))
            .map_err(|source| KeyError::Vault {
                column,
                row,
                source,
            })
    }
}

/// Where a secret is stored.
struct Place {
    table: &'static str,
    column: &'static str,
    row: Uuid,
}
