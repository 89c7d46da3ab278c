//! How services begin and end.

use anyhow::{Context, ensure};
use e2e::{InProcess, until};
use sb_service::{Health, ReadyState};
use sqlx::PgPool;

use crate::looking::{PATIENCE, messages_once, only_conversation};

const PHONE: &str = "491511234567";

/// Services are ready together, refuse to work on a schema older than themselves, and end with nothing left in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starting_and_stopping() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let tenant = stage.echoing_tenant().await?;
    until("every service is ready", PATIENCE, async || {
        Ok(stage.health.report().await.status == ReadyState::Ready)
    })
    .await?;
    let report = stage.health.report().await;
    for service in [
        "whatsapp-webhook",
        "gateway",
        "whatsapp-dispatcher",
        "whatsapp-manager",
        "agent-client",
        "annotator",
    ] {
        let of_service = |name: &str| name.starts_with(&format!("{service}/"));
        ensure!(
            report.checks.keys().any(|name| of_service(name)),
            "{service} checks nothing"
        );
    }

    // What is in flight when the end begins is either finished or handed back.
    stage
        .meta
        .phone_writes(PHONE, tenant.phone_number_id(), "Quick, before you close")
        .await?;
    let conversation = only_conversation(&tenant).await?;
    messages_once(&tenant, conversation.id, 1).await?;
    stage.stop().await?;
    let pool = PgPool::connect(stage.settings.database.url.as_str()).await?;
    let held: i64 = sqlx::query_scalar("SELECT count(*) FROM messages WHERE state = 'sending'")
        .fetch_one(&pool)
        .await?;
    ensure!(held == 0, "{held} sends were left without an outcome");

    // As if this program were a release ahead of the database.
    sqlx::query(
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
    )
    .execute(&pool)
    .await?;
    let refused = gateway::App::build(&stage.settings, &Health::new())
        .await
        .err();
    let refused = refused.context("a service starts on an older schema")?;
    ensure!(
        format!("{refused:#}").contains("switchboard migrate"),
        "it does not say what to do: {refused:#}"
    );
    Ok(())
}
