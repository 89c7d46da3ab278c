//! API keys: shown once, never mightier than their maker, dead when revoked.

use chrono::TimeDelta;
use sb_client::{CreateApiKey, PageOptions};
use sb_domain::Clock;
use sb_domain::access::{Role, Scope};
use sb_egress::Method;
use sb_http::{Authenticator, KeyHasher};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::world::{KeySeed, World, answer};

fn new_key(role: Role, scopes: &[Scope]) -> CreateApiKey {
    CreateApiKey {
        name: "backend".to_owned(),
        role,
        scopes: scopes.to_vec(),
        expires_at: None,
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_works_until_it_is_revoked() {
    let world = World::start().await;
    let client = world.client();
    let made = client
        .create_api_key(&new_key(
            Role::Member,
            &[Scope::MessagesRead, Scope::MessagesRead],
        ))
        .await
        .unwrap();
    let key = made.key.expose_secret().to_owned();
    assert!(key.starts_with(&made.api_key.prefix));
    assert_eq!(made.api_key.scopes, ["messages:read"]);
    let reader = world.client_with(&key);
    reader
        .list_contacts(None, &PageOptions::default())
        .await
        .unwrap();

    let listed = world.get("/v1/api-keys").await;
    assert!(!listed.body.to_string().contains(&key));

    let revoked = client.revoke_api_key(made.api_key.id).await.unwrap();
    let again = client.revoke_api_key(made.api_key.id).await.unwrap();
    assert_eq!(revoked.revoked_at, again.revoked_at);
    let error = reader
        .list_contacts(None, &PageOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.code(),
        Some("auth.revoked"),
        "at once on this replica"
    );
}

#[tokio::test]
async fn nobody_makes_or_revokes_a_key_mightier_than_their_own() {
    let world = World::start().await;
    let (_, admin) = world
        .key(KeySeed {
            role: Role::Admin,
            scopes: vec![Scope::KeysWrite, Scope::MessagesRead],
            ..KeySeed::default()
        })
        .await;
    let admin = world.client_with(&admin);
    for wanted in [
        new_key(Role::Owner, &[Scope::MessagesRead]),
        new_key(Role::Admin, &[Scope::SettingsWrite]),
    ] {
        let error = admin.create_api_key(&wanted).await.unwrap_err();
        assert_eq!(error.code(), Some("api_key.exceeds_own_rights"));
    }
    let (owner, _) = world.key(KeySeed::default()).await;
    let error = admin.revoke_api_key(owner).await.unwrap_err();
    assert_eq!(error.code(), Some("api_key.exceeds_own_rights"));
}

#[tokio::test]
async fn what_stays_open_learns_that_its_key_has_ended() {
    let world = World::start().await;
    let gateway = &world.settings.gateway;
    let authenticator = Authenticator::new(
        world.db.clone(),
        Clock::system(),
        KeyHasher::new(&gateway.api_key_pepper),
        &gateway.operator_key,
    )
    .unwrap();
    let organization = world.tenant.organization;
    let (key, _) = world.key(KeySeed::default()).await;
    assert!(
        authenticator
            .is_still_good(organization, key)
            .await
            .unwrap()
    );
    world.client().revoke_api_key(key).await.unwrap();
    assert!(
        !authenticator
            .is_still_good(organization, key)
            .await
            .unwrap()
    );
    let (key, _) = world.key(KeySeed::default()).await;
    world
        .operator()
        .suspend_organization(organization, true)
        .await
        .unwrap();
    assert!(
        !authenticator
            .is_still_good(organization, key)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_key_may_come_in_either_header_and_its_use_is_noted() {
    let world = World::start().await;
    let request = world
        .anonymous(Method::GET, "/v1/organization")
        .header("x-api-key", &world.tenant.api_key);
    assert_eq!(answer(request).await.status, 200);
    let keys = world
        .client()
        .list_api_keys(&PageOptions::default())
        .await
        .unwrap();
    let used = keys.data[0].last_used_at.unwrap();
    assert!(Clock::system().now() - used < TimeDelta::minutes(1));
}

#[tokio::test]
async fn a_key_cannot_be_born_expired() {
    let world = World::start().await;
    let mut wanted = new_key(Role::Member, &[Scope::MessagesRead]);
    wanted.expires_at = Some(Clock::system().now() - TimeDelta::seconds(1));
    let error = world.client().create_api_key(&wanted).await.unwrap_err();
    assert_eq!(error.status(), Some(422));
}

#[tokio::test]
async fn a_new_organization_gets_a_key_that_works() {
    let world = World::start().await;
    let made = world.operator().create_organization("New").await.unwrap();
    let client = world.client_with(made.api_key.key.expose_secret());
    let organization = client.organization().await.unwrap();
    assert_eq!(organization.id, made.organization.id);
    let listed = world
        .operator()
        .list_organizations(&PageOptions::default())
        .await
        .unwrap();
    assert_eq!(listed.data.len(), 2);
    let stored: Vec<Value> = sqlx::query_scalar("SELECT to_jsonb(k) FROM api_keys k")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    let stored = serde_json::to_string(&stored).unwrap();
    assert!(!stored.contains(made.api_key.key.expose_secret()));
}
