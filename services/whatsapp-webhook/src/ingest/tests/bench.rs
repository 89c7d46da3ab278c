//! A database with tenants, and posts written into it without a bus in between.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use prost::{Message, Name};
use sb_bus::DeliveredItem;
use sb_cloud_api::escape;
use sb_config::Settings;
use sb_db::Db;
use sb_domain::Clock;
use sb_events::proto::bus::v1::Item;
use sb_events::proto::update::v1::RawPost;
use sb_events::{micros, public};
use sb_ids::{ContactId, OrganizationId, PostId};
use sb_testkit::{Servers, TenantSeed, TestTenant};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};

use crate::ingest::store::Stored;
use crate::ingest::{Store, plan};

/// The ids that bodies are written with; each tenant of a test has ids of its own in their place.
const WABA: &str = "900000000000201";
const NUMBER: &str = "900000000000101";
const SHOWN: &str = "15550100001";

/// A migrated database and a store.
pub(super) struct Bench {
    pub(super) pool: PgPool,
    db: Db,
    settings: Settings,
    store: Store,
    tenants: AtomicU32,
    sequence: AtomicU64,
    _servers: Servers,
}

/// A tenant and how its ids are written.
pub(super) struct Subject {
    pub(super) tenant: TestTenant,
    app_id: String,
    replaced: [(&'static str, String); 3],
}

/// What came of posts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) dispositions: Vec<String>,
    /// Public names.
    pub(super) events: Vec<String>,
    pub(super) event_ids: Vec<String>,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let servers = Servers::start().await;
        let settings = servers.settings();
        let db = servers.db().await;
        let pool = PgPool::connect(settings.database.url.as_str())
            .await
            .unwrap();
        let store = Store::new(db.clone(), Clock::system());
        Self {
            pool,
            db,
            settings,
            store,
            tenants: AtomicU32::new(1),
            sequence: AtomicU64::new(1),
            _servers: servers,
        }
    }

    /// A tenant with one number and no agent.
    pub(super) async fn subject(&self) -> Subject {
        let n = self.tenants.fetch_add(1, Ordering::Relaxed);
        let seed = TenantSeed {
            name: format!("tenant {n}"),
            phone_number_id: format!("91{n:013}"),
            display_phone_number: format!("1555{n:07}"),
            waba_id: format!("92{n:013}"),
            ..TenantSeed::of_simulator(&self.settings)
        };
        let replaced = [
            (NUMBER, seed.phone_number_id.clone()),
            (SHOWN, seed.display_phone_number.clone()),
            (WABA, seed.waba_id.clone()),
        ];
        let tenant = TestTenant::seeded(&self.db, &self.settings, seed).await;
        Subject {
            tenant,
            app_id: self.settings.simulator.app_id.clone(),
            replaced,
        }
    }

    /// Writes posts one after the other, each a batch of its own.
    pub(super) async fn post(&self, subject: &Subject, bodies: &[Value]) -> Outcome {
        let mut outcome = Outcome::default();
        for body in bodies {
            let item = self.item(subject, body);
            outcome.add(&self.run(&[item]).await);
        }
        outcome
    }

    /// One batch.
    pub(super) async fn run(&self, items: &[DeliveredItem]) -> Stored {
        self.store.apply(plan::read(items).units).await.unwrap()
    }

    /// Another process that writes into the same database.
    pub(super) fn replica(&self) -> Store {
        Store::new(self.db.clone(), Clock::system())
    }

    /// One batch, written by another process.
    pub(super) async fn run_by(&self, replica: &Store, items: &[DeliveredItem]) -> Stored {
        replica.apply(plan::read(items).units).await.unwrap()
    }

    /// Somebody takes a contact out of the one it was merged into.
    pub(super) async fn unmerge(&self, subject: &Subject, contact: &str) {
        let mut tx = self.db.tenant(subject.tenant.organization).await.unwrap();
        let (contact, now) = (ContactId::parse(contact).unwrap(), Clock::system().now());
        let undone = tx
            .contacts()
            .unmerge(contact, ("somebody", now))
            .await
            .unwrap();
        assert!(undone.is_some());
        tx.commit().await.unwrap();
    }

    /// A body as it comes from the stream, in a new post.
    pub(super) fn item(&self, subject: &Subject, body: &Value) -> DeliveredItem {
        let body = subject.localized(body);
        self.item_of_bytes(subject, escape::to_bytes(&body).unwrap())
    }

    pub(super) fn item_of_bytes(&self, subject: &Subject, body: Vec<u8>) -> DeliveredItem {
        let now = Clock::system().now();
        let post = RawPost {
            post_id: PostId::new(now).to_string(),
            received_at_us: micros(now),
            app_id: subject.app_id.clone(),
            body: body.into(),
            replay: None,
        };
        delivered(&post, self.sequence.fetch_add(1, Ordering::Relaxed))
    }

    /// A table's rows of an organization, as JSON.
    pub(super) async fn rows(&self, table: &str, organization: OrganizationId) -> Vec<Value> {
        let statement = format!(
            "SELECT to_jsonb(t) FROM {table} t WHERE organization_id = '{organization}' ORDER BY 1"
        );
        sqlx::query_scalar(AssertSqlSafe(statement))
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }
}

impl Subject {
    /// The same document with this tenant's ids.
    pub(super) fn localized(&self, document: &Value) -> Value {
        let mut text = document.to_string();
        for (written, own) in &self.replaced {
            text = text.replace(written, own);
        }
        serde_json::from_str(&text).unwrap()
    }
}

impl Outcome {
    pub(super) fn add(&mut self, stored: &Stored) {
        let dispositions = stored.dispositions.iter().map(ToString::to_string);
        self.dispositions.extend(dispositions);
        for addressed in &stored.events {
            let item = Item {
                event_id: addressed.event_id.to_string(),
                r#type: addressed.type_name.clone(),
                payload: addressed.payload.clone(),
                trace: HashMap::new(),
            };
            // Commands are nobody's business.
            if let Ok(event) = public::from_item(&item) {
                self.events.push(event.kind.to_owned());
                self.event_ids.push(event.id);
            }
        }
    }

    pub(super) fn sorted(mut self) -> Self {
        self.dispositions.sort();
        self.events.sort();
        self
    }
}

/// A post as it comes from the stream.
pub(super) fn delivered(post: &RawPost, stream_sequence: u64) -> DeliveredItem {
    DeliveredItem {
        stream_sequence,
        index: 0,
        item: Item {
            event_id: post.post_id.clone(),
            r#type: RawPost::full_name(),
            payload: post.encode_to_vec().into(),
            trace: HashMap::new(),
        },
        deliveries: 1,
        published_at: Clock::system().now(),
    }
}
