//! Files by signed addresses, once more from Meta, and only for as long as they are kept.

use gateway::App;
use sb_client::{Client, Media, Upload};
use sb_config::Settings;
use sb_egress::Method;
use sb_ids::MediaId;
use sb_service::Health;
use sb_testkit::{TestScanner, wait_until};

use crate::world::{Answer, World, answer};

async fn uploaded(client: &Client, mime_type: &str, bytes: &[u8]) -> Media {
    let upload = Upload {
        filename: "señal \"1\".bin".to_owned(),
        mime_type: mime_type.to_owned(),
        bytes: bytes.to_vec(),
    };
    client.upload_media(upload).await.unwrap()
}

fn address(media: &Media) -> String {
    media.links.as_ref().unwrap().file.clone()
}

/// Anybody may ask: there is no key.
async fn get(world: &World, address: &str) -> Answer {
    answer(world.anonymous(Method::GET, address)).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer
        .headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_signed_address_gives_the_bytes_and_nothing_else_does() {
    let world = World::start().await;
    let client = world.client();
    let media = uploaded(&client, "application/pdf", b"{\"a\": 1}").await;
    let good = address(&media);
    let file = get(&world, &good).await;
    assert_eq!((file.status, &file.body["a"]), (200, &1.into()));
    assert_eq!(header(&file, "content-type"), "application/pdf");
    assert_eq!(header(&file, "x-content-type-options"), "nosniff");
    assert_eq!(
        header(&file, "content-disposition"),
        "inline; filename*=UTF-8''se%C3%B1al%20%221%22.bin"
    );
    let (path, query) = good.split_once('?').unwrap();
    let other = uploaded(&client, "application/pdf", b"{}").await;
    let others = address(&other);
    let (other_path, _) = others.split_once('?').unwrap();
    for wrong in [
        format!("{good}0"),
        good.replace("expires=", "expires=9"),
        good.replace("/file", "/thumbnail"),
        good.replace("/file", "/anything"),
        format!("{other_path}?{query}"),
        format!("{path}?expires=9999999999&signature="),
    ] {
        let refused = get(&world, &wrong).await;
        assert_eq!(
            (refused.status, refused.code.as_str()),
            (403, "media.link_invalid"),
            "{wrong}"
        );
    }
    let refused = get(&world, path).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_part_of_a_file_is_given_out_to_who_asks_for_a_part() {
    let world = World::start().await;
    let media = uploaded(&world.client(), "application/pdf", b"[1,22,333]").await;
    let address = address(&media);
    let ask = async |name: &'static str, value: &str| {
        let request = world.anonymous(Method::GET, &address).header(name, value);
        answer(request).await
    };
    let part = ask("range", "bytes=3-4").await;
    assert_eq!((part.status, &part.body), (206, &22.into()));
    assert_eq!(header(&part, "content-range"), "bytes 3-4/10");
    assert_eq!(header(&part, "content-length"), "2");
    let beyond = ask("range", "bytes=10-").await;
    assert_eq!(
        (beyond.status, beyond.code.as_str()),
        (416, "media.range_invalid")
    );
    assert_eq!(header(&beyond, "content-range"), "bytes */10");
    let whole = get(&world, &address).await;
    assert_eq!(header(&whole, "accept-ranges"), "bytes");
    let had = ask("if-none-match", header(&whole, "etag")).await;
    assert_eq!((had.status, header(&had, "content-length")), (304, ""));
}

#[tokio::test]
async fn an_image_has_a_small_picture() {
    // A red dot.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";
    let world = World::start().await;
    let media = uploaded(&world.client(), "text/plain", PNG).await;
    assert_eq!(
        (
            media.mime_type.as_str(),
            media.declared_mime_type.as_deref(),
            media.kind.as_str()
        ),
        ("image/png", Some("text/plain"), "image")
    );
    let thumbnail = media.links.unwrap().thumbnail.unwrap();
    let small = get(&world, &thumbnail).await;
    assert_eq!(
        (small.status, header(&small, "content-type")),
        (200, "image/jpeg")
    );
}

#[tokio::test]
async fn an_infected_file_is_refused_and_one_that_cannot_be_scanned_has_to_wait() {
    let clamd = TestScanner::start("stream: Some.Virus FOUND").await;
    let world = World::with(|settings| clamd.address().clone_into(&mut settings.media.clamd)).await;
    let upload = Upload {
        filename: String::new(),
        mime_type: "text/plain".to_owned(),
        bytes: b"evil".to_vec(),
    };
    let client = world.client();
    let refused = client.upload_media(upload.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Some("media.infected"));
    drop(clamd);
    let away = client.upload_media(upload).await.unwrap_err();
    assert_eq!(away.code(), Some("server.unavailable"));
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM media")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn what_a_browser_would_run_is_only_saved() {
    let world = World::start().await;
    let client = world.client();
    for mime in ["text/html", "image/svg+xml"] {
        let media = uploaded(&client, mime, b"<script>1</script>").await;
        let file = get(&world, &address(&media)).await;
        assert_eq!(
            (file.status, header(&file, "content-type")),
            (200, "application/octet-stream")
        );
        assert!(header(&file, "content-disposition").starts_with("attachment"));
        assert!(header(&file, "content-security-policy").contains("sandbox"));
    }
}

pub(crate) async fn set_failed(world: &World, media: MediaId) {
    sqlx::query(
        "UPDATE media SET state = 'failed', failure_code = 'media.gone', number_id = $2, meta_media_id = '123'
         WHERE id = $1",
    )
    .bind(media.as_uuid())
    .bind(world.tenant.number.as_uuid())
    .execute(&world.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn only_a_file_that_failed_is_fetched_again() {
    let world = World::start().await;
    let client = world.client();
    let media = uploaded(&client, "text/plain", b"a").await;
    let refused = client.retry_media(media.id).await.unwrap_err();
    assert_eq!(refused.code(), Some("media.not_failed"));
    set_failed(&world, media.id).await;
    let failed = client.media(media.id).await.unwrap();
    assert_eq!(
        (failed.state.as_str(), failed.failure_code.as_deref()),
        ("failed", Some("media.gone"))
    );
    assert_eq!(failed.links, None);
    let again = client.retry_media(media.id).await.unwrap();
    assert_eq!(
        (again.state.as_str(), again.failure_code),
        ("pending", None)
    );
    let refused = client.retry_media(media.id).await.unwrap_err();
    assert_eq!(refused.code(), Some("media.not_failed"));
    let other = world.another_tenant().await;
    let other = world.client_with(&other.api_key);
    let refused = other.retry_media(media.id).await.unwrap_err();
    assert_eq!(refused.code(), Some("media.not_found"));
}

async fn another_replica(world: &World, settings: &Settings) {
    let app = App::build(settings, &Health::new()).await.unwrap();
    let inner = world.lifecycle.clone();
    world
        .lifecycle
        .spawn_detached_ok("another gateway", async move { app.run(inner).await });
}

async fn age(world: &World, media: MediaId, days: i32) {
    sqlx::query("UPDATE media SET created_at = now() - make_interval(days => $2) WHERE id = $1")
        .bind(media.as_uuid())
        .bind(days)
        .execute(&world.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn bytes_go_when_no_file_that_is_kept_needs_them() {
    let world = World::start().await;
    let client = world.client();
    let (alone, shared, young) = (
        uploaded(&client, "text/plain", b"alone").await,
        uploaded(&client, "text/plain", b"shared").await,
        uploaded(&client, "text/plain", b"shared").await,
    );
    let change = sb_client::UpdateOrganization {
        media_retention_days: Some(Some(30)),
        ..sb_client::UpdateOrganization::default()
    };
    client.update_organization(&change).await.unwrap();
    for media in [&alone, &shared] {
        age(&world, media.id, 31).await;
    }
    let kept = address(&young);
    another_replica(&world, &world.settings).await;
    wait_until("old files are expired", async || {
        let of = async |media: &Media| client.media(media.id).await.unwrap().state == "expired";
        of(&alone).await && of(&shared).await
    })
    .await;
    wait_until("bytes are let go", async || {
        let held: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM media WHERE state = 'expired' AND storage_key IS NOT NULL",
        )
        .fetch_one(&world.pool)
        .await
        .unwrap();
        held == 0
    })
    .await;
    assert_eq!(get(&world, &kept).await.status, 200);
    assert_eq!(get(&world, &address(&alone)).await.status, 404);
    let root = std::path::Path::new(&world.settings.media.root);
    let mut open = vec![root.to_owned()];
    let mut files = 0;
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                files += 1;
            }
        }
    }
    assert_eq!(files, 1, "the shared bytes stay, the others are gone");
}
