//! What goes in as a secret never comes out, and is not lost by an edit.

use sb_client::{CreateAgent, CreateNumber, UpdateAgent, UpdateNumber};
use sb_ids::{NumberId, PhoneNumberId, WabaId};
use sb_vault::{Binding, SealedSecret, Vault};
use serde_json::Value;

use crate::world::World;

const TOKEN: &str = "EAAG-very-secret-token";
const MODEL_KEY: &str = "sk-very-secret-key";

async fn connect(world: &World) -> NumberId {
    let new = CreateNumber {
        access_token: Some(TOKEN.to_owned()),
        ..CreateNumber::new(
            PhoneNumberId::parse("7000000001").unwrap(),
            WabaId::parse("7000000002").unwrap(),
        )
    };
    let number = world
        .client()
        .create_number(&new, Some("connect-1"))
        .await
        .unwrap();
    assert!(number.has_access_token);
    number.id
}

async fn stored_token(world: &World, number: NumberId) -> String {
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT access_token_sealed FROM numbers WHERE id = $1")
            .bind(number.as_uuid())
            .fetch_one(&world.pool)
            .await
            .unwrap();
    let (organization, row) = (world.tenant.organization.as_uuid(), number.as_uuid());
    let binding = Binding {
        table: "numbers",
        column: "access_token_sealed",
        organization_id: organization.as_bytes(),
        row_id: row.as_bytes(),
    };
    let vault = Vault::from_settings(&world.settings.vault).unwrap();
    let opened = vault
        .open(&binding, &SealedSecret::from_bytes(sealed).unwrap())
        .unwrap();
    opened.expose_str().unwrap().to_owned()
}

#[tokio::test]
async fn no_answer_and_no_stored_document_holds_a_secret() {
    let world = World::start().await;
    let number = connect(&world).await;
    let new = CreateAgent {
        name: "a".to_owned(),
        model_key: Some(MODEL_KEY.to_owned()),
        ..CreateAgent::default()
    };
    let agent = world
        .client()
        .create_agent(&new, Some("agent-1"))
        .await
        .unwrap();
    assert!(agent.has_model_key);
    for path in [
        "/v1/numbers".to_owned(),
        format!("/v1/numbers/{number}"),
        "/v1/agents".to_owned(),
        format!("/v1/agents/{}", agent.id),
        "/v1/api-keys".to_owned(),
    ] {
        let text = world.get(&path).await.body.to_string();
        assert!(
            !text.contains(TOKEN) && !text.contains(MODEL_KEY),
            "{path}: {text}"
        );
    }
    for table in ["numbers", "agents", "audit_log", "idempotency_keys"] {
        let statement = format!("SELECT to_jsonb(t) FROM {table} t");
        let rows: Vec<Value> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_all(&world.pool)
            .await
            .unwrap();
        assert!(!rows.is_empty());
        let text = serde_json::to_string(&rows).unwrap();
        assert!(
            !text.contains(TOKEN) && !text.contains(MODEL_KEY),
            "{table}"
        );
    }
}

#[tokio::test]
async fn an_edit_that_does_not_name_a_secret_keeps_it() {
    let world = World::start().await;
    let number = connect(&world).await;
    let client = world.client();
    let change = UpdateNumber {
        agent_id: Some(Some(world.tenant.agent)),
        rate_per_second: Some(Some(20)),
        ..UpdateNumber::default()
    };
    let changed = client.update_number(number, &change).await.unwrap();
    assert!(changed.has_access_token);
    assert_eq!(changed.agent_id, Some(world.tenant.agent));
    assert_eq!(stored_token(&world, number).await, TOKEN);

    sqlx::query("UPDATE numbers SET token_rejected_at = now() WHERE id = $1")
        .bind(number.as_uuid())
        .execute(&world.pool)
        .await
        .unwrap();
    let change = UpdateNumber {
        rate_per_second: Some(None),
        access_token: Some("new-token".to_owned()),
        ..UpdateNumber::default()
    };
    let changed = client.update_number(number, &change).await.unwrap();
    assert_eq!(changed.rate_per_second, None);
    assert_eq!(
        changed.token_rejected_at, None,
        "a new token gets a new chance"
    );
    assert_eq!(stored_token(&world, number).await, "new-token");
}

#[tokio::test]
async fn a_model_key_is_kept_replaced_or_removed() {
    let world = World::start().await;
    let client = world.client();
    let new = CreateAgent {
        name: "a".to_owned(),
        model_key: Some(MODEL_KEY.to_owned()),
        ..CreateAgent::default()
    };
    let agent = client.create_agent(&new, None).await.unwrap().id;
    let rename = UpdateAgent {
        name: Some("b".to_owned()),
        ..UpdateAgent::default()
    };
    assert!(
        client
            .update_agent(agent, &rename)
            .await
            .unwrap()
            .has_model_key
    );
    let remove = UpdateAgent {
        model_key: Some(None),
        ..UpdateAgent::default()
    };
    assert!(
        !client
            .update_agent(agent, &remove)
            .await
            .unwrap()
            .has_model_key
    );
}
