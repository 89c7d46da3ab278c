//! Where the model is, and with which key it is asked.

use sb_domain::agent::AgentConfig;
use sb_testkit::wait_until;
use sb_vault::{Binding, Vault};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_named_provider_gets_the_installations_key_unless_the_agent_has_one() {
    let world = World::new().await;
    let (tenant, agent) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    world.start().await;

    world.write(talk, "one").await;
    world.until_answers(talk, 1).await;
    let (organization_id, row_id) = (tenant.organization.as_uuid(), agent.as_uuid());
    let binding = Binding {
        table: "agents",
        column: "model_key_sealed",
        organization_id: organization_id.as_bytes(),
        row_id: row_id.as_bytes(),
    };
    let vault = Vault::from_settings(&world.settings.vault).unwrap();
    let sealed = vault.seal(&binding, b"own-key").unwrap().into_bytes();
    sqlx::query("UPDATE agents SET model_key_sealed = $2 WHERE id = $1")
        .bind(row_id)
        .bind(sealed)
        .execute(&world.pool)
        .await
        .unwrap();
    world.write(talk, "two").await;
    world.until_answers(talk, 2).await;
    assert_eq!(world.model.keys(), ["installation-key", "own-key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_url_reaches_no_private_address() {
    let world = World::with(|settings| settings.egress.allow_private_addresses = false).await;
    let config = AgentConfig {
        provider: world.model.url.clone(),
        ..AgentConfig::default()
    };
    let (tenant, _) = world.tenant_with(&config).await;
    let talk = world.talk(tenant).await;
    world.start().await;

    world.write(talk, "hello").await;
    wait_until("note", async || !world.notes(talk).await.is_empty()).await;
    assert!(world.model.requests().is_empty());
    assert!(world.answers(talk).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_url_does_not_get_the_installations_key() {
    let world = World::new().await;
    let config = AgentConfig {
        provider: world.model.url.clone(),
        ..AgentConfig::default()
    };
    let (tenant, _) = world.tenant_with(&config).await;
    let talk = world.talk(tenant).await;
    world.start().await;

    world.write(talk, "hello").await;
    world.until_answers(talk, 1).await;
    assert_eq!(world.model.keys(), [""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_provider_is_noted() {
    let world = World::new().await;
    let config = AgentConfig {
        provider: "nonsense".to_owned(),
        ..AgentConfig::default()
    };
    let (tenant, _) = world.tenant_with(&config).await;
    let talk = world.talk(tenant).await;
    world.start().await;

    world.write(talk, "hello").await;
    wait_until("note", async || !world.notes(talk).await.is_empty()).await;
    assert!(world.notes(talk).await[0].contains("`nonsense` is no provider"));
}
