//! Key pairs of flow endpoints: one an account. Private keys stay sealed.

use chrono::{DateTime, Utc};
use sb_ids::{FlowKeyId, WabaId};

use crate::{DbError, SystemTx, TenantTx};

/// A key pair to be stored.
#[derive(Debug, Clone)]
pub struct NewFlowKey {
    /// Its row; the private key is sealed for it.
    pub id: FlowKeyId,
    /// The account.
    pub waba: WabaId,
    /// The public key, PEM.
    pub public_key_pem: String,
    /// The private key, sealed for `flow_keys.private_key_sealed` of this row.
    pub private_key_sealed: Vec<u8>,
}

/// A stored key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFlowKey {
    /// Its row.
    pub id: FlowKeyId,
    /// The private key, sealed for `flow_keys.private_key_sealed` of this row.
    pub private_key_sealed: Vec<u8>,
}

/// What a rotation puts in place.
#[derive(Debug, Clone)]
pub struct RotatedFlowKey {
    /// The new public key, PEM.
    pub public_key_pem: String,
    /// The new private key, sealed for `flow_keys.private_key_sealed` of the row.
    pub private_key_sealed: Vec<u8>,
    /// The key until now, sealed for `flow_keys.previous_private_key_sealed` of the row, and until when it still opens.
    pub previous: Option<(Vec<u8>, DateTime<Utc>)>,
}

/// The key pairs of one organization.
#[derive(Debug)]
pub struct FlowKeys<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's key pairs of flow endpoints.
    pub const fn flow_keys(&mut self) -> FlowKeys<'_> {
        FlowKeys(self)
    }
}

impl FlowKeys<'_> {
    /// Finds an account's key pair and keeps others from rotating it until the transaction ends.
    ///
    /// # Errors
    /// A query error.
    pub async fn get_for_update(
        &mut self,
        waba: &WabaId,
    ) -> Result<Option<StoredFlowKey>, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT id, private_key_sealed FROM flow_keys
            WHERE organization_id = $1 AND waba_id = $2
            FOR UPDATE
            "#,
            self.0.organization().as_uuid(),
            waba.as_str(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("flow_keys.get_for_update"))?;
        Ok(row.map(|row| StoredFlowKey {
            id: row.id.into(),
            private_key_sealed: row.private_key_sealed,
        }))
    }

    /// Stores the key pair of an account that has none; `false` when somebody was faster.
    ///
    /// # Errors
    /// [`DbError::Dangling`] when the account is not this organization's, or a query error.
    pub async fn insert(&mut self, new: &NewFlowKey, at: DateTime<Utc>) -> Result<bool, DbError> {
        sqlx::query!(
            r#"
            INSERT INTO flow_keys (
                organization_id, id, waba_id, public_key_pem, private_key_sealed, rotated_at, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $6)
            ON CONFLICT (organization_id, waba_id) DO NOTHING
            "#,
            self.0.organization().as_uuid(),
            new.id.as_uuid(),
            new.waba.as_str(),
            new.public_key_pem,
            new.private_key_sealed,
            at,
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(DbError::of("flow_keys.insert"))
    }

    /// Puts a new key pair in the place of the old one; `false` when there is none.
    ///
    /// # Errors
    /// A query error.
    pub async fn rotate(
        &mut self,
        id: FlowKeyId,
        rotated: &RotatedFlowKey,
        at: DateTime<Utc>,
    ) -> Result<bool, DbError> {
        let (previous, valid_until) = rotated
            .previous
            .as_ref()
            .map(|(sealed, until)| (sealed.as_slice(), *until))
            .unzip();
        sqlx::query!(
            r#"
            UPDATE flow_keys
            SET public_key_pem = $3, private_key_sealed = $4, previous_private_key_sealed = $5,
                previous_valid_until = $6, rotated_at = $7
            WHERE organization_id = $1 AND id = $2
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
            rotated.public_key_pem,
            rotated.private_key_sealed,
            previous,
            valid_until,
            at,
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(DbError::of("flow_keys.rotate"))
    }
}

impl SystemTx {
    /// Forgets replaced private keys that no longer open anything; gives how many.
    ///
    /// # Errors
    /// A query error.
    pub async fn forget_replaced_flow_keys(&mut self, at: DateTime<Utc>) -> Result<u64, DbError> {
        sqlx::query!(
            r#"
            UPDATE flow_keys SET previous_private_key_sealed = NULL
            WHERE previous_valid_until <= $1 AND previous_private_key_sealed IS NOT NULL
            "#,
            at,
        )
        .execute(self.connection())
        .await
        .map(|done| done.rows_affected())
        .map_err(DbError::of("flow_keys.forget_replaced"))
    }
}
