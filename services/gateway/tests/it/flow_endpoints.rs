//! Flow endpoints as a tenant makes and changes them.

use sb_client::{CreateFlowEndpoint, FlowHandler, PageOptions, RotateFlowKey, UpdateFlowEndpoint};
use sb_cloud_api::flows::FlowPrivateKey;
use sb_egress::{Method, RequestSigner};
use sb_vault::{Binding, SealedSecret, Vault};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sqlx::types::Uuid;

use crate::world::World;

const URL: &str = "https://shop.example.com/flows";

/// An endpoint of the first tenant's account, served by a server.
pub(crate) fn new_endpoint(world: &World) -> CreateFlowEndpoint {
    CreateFlowEndpoint {
        name: "Orders".to_owned(),
        waba_id: world.tenant.waba.clone(),
        app_id: None,
        handler: FlowHandler::Http {
            url: URL.to_owned(),
        },
    }
}

/// The private keys of the only account that has any, current and previous, opened in their places.
async fn private_keys(world: &World) -> (FlowPrivateKey, Option<FlowPrivateKey>) {
    let (id, current, previous): (Uuid, Vec<u8>, Option<Vec<u8>>) =
        sqlx::query_as("SELECT id, private_key_sealed, previous_private_key_sealed FROM flow_keys")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    let vault = Vault::from_settings(&world.settings.vault).unwrap();
    let owner = world.tenant.organization.as_uuid();
    let open = |column, sealed: Vec<u8>| {
        let binding = Binding {
            table: "flow_keys",
            column,
            organization_id: owner.as_bytes(),
            row_id: id.as_bytes(),
        };
        let opened = vault.open(&binding, &SealedSecret::from_bytes(sealed).unwrap());
        FlowPrivateKey::from_pem(opened.unwrap().expose_str().unwrap()).unwrap()
    };
    (
        open("private_key_sealed", current),
        previous.map(|sealed| open("previous_private_key_sealed", sealed)),
    )
}

#[tokio::test]
async fn an_endpoint_is_made_read_changed_and_removed() {
    let world = World::start().await;
    let client = world.client();
    let made = client
        .create_flow_endpoint(&new_endpoint(&world))
        .await
        .unwrap();
    let endpoint = made.endpoint;
    assert_eq!(endpoint.path, format!("/flows/{}", endpoint.id));
    assert_eq!(endpoint.app_id.as_str(), world.settings.meta.app_id);
    assert_eq!(endpoint.previous_key_valid_until, None);
    assert!(
        endpoint
            .public_key_pem
            .starts_with("-----BEGIN PUBLIC KEY-----")
    );
    assert!(RequestSigner::new(made.signing_secret.expose_secret()).is_ok());
    assert_eq!(client.flow_endpoint(endpoint.id).await.unwrap(), endpoint);
    let page = PageOptions::default();
    let listed = client.list_flow_endpoints(&page).await.unwrap().data;
    assert_eq!(listed, std::slice::from_ref(&endpoint));

    let change = UpdateFlowEndpoint {
        name: Some("Returns".to_owned()),
        handler: Some(FlowHandler::Agent {
            agent_id: Some(world.tenant.agent),
        }),
        signing_secret: Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
    };
    let changed = client
        .update_flow_endpoint(endpoint.id, &change)
        .await
        .unwrap();
    assert_eq!(
        (changed.name.as_str(), Some(changed.handler)),
        ("Returns", change.handler)
    );
    assert_eq!(changed.public_key_pem, endpoint.public_key_pem);
    client.delete_agent(world.tenant.agent).await.unwrap();
    let orphan = client.flow_endpoint(endpoint.id).await.unwrap();
    assert_eq!(orphan.handler, FlowHandler::Agent { agent_id: None });

    client.delete_flow_endpoint(endpoint.id).await.unwrap();
    let gone = client.flow_endpoint(endpoint.id).await.unwrap_err();
    assert_eq!(gone.code(), Some("flow_endpoint.not_found"));
}

#[tokio::test]
async fn endpoints_of_an_account_share_a_key_pair_that_never_leaves() {
    let world = World::start().await;
    let client = world.client();
    let first = client
        .create_flow_endpoint(&new_endpoint(&world))
        .await
        .unwrap();
    let second = client
        .create_flow_endpoint(&new_endpoint(&world))
        .await
        .unwrap();
    let public_key = &first.endpoint.public_key_pem;
    assert_eq!(public_key, &second.endpoint.public_key_pem);
    assert_ne!(
        first.signing_secret.expose_secret(),
        second.signing_secret.expose_secret()
    );
    let (current, previous) = private_keys(&world).await;
    assert_eq!(&current.public_key_pem().unwrap(), public_key);
    assert!(previous.is_none());

    let secrets = [
        first.signing_secret.expose_secret().to_owned(),
        current.to_pem().unwrap().lines().nth(3).unwrap().to_owned(),
    ];
    let mut shown = world.get("/v1/flow-endpoints").await.body.to_string();
    for table in [
        "flow_endpoints",
        "flow_keys",
        "audit_log",
        "idempotency_keys",
    ] {
        let statement = format!("SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM {table} t");
        let rows: Value = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_one(&world.pool)
            .await
            .unwrap();
        shown.push_str(&rows.to_string());
    }
    for secret in secrets {
        assert!(!shown.contains(&secret), "{shown}");
    }
}

#[tokio::test]
async fn a_rotation_keeps_the_replaced_key_for_a_while_and_happens_once() {
    let world = World::start().await;
    let client = world.client();
    let made = client
        .create_flow_endpoint(&new_endpoint(&world))
        .await
        .unwrap();
    let (id, old) = (made.endpoint.id, made.endpoint.public_key_pem);
    let rotate = async |how, key| client.rotate_flow_key(id, how, Some(key)).await.unwrap();
    let rotated = rotate(RotateFlowKey::default(), "first").await;
    assert_ne!(rotated.public_key_pem, old);
    let hours = rotated.previous_key_valid_until.unwrap() - rotated.key_rotated_at;
    assert_eq!(hours.num_hours(), 24);
    assert_eq!(rotate(RotateFlowKey::default(), "first").await, rotated);
    let (current, previous) = private_keys(&world).await;
    assert_eq!(current.public_key_pem().unwrap(), rotated.public_key_pem);
    assert_eq!(previous.unwrap().public_key_pem().unwrap(), old);

    let at_once = RotateFlowKey {
        previous_valid_hours: Some(0),
    };
    let last = rotate(at_once, "second").await;
    assert_eq!(last.previous_key_valid_until, None);
    let (current, previous) = private_keys(&world).await;
    assert_eq!(current.public_key_pem().unwrap(), last.public_key_pem);
    assert!(previous.is_none(), "a key that is known to others is kept");
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_its_field() {
    let world = World::with(|settings| settings.egress.allow_private_addresses = false).await;
    let body = json!({
        "name": "Orders", "waba_id": world.tenant.waba, "handler": { "kind": "http", "url": URL },
    });
    let with = |field: &str, value: Value| {
        let mut body = body.clone();
        body[field] = value;
        body
    };
    for (body, field) in [
        (with("name", json!("")), "name"),
        (with("app_id", json!("123")), "app_id"),
        (with("waba_id", json!("123")), "waba_id"),
        (
            with(
                "handler",
                json!({ "kind": "http", "url": "http://shop.example.com" }),
            ),
            "handler.url",
        ),
        (
            with("handler", json!({ "kind": "http", "url": "shop" })),
            "handler.url",
        ),
        (
            with("handler", json!({ "kind": "agent", "agent_id": null })),
            "handler.agent_id",
        ),
    ] {
        let answer = world.post("/v1/flow-endpoints", &body).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (422, "request.invalid"),
            "{body}"
        );
        assert_eq!(answer.body["errors"][0]["field"], field, "{}", answer.body);
    }
    let made = world.post("/v1/flow-endpoints", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("/v1/flow-endpoints/{}", made.body["id"].as_str().unwrap());
    let change = json!({ "signing_secret": "too short" });
    let request = world.request(Method::PATCH, &path).json(&change);
    let answer = crate::world::answer(request).await;
    assert_eq!(
        answer.body["errors"][0]["field"], "signing_secret",
        "{}",
        answer.body
    );
    let answer = world
        .post(
            &format!("{path}/rotate-key"),
            &json!({ "previous_valid_hours": 721 }),
        )
        .await;
    assert_eq!(answer.body["errors"][0]["field"], "previous_valid_hours");
}
