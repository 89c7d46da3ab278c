//! `switchboard migrate`

use anyhow::Context;
use sb_config::{Need, Settings};
use sb_db::Db;
use sb_events::Topology;

/// Applies pending migrations. Several at once wait for each other.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    settings.require(&[Need::DatabaseUrl])?;
    let db = Db::connect(&settings.database, Topology::new(&settings.nats.prefix)).await?;
    db.migrate().await.context("migrating the database")?;
    db.check_migrations().await?;
    tracing::info!("the database is up to date");
    Ok(())
}
