//! Accounts: their numbers, and the subscription of the app.

use sb_db::{DbError, NewNumber, SystemReason};
use sb_domain::Clock;
use sb_ids::{MetaAppId, NumberId, OrganizationId, PhoneNumberId, WabaId};
use sb_testkit::{TenantSeed, TestTenant};
use serde_json::json;

use crate::world::{World, path};

/// A number without a token of its own.
fn new_number(
    world: &World,
    organization: OrganizationId,
    phone_number_id: &str,
    waba: &WabaId,
) -> NewNumber {
    NewNumber {
        organization,
        id: NumberId::new(Clock::system().now()),
        phone_number_id: PhoneNumberId::parse(phone_number_id).unwrap(),
        waba: waba.clone(),
        app: MetaAppId::parse(world.settings.simulator.app_id.as_str()).unwrap(),
        display_phone_number: String::new(),
        access_token_sealed: None,
        agent: None,
        rate_per_second: None,
    }
}

/// Connects it.
async fn connect(
    world: &World,
    organization: OrganizationId,
    phone_number_id: &str,
    waba: &WabaId,
) -> NumberId {
    let new = new_number(world, organization, phone_number_id, waba);
    let mut tx = world.db.system(SystemReason::NumberRouting).await.unwrap();
    let number = tx
        .numbers()
        .insert(&new, Clock::system().now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    number.id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_lists_its_numbers_as_meta_knows_them() {
    let world = World::new().await;
    let waba = &world.tenant.waba;
    let answer = world
        .get(&world.path(&format!("/wabas/{waba}/phone-numbers")))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let numbers = answer.body["data"].as_array().unwrap();
    assert_eq!(numbers.len(), 1);
    assert_eq!(
        numbers[0]["phone_number_id"],
        json!(world.tenant.phone_number_id)
    );
    assert_eq!(numbers[0]["status"], "CONNECTED");
    assert_eq!(answer.body["paging"]["after"], json!(null));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribing_tells_meta_and_remembers_when() {
    let world = World::new().await;
    let waba = world.tenant.waba.clone();
    let answer = world
        .post(&world.path(&format!("/wabas/{waba}/subscribe")))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body["subscribed_at"].is_string());
    let mut tx = world.db.tenant(world.tenant.organization).await.unwrap();
    let account = tx
        .number_profiles()
        .find_account(&waba)
        .await
        .unwrap()
        .unwrap();
    tx.rollback().await.unwrap();
    assert!(account.subscribed_at.is_some());
    let again = world
        .post(&world.path(&format!("/wabas/{waba}/subscribe")))
        .await;
    assert_eq!(again.status, 200);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installations_token_serves_accounts_and_numbers_without_one() {
    let world = World::new().await;
    let seed = TenantSeed::another(&world.settings, 2);
    let other = TestTenant::seeded(&world.db, &world.settings, seed).await;
    let waba = WabaId::parse("800000000299999").unwrap();
    world.control("PUT", &format!("/wabas/{waba}")).await;
    let number = connect(&world, other.organization, "800000000199999", &waba).await;
    let list = path(other.organization, &format!("/wabas/{waba}/phone-numbers"));
    let answer = world.get(&list).await;
    assert_eq!(
        (answer.status, &answer.body["data"]),
        (200, &json!([])),
        "{}",
        answer.body
    );
    // Meta does not know this number: it was asked, with a token it accepts.
    let refresh = path(other.organization, &format!("/numbers/{number}/refresh"));
    let answer = world.post(&refresh).await;
    assert_eq!(answer.body["code"], "meta.refused", "{}", answer.body);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_make_anothers_account_its_own() {
    // Otherwise the installation's token would show it to both.
    let world = World::new().await;
    let seed = TenantSeed::another(&world.settings, 2);
    let other = TestTenant::seeded(&world.db, &world.settings, seed).await;
    let number = new_number(
        &world,
        other.organization,
        "800000000199999",
        &world.tenant.waba,
    );
    let now = Clock::system().now();
    let mut tx = world.db.system(SystemReason::NumberRouting).await.unwrap();
    let refused = tx.numbers().insert(&number, now).await.unwrap_err();
    assert!(matches!(refused, DbError::Conflict { .. }), "{refused:?}");
    tx.rollback().await.unwrap();
    world.stop().await;
}
