//! The life of a received file: to be had, stored or failed, wanted again, and forgotten.

use chrono::TimeDelta;
use sb_db::ingest::NewFile;
use sb_db::{Db, FetchedFile, MediaState, SystemReason};
use sb_domain::Clock;
use sb_domain::content::MediaKind;
use sb_ids::{MediaId, MessageId};
use sb_testkit::{Servers, TestTenant};

fn now() -> chrono::DateTime<chrono::Utc> {
    Clock::system().now()
}

async fn received(db: &Db, tenant: &TestTenant) -> MediaId {
    let id = MediaId::new(now());
    let file = NewFile {
        organization: tenant.organization,
        id,
        message: MessageId::new(now()),
        number: tenant.number,
        kind: MediaKind::Image,
        meta_media_id: "1234".to_owned(),
        mime_type: "image/png".to_owned(),
        filename: String::new(),
        received_at: now(),
    };
    let mut tx = db.system(SystemReason::Ingest).await.unwrap();
    tx.ingest()
        .insert_files(std::slice::from_ref(&file))
        .await
        .unwrap();
    // An earlier run of the batch may have recorded it.
    tx.ingest().insert_files(&[file]).await.unwrap();
    tx.commit().await.unwrap();
    id
}

fn fetched(key: &str, thumbnail: Option<&str>) -> FetchedFile {
    FetchedFile {
        sha256: "00".repeat(32),
        storage_key: key.to_owned(),
        thumbnail_key: thumbnail.map(str::to_owned),
        mime_type: "image/png".to_owned(),
        declared_mime_type: None,
        size_bytes: 3,
    }
}

async fn confirm(db: &Db, tenant: &TestTenant, id: MediaId, file: &FetchedFile) -> bool {
    let mut tx = db.tenant(tenant.organization).await.unwrap();
    let confirmed = tx.media_fetches().confirm(id, file).await.unwrap();
    tx.commit().await.unwrap();
    confirmed
}

async fn state(db: &Db, tenant: &TestTenant, id: MediaId) -> MediaState {
    let mut tx = db.tenant(tenant.organization).await.unwrap();
    let media = tx.media().find(id).await.unwrap().unwrap();
    tx.rollback().await.unwrap();
    media.state
}

#[tokio::test]
async fn a_file_is_confirmed_once_and_wanted_again_only_when_it_failed() {
    let servers = Servers::start().await;
    let (db, tenant) = (servers.db().await, TestTenant::create(&servers).await);
    let id = received(&db, &tenant).await;
    let mut tx = db.tenant(tenant.organization).await.unwrap();
    let wanted = tx.media_fetches().find(id).await.unwrap().unwrap();
    assert_eq!(wanted.meta_media_id, "1234");
    assert_eq!(wanted.phone_number_id, tenant.phone_number_id);
    assert!(tx.media_fetches().fail(id, "media.gone").await.unwrap());
    assert!(!tx.media_fetches().fail(id, "other").await.unwrap());
    assert!(tx.media_fetches().find(id).await.unwrap().is_none());
    assert!(
        tx.media_fetches()
            .want_again(id, now(), now())
            .await
            .unwrap()
    );
    let long_ago = now() - TimeDelta::hours(6);
    assert!(
        !tx.media_fetches()
            .want_again(id, long_ago, now())
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    assert_eq!(state(&db, &tenant, id).await, MediaState::Pending);
    assert!(confirm(&db, &tenant, id, &fetched("a", None)).await);
    assert!(!confirm(&db, &tenant, id, &fetched("b", None)).await);
    assert_eq!(state(&db, &tenant, id).await, MediaState::Stored);
    let mut tx = db.tenant(tenant.organization).await.unwrap();
    assert!(
        !tx.media_fetches()
            .want_again(id, now(), now())
            .await
            .unwrap()
    );
    tx.rollback().await.unwrap();
}

async fn keep_for(db: &Db, tenant: &TestTenant, days: Option<i32>) {
    let change = sb_db::OrganizationChange {
        media_retention_days: Some(days),
        ..sb_db::OrganizationChange::default()
    };
    let mut tx = db.tenant(tenant.organization).await.unwrap();
    tx.organizations().update(&change, now()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_object_is_free_when_the_last_file_that_needs_it_is_forgotten() {
    let servers = Servers::start().await;
    let (db, tenant) = (servers.db().await, TestTenant::create(&servers).await);
    let (one, two) = (received(&db, &tenant).await, received(&db, &tenant).await);
    assert!(confirm(&db, &tenant, one, &fetched("shared", Some("small"))).await);
    assert!(confirm(&db, &tenant, two, &fetched("shared", None)).await);
    let later = now() + TimeDelta::days(8);
    let mut tx = db.system(SystemReason::Housekeeping).await.unwrap();
    assert_eq!(tx.media_retention().expire(later, 9).await.unwrap(), 0);
    tx.commit().await.unwrap();

    keep_for(&db, &tenant, Some(7)).await;
    let mut free = Vec::new();
    let mut tx = db.system(SystemReason::Housekeeping).await.unwrap();
    assert_eq!(tx.media_retention().expire(now(), 9).await.unwrap(), 0);
    assert_eq!(tx.media_retention().expire(later, 9).await.unwrap(), 2);
    let expired = tx.media_retention().expired(9).await.unwrap();
    tx.commit().await.unwrap();
    for file in &expired {
        let mut tx = db.system(SystemReason::Housekeeping).await.unwrap();
        let released = tx.media_retention().release(file).await.unwrap();
        tx.commit().await.unwrap();
        free.push(released);
    }
    let shared = |keys: &Vec<String>| keys.contains(&"shared".to_owned());
    assert_eq!(
        free.iter().filter(|keys| shared(keys)).count(),
        1,
        "{free:?}"
    );
    assert!(free.last().is_some_and(shared), "{free:?}");
    assert!(free.iter().flatten().any(|key| key == "small"), "{free:?}");
    assert_eq!(state(&db, &tenant, one).await, MediaState::Expired);
    let mut tx = db.system(SystemReason::Housekeeping).await.unwrap();
    assert!(tx.media_retention().expired(9).await.unwrap().is_empty());
    tx.rollback().await.unwrap();
}
