//! What is found out about a file before it is kept, and files that were forgotten on the way.

use sb_ids::OrganizationId;
use sb_media::{MediaKey, MediaStore};
use sb_testkit::{TestScanner, wait_until};
use serde_json::json;
use simulator::{ErrorFault, Faults, MediaTrouble};

use crate::media::MediaWorld;
use crate::world::CONTACT;

/// A red dot.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

async fn stored_bytes(store: &MediaStore, organization: OrganizationId, key: &str) -> Vec<u8> {
    let key = MediaKey::parse(organization, key).unwrap();
    store.get(&key, 100_000).await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_called_what_it_is_and_an_image_has_a_small_picture() {
    let here = MediaWorld::new().await;
    let image = json!({ "data": PNG, "mime_type": "image/jpeg" });
    let message = json!({ "type": "image", "image": image });
    here.meta.phone_sends(CONTACT, message).unwrap();
    assert_eq!(here.file().await.0, "stored");
    let (mime, declared, key, thumbnail): (String, Option<String>, String, String) =
        sqlx::query_as(
            "SELECT mime_type, declared_mime_type, storage_key, thumbnail_key FROM media",
        )
        .fetch_one(&here.world.pool)
        .await
        .unwrap();
    assert_eq!(
        (mime.as_str(), declared.as_deref()),
        ("image/png", Some("image/jpeg"))
    );
    let (store, ours) = (here.store(), here.organization());
    assert!(
        stored_bytes(&store, ours, &key)
            .await
            .starts_with(b"\x89PNG")
    );
    assert!(
        stored_bytes(&store, ours, &thumbnail)
            .await
            .starts_with(b"\xff\xd8")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_infected_file_is_not_kept() {
    let clamd = TestScanner::start("stream: Eicar-Test-Signature FOUND").await;
    let here = MediaWorld::with(|settings| {
        clamd.address().clone_into(&mut settings.media.clamd);
    })
    .await;
    here.send_hello();
    assert_eq!(here.failure().await, "media.infected");
    assert_eq!(clamd.shown(), b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_waits_for_the_scanner_to_come_back() {
    let away = TestScanner::start("").await;
    let here = MediaWorld::with(|settings| {
        away.address().clone_into(&mut settings.media.clamd);
    })
    .await;
    here.send_hello();
    wait_until("the scanner was asked", async || away.shown() == b"hello").await;
    let state: String = sqlx::query_scalar("SELECT state FROM media")
        .fetch_one(&here.world.pool)
        .await
        .unwrap();
    assert_eq!(state, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_meta_refuses_is_known_as_refused() {
    let here = MediaWorld::new().await;
    here.meta.set_faults(Faults {
        error: Some(ErrorFault {
            code: 190,
            status: None,
            details: None,
            probability: 1.0,
            count: None,
        }),
        ..Faults::default()
    });
    here.send_hello();
    assert_eq!(here.failure().await, "number.token_rejected");
    let is_rejected: bool = sqlx::query_scalar("SELECT token_rejected_at IS NOT NULL FROM numbers")
        .fetch_one(&here.world.pool)
        .await
        .unwrap();
    assert!(is_rejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_command_was_lost_is_asked_for_again() {
    let here = MediaWorld::new().await;
    here.trouble(MediaTrouble::Gone, Some(1));
    here.send_hello();
    assert_eq!(here.failure().await, "media.gone");
    let lost = "UPDATE media SET state = 'pending', failure_code = '', asked_at = now() - interval '7 hours'";
    sqlx::query(lost).execute(&here.world.pool).await.unwrap();
    here.world.another_replica().await;
    assert_eq!(here.file().await.0, "stored");
}
