//! Files of messages come from Meta into the storage, or it is said why not.

use std::time::Duration;

use sb_config::Settings;
use sb_ids::OrganizationId;
use sb_media::{MediaKey, MediaStore};
use sb_service::{Health, Lifecycle};
use sb_testkit::wait_until;
use serde_json::{Value, json};
use simulator::{Faults, MediaFault, MediaTrouble, SimulatorHandle};
use sqlx::types::Uuid;

use crate::world::{CONTACT, World};

/// What `hello` hashes to.
const HELLO_SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A webhook whose Meta is a simulator with files.
pub(crate) struct MediaWorld {
    pub(crate) world: World,
    pub(crate) meta: SimulatorHandle,
    lifecycle: Lifecycle,
}

impl Drop for MediaWorld {
    fn drop(&mut self) {
        self.lifecycle.shutdown();
    }
}

/// A row of `media`.
pub(crate) type File = (String, String, Option<String>, Option<String>, String);

impl MediaWorld {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let mut simulator = Settings::default();
        "127.0.0.1:0".clone_into(&mut simulator.simulator.bind);
        sb_egress::install_crypto();
        let app = simulator::App::build(&simulator, &Health::new()).unwrap();
        let (meta, address) = (app.handle(), app.http_addr());
        lifecycle.spawn_detached_ok("simulator", app.run(lifecycle.child("simulator")));
        let world = World::with(|settings| {
            settings.meta.graph_url = format!("http://{address}");
            change(settings);
        })
        .await;
        meta.set_webhook(&world.url).await.unwrap();
        Self {
            world,
            meta,
            lifecycle,
        }
    }

    pub(crate) fn trouble(&self, trouble: MediaTrouble, count: Option<u64>) {
        self.meta.set_faults(Faults {
            media: Some(MediaFault { trouble, count }),
            ..Faults::default()
        });
    }

    /// A phone sends `hello` as a document.
    pub(crate) fn send_hello(&self) -> String {
        let document = json!({
            "data": "aGVsbG8=", "mime_type": "text/plain", "filename": "note.txt", "caption": "read this",
        });
        let message = json!({ "type": "document", "document": document });
        self.meta.phone_sends(CONTACT, message).unwrap()
    }

    /// The only file, once it is no longer waited for.
    pub(crate) async fn file(&self) -> File {
        wait_until("the file is stored or failed", async || {
            let states: Vec<String> = sqlx::query_scalar("SELECT state FROM media")
                .fetch_all(&self.world.pool)
                .await
                .unwrap();
            states.len() == 1 && states.iter().all(|state| state != "pending")
        })
        .await;
        sqlx::query_as("SELECT state, failure_code, sha256, storage_key, kind FROM media")
            .fetch_one(&self.world.pool)
            .await
            .unwrap()
    }

    pub(crate) async fn failure(&self) -> String {
        let (state, code, sha256, key, _) = self.file().await;
        assert_eq!((state.as_str(), sha256, key), ("failed", None, None));
        code
    }

    pub(crate) fn store(&self) -> MediaStore {
        MediaStore::open(&self.world.settings.media).unwrap()
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        self.world.tenant.organization
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_received_file_is_stored_and_its_message_names_it() {
    let here = MediaWorld::new().await;
    let wamid = here.send_hello();
    let (state, code, sha256, key, kind) = here.file().await;
    assert_eq!(
        (state.as_str(), code.as_str(), kind.as_str()),
        ("stored", "", "document")
    );
    assert_eq!(sha256.as_deref(), Some(HELLO_SHA256));
    let key = MediaKey::parse(here.organization(), &key.unwrap()).unwrap();
    assert_eq!(here.store().get(&key, 10).await.unwrap(), "hello");
    let (content, file, message): (Value, Uuid, Uuid) = sqlx::query_as(
        "SELECT m.content, f.id, f.message_id FROM messages m JOIN media f ON f.message_id = m.id WHERE m.wamid = $1",
    )
    .bind(&wamid)
    .fetch_one(&here.world.pool)
    .await
    .unwrap();
    assert_eq!(content["media_id"], file.to_string());
    assert_eq!(content["caption"], "read this");
    assert_ne!(message, file);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_too_old_is_asked_for_once_more() {
    let here = MediaWorld::new().await;
    here.trouble(MediaTrouble::ExpiredLink, Some(1));
    here.send_hello();
    assert_eq!(here.file().await.0, "stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_good_link_is_gone() {
    let here = MediaWorld::new().await;
    here.trouble(MediaTrouble::ExpiredLink, None);
    here.send_hello();
    assert_eq!(here.failure().await, "media.gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_meta_no_longer_has_is_gone() {
    let here = MediaWorld::new().await;
    here.trouble(MediaTrouble::Gone, None);
    here.send_hello();
    assert_eq!(here.failure().await, "media.gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_what_meta_announced_are_not_kept() {
    let here = MediaWorld::new().await;
    here.trouble(MediaTrouble::WrongHash, None);
    here.send_hello();
    assert_eq!(here.failure().await, "media.hash_mismatch");
    let mut hello = [0; 32];
    for (byte, pair) in hello.iter_mut().zip(HELLO_SHA256.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    }
    let key = MediaKey::new(here.organization(), hello);
    assert!(!here.store().exists(&key).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_above_the_limit_is_not_downloaded() {
    let here = MediaWorld::with(|settings| settings.webhook.media_limit_bytes = 4).await;
    here.send_hello();
    assert_eq!(here.failure().await, "media.too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_fails_is_tried_again() {
    let here = MediaWorld::new().await;
    here.trouble(MediaTrouble::Outage, Some(2));
    here.send_hello();
    assert_eq!(here.file().await.0, "stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_twice_has_one_file() {
    let here = MediaWorld::new().await;
    here.meta.set_faults(Faults {
        duplicate_webhooks: Some(1.0),
        ..Faults::default()
    });
    here.send_hello();
    assert_eq!(here.file().await.0, "stored");
    here.world.settle().await;
    assert_eq!(here.world.count("media").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_waits_for_the_storage_to_come_back() {
    let here = MediaWorld::new().await;
    let root = std::path::PathBuf::from(&here.world.settings.media.root);
    let aside = root.with_extension("aside");
    std::fs::rename(&root, &aside).unwrap();
    std::fs::write(&root, "no folder").unwrap();
    here.send_hello();
    here.world.until_rows("media", 1).await;
    here.world.settle().await;
    let spec = sb_events::consumers::media(here.world.servers.bus().await.topology());
    let bus = here.world.servers.bus().await;
    wait_until("somebody is at the file", async || {
        bus.pending(&spec)
            .await
            .is_ok_and(|backlog| backlog.in_flight == 1)
    })
    .await;
    std::fs::remove_file(&root).unwrap();
    std::fs::rename(&aside, &root).unwrap();
    assert_eq!(here.file().await.0, "stored");
}
