//! `switchboard rotate-keys`

use sb_config::{Need, Settings};
use sb_db::{Db, SealedColumn, SystemReason};
use sb_events::Topology;
use sb_vault::{Binding, SealedSecret, Vault};
use uuid::Uuid;

/// Rows looked at in one transaction.
const PAGE: i64 = 200;

/// Wraps the data key of every secret with the first master key. Repeat it until it says that nothing is
/// left, then drop the old key from `vault.keys`.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    settings.require(&[Need::DatabaseUrl, Need::VaultKeys])?;
    let db = Db::connect(&settings.database, Topology::new(&settings.nats.prefix)).await?;
    db.check_migrations().await?;
    let vault = Vault::from_settings(&settings.vault)?;
    for column in SealedColumn::ALL {
        let (seen, rewrapped) = rotate(&db, &vault, column).await?;
        tracing::info!(
            table = column.table(),
            column = column.column(),
            secrets = seen,
            rewrapped,
            key.id = vault.active_key_id(),
            "secrets are under the active key"
        );
    }
    Ok(())
}

async fn rotate(db: &Db, vault: &Vault, column: SealedColumn) -> anyhow::Result<(u64, u64)> {
    let (mut seen, mut rewrapped) = (0, 0);
    let mut after = (Uuid::nil(), Uuid::nil());
    loop {
        let mut tx = db.system(SystemReason::KeyRotation).await?;
        let rows = tx.sealed().list(column, after, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok((seen, rewrapped));
        };
        after = (last.organization.as_uuid(), last.id);
        for row in &rows {
            seen += 1;
            let organization = row.organization.as_uuid();
            let binding = Binding {
                table: column.table(),
                column: column.column(),
                organization_id: organization.as_bytes(),
                row_id: row.id.as_bytes(),
            };
            let sealed = SealedSecret::from_bytes(row.sealed.clone())?;
            if let Some(fresh) = vault.rewrap(&binding, &sealed)?
                && tx.sealed().replace(column, row, fresh.as_bytes()).await?
            {
                rewrapped += 1;
            }
        }
        tx.commit().await?;
    }
}
