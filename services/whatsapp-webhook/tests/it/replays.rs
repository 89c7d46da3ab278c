//! Posts that are run again: what was missing is stored, and nothing takes effect twice.

use std::collections::BTreeSet;

use futures::StreamExt;
use sb_bus::{Bus, Tap, TapPosition, TapStart};
use sb_events::proto::update::v1::Replay;
use sb_ids::EventId;
use sb_testkit::{TestTenant, wait_until};
use serde_json::json;

use crate::posts::{change, envelope, status, text};
use crate::world::{CONTACT, NUMBER, World, another_tenant};

/// The number that the second tenant will connect.
const LATER: &str = "800000000100002";

/// Publishes every post that came once more, or only what is at some places in them, and waits until it is ingested.
async fn run_again(world: &World, places: &[&str]) {
    let bus = world.servers.bus().await;
    let run = EventId::new(sb_domain::Clock::system().now()).to_string();
    let mut next = 1;
    let last = bus.kept_posts().await.unwrap().last;
    while next <= last {
        let envelope = bus.next_posts(next).await.unwrap().unwrap();
        next = envelope.sequence + 1;
        let mut posts = envelope.posts;
        posts.retain(|post| post.replay.is_none());
        for post in &mut posts {
            post.replay = Some(Replay {
                replay_id: run.clone(),
                places: places.iter().map(|place| (*place).to_owned()).collect(),
                set_aside: false,
            });
        }
        if !posts.is_empty() {
            bus.publisher().publish_raw_posts(posts).await.unwrap();
        }
    }
    world.settle().await;
}

/// Everything that must not change when nothing new is in a replay.
async fn picture(world: &World) -> Vec<String> {
    let mut rows = Vec::new();
    for (table, order) in [
        ("messages", "id"),
        ("message_statuses", "wamid, status, recipient"),
        ("conversations", "id"),
        ("contacts", "id"),
        ("contact_identities", "kind, value"),
        ("raw_updates", "id"),
        ("quarantine", "id"),
    ] {
        let statement = format!("SELECT to_jsonb(t)::text FROM {table} t ORDER BY {order}");
        let found: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_all(&world.pool)
            .await
            .unwrap();
        rows.extend(found);
    }
    rows
}

async fn events(bus: &Bus, tenant: &TestTenant) -> Tap {
    let start = TapPosition {
        sequence: 0,
        index: 0,
    };
    let start = TapStart::After(start);
    bus.tap(tenant.organization, start).await.unwrap()
}

async fn next_ids(tap: &mut Tap, count: usize) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    while ids.len() < count {
        let (_, item) = tap.next().await.unwrap();
        ids.insert(item.event_id);
    }
    ids
}

/// Reason, state, runs and tenant of everything that was put aside.
async fn aside(world: &World) -> Vec<(String, Option<String>, i32, Option<sqlx::types::Uuid>)> {
    sqlx::query_as(
        "SELECT reason, resolution, attempts, organization_id FROM quarantine ORDER BY place, id",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_message_to_a_number_that_is_connected_later_is_stored_and_announced_once() {
    let world = World::new().await;
    let early = change(
        LATER,
        &[text(CONTACT, "wamid.early", "Anybody there?")],
        &[],
    );
    let known = change(NUMBER, &[text(CONTACT, "wamid.known", "a")], &[]);
    world.deliver_body(&envelope(&[early, known])).await;
    world.until_rows("quarantine", 1).await;
    world.until_rows("messages", 1).await;

    run_again(&world, &[]).await;
    let reason = "number.unknown".to_owned();
    assert_eq!(aside(&world).await, [(reason.clone(), None, 1, None)]);

    let tenant = another_tenant(&world).await;
    run_again(&world, &[]).await;
    assert_eq!(world.count("messages").await, 2);
    let replayed = Some("replayed".to_owned());
    assert_eq!(aside(&world).await, [(reason, replayed, 2, None)]);
    let before = picture(&world).await;
    run_again(&world, &[]).await;
    assert_eq!(picture(&world).await, before, "nothing is left to do");

    let later = change(LATER, &[text(CONTACT, "wamid.later", "b")], &[]);
    world.deliver_body(&envelope(&[later])).await;
    let bus = world.servers.bus().await;
    let mut tap = events(&bus, &tenant).await;
    assert_eq!(next_ids(&mut tap, 2).await.len(), 2);
    let stored: Vec<(i64, String)> = sqlx::query_as(
        "SELECT sequence, wamid FROM messages WHERE organization_id = $1 ORDER BY sequence",
    )
    .bind(tenant.organization.as_uuid())
    .fetch_all(&world.pool)
    .await
    .unwrap();
    let expected = [(1, "wamid.early".to_owned()), (2, "wamid.later".to_owned())];
    assert_eq!(stored, expected);
}

#[tokio::test]
async fn a_thousand_messages_and_their_statuses_run_again_change_nothing_and_announce_nothing() {
    let world = World::new().await;
    for part in 0..10 {
        let messages: Vec<_> = (0..100)
            .map(|n| {
                text(
                    &format!("49151{:07}", n % 20),
                    &format!("wamid.{part}.{n}"),
                    "x",
                )
            })
            .collect();
        let statuses: Vec<_> = (0..5)
            .map(|n| status(&format!("wamid.out.{part}.{n}"), "delivered", CONTACT, None))
            .collect();
        world.deliver(&messages, &statuses).await;
    }
    world.until_rows("messages", 1_000).await;
    world.settle().await;
    // What people are called meanwhile is not what an old post says.
    sqlx::query("UPDATE contacts SET name = 'Ana', profile_name = 'Ana M.'")
        .execute(&world.pool)
        .await
        .unwrap();
    let bus = world.servers.bus().await;
    let mut tap = events(&bus, &world.tenant).await;
    let announced = next_ids(&mut tap, 1_000).await;
    let before = picture(&world).await;
    run_again(&world, &[]).await;
    run_again(&world, &[]).await;
    assert_eq!(picture(&world).await, before);

    let newcomer = text("4915999999999", "wamid.new", "hello");
    world.deliver(&[newcomer], &[]).await;
    let next = next_ids(&mut tap, 1).await;
    assert!(next.is_disjoint(&announced), "an old event came again");
    wait_until("the new message is stored", async || {
        world.count("messages").await == 1_001
    })
    .await;
}

#[tokio::test]
async fn posts_that_meta_repeated_count_once_also_when_they_are_run_again() {
    let world = World::new().await;
    let message = text(CONTACT, "wamid.1", "a");
    let sent = status("wamid.2", "sent", CONTACT, None);
    for _ in 0..8 {
        let (messages, statuses) = (std::slice::from_ref(&message), std::slice::from_ref(&sent));
        world.deliver(messages, statuses).await;
    }
    world.until_rows("messages", 1).await;
    world.settle().await;
    let before = picture(&world).await;
    run_again(&world, &[]).await;
    assert_eq!(picture(&world).await, before);
    assert_eq!(world.count("message_statuses").await, 1);
    let bus = world.servers.bus().await;
    let mut tap = events(&bus, &world.tenant).await;
    let first = next_ids(&mut tap, 1).await;
    world.deliver(&[text(CONTACT, "wamid.3", "b")], &[]).await;
    assert!(next_ids(&mut tap, 1).await.is_disjoint(&first));
}

#[tokio::test]
async fn only_what_a_replay_names_is_run_again() {
    let world = World::new().await;
    let early = [text(CONTACT, "wamid.1", "a"), text(CONTACT, "wamid.2", "b")];
    world
        .deliver_body(&envelope(&[change(LATER, &early, &[])]))
        .await;
    world.until_rows("quarantine", 2).await;
    another_tenant(&world).await;
    run_again(&world, &["entry[0].changes[0].messages[1]"]).await;
    let reason = || "number.unknown".to_owned();
    let replayed = Some("replayed".to_owned());
    let expected = [(reason(), None, 0, None), (reason(), replayed, 1, None)];
    assert_eq!(aside(&world).await, expected);
    let stored: Vec<String> = sqlx::query_scalar("SELECT wamid FROM messages")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(stored, ["wamid.2"]);
}

#[tokio::test]
async fn a_bad_message_among_a_thousand_belongs_to_its_tenant_and_stays_open_when_run_again() {
    let world = World::new().await;
    let mut messages: Vec<_> = (0..1_000)
        .map(|n| text(CONTACT, &format!("wamid.{n}"), "x"))
        .collect();
    messages[500] = json!({ "type": "text" });
    world.deliver(&messages, &[]).await;
    world.until_rows("messages", 999).await;
    let owner = Some(world.tenant.organization.as_uuid());
    let reason = || "message.malformed".to_owned();
    assert_eq!(aside(&world).await, [(reason(), None, 0, owner)]);
    run_again(&world, &[]).await;
    assert_eq!(aside(&world).await, [(reason(), None, 1, owner)]);
    assert_eq!(world.count("messages").await, 999);
    let numbers: Vec<String> = sqlx::query_scalar("SELECT phone_number_id FROM quarantine")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(numbers, [NUMBER]);
}

#[tokio::test]
async fn what_was_discarded_stays_discarded() {
    let world = World::new().await;
    let early = change(LATER, &[text(CONTACT, "wamid.1", "a")], &[]);
    world.deliver_body(&envelope(&[early])).await;
    world.until_rows("quarantine", 1).await;
    sqlx::query("UPDATE quarantine SET resolution = 'discarded', resolved_at = now()")
        .execute(&world.pool)
        .await
        .unwrap();
    let before = picture(&world).await;
    run_again(&world, &[]).await;
    assert_eq!(picture(&world).await, before);
}
