//! An installation with one tenant, and the service in it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_client::App;
use chrono::{DateTime, TimeDelta, Utc};
use prost::Message as _;
use prost::Name as _;
use sb_bus::{BatchHandler, BatchOptions, BatchOutcome, Bus, DeliveredItem, HandlerError, Runner};
use sb_config::Settings;
use sb_db::{Db, TurnStatus};
use sb_domain::Clock;
use sb_domain::content::MessageContent;
use sb_events::proto::dispatch::v1::MarkRead;
use sb_events::proto::message::v1::{MessageReceived, MessageRef};
use sb_events::{Origin, consumers, meta};
use sb_ids::{AgentId, EventId, MessageId, Shard};
use sb_service::{Health, Lifecycle};
use sb_testkit::{Servers, wait_until};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use uuid::Uuid;

use crate::model::FakeModel;
use crate::tenants::{Talk, Tenant};

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) db: Db,
    pub(crate) bus: Bus,
    pub(crate) pool: PgPool,
    pub(crate) model: FakeModel,
    pub(crate) lifecycle: Lifecycle,
    // Last: private servers end with it.
    _servers: Servers,
}

/// A message that we wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) direction: String,
    pub(crate) text: String,
    pub(crate) agent: Option<AgentId>,
    pub(crate) state: String,
}

pub(crate) fn now() -> DateTime<Utc> {
    Clock::system().now()
}

impl World {
    /// An installation whose agents answer without delay.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let servers = Servers::start().await;
        let lifecycle = Lifecycle::new(Duration::from_secs(10));
        let model = FakeModel::start(&lifecycle);
        let mut settings = servers.settings();
        settings.llm.openai_url = model.url.clone();
        settings.llm.openai_api_key = "installation-key".into();
        settings.agent.workers = 4;
        settings.ops.shutdown_deadline_seconds = 4;
        change(&mut settings);
        let (bus, db) = (servers.bus().await, servers.db().await);
        let pool = PgPool::connect(settings.database.url.as_str())
            .await
            .unwrap();
        Self {
            settings,
            db,
            bus,
            pool,
            model,
            lifecycle,
            _servers: servers,
        }
    }

    /// Starts a replica of the service.
    pub(crate) async fn start(&self) -> Lifecycle {
        let app = App::build(&self.settings, &Health::new()).await.unwrap();
        let lifecycle = Lifecycle::new(Duration::from_secs(
            self.settings.ops.shutdown_deadline_seconds,
        ));
        let inner = lifecycle.clone();
        self.lifecycle
            .spawn_detached_ok("agent-client", async move { app.run(inner).await });
        lifecycle
    }

    /// Stores a message of the contact, as ingest does. Returns its event.
    pub(crate) async fn store(&self, talk: Talk, content: MessageContent) -> MessageReceived {
        let id = MessageId::new(now());
        let wamid = format!("wamid.{}", id.as_uuid().simple());
        let sequence: i64 = sqlx::query_scalar(
            "WITH place AS (
                UPDATE conversations SET last_sequence = last_sequence + 1, last_incoming_at = now()
                WHERE id = $3 RETURNING last_sequence)
             INSERT INTO messages (
                organization_id, id, conversation_id, number_id, contact_id, direction, content_type, content, wamid,
                sequence, state, message_at, created_at)
             SELECT $1, $2, $3, $4, $5, 'incoming', $6, $7, $8, last_sequence, 'received', now(), now() FROM place
             RETURNING sequence",
        )
        .bind(talk.organization.as_uuid())
        .bind(id.as_uuid())
        .bind(talk.conversation.as_uuid())
        .bind(talk.number.as_uuid())
        .bind(talk.contact.as_uuid())
        .bind(content.type_name())
        .bind(serde_json::to_value(&content).unwrap())
        .bind(&wamid)
        .fetch_one(&self.pool)
        .await
        .unwrap();
        let correlation = EventId::new(now()).as_uuid();
        MessageReceived {
            meta: Some(meta(
                EventId::new(now()),
                now(),
                talk.organization,
                Origin::start(correlation),
            )),
            message: Some(MessageRef {
                message_id: id.to_string(),
                conversation_id: talk.conversation.to_string(),
                contact_id: talk.contact.to_string(),
                number_id: talk.number.to_string(),
                sequence,
                wamid,
            }),
            content_type: content.type_name().to_owned(),
            content_json: serde_json::to_string(&content).unwrap(),
            sent_at_us: 0,
            author_contact_id: String::new(),
            standby: false,
        }
    }

    /// Announces a stored message, under an event id of its own each time: the stream does not see duplicates.
    pub(crate) async fn announce(&self, talk: Talk, event: &MessageReceived) {
        let mut event = event.clone();
        event.meta.as_mut().unwrap().event_id = EventId::new(now()).to_string();
        let mut tx = self.db.tenant(talk.organization).await.unwrap();
        tx.outbox().append(&event, now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The contact writes.
    pub(crate) async fn write(&self, talk: Talk, text: &str) -> MessageReceived {
        let event = self.store(talk, MessageContent::text(text)).await;
        self.announce(talk, &event).await;
        event
    }

    /// What we wrote, in order.
    pub(crate) async fn written(&self, talk: Talk) -> Vec<Written> {
        let rows: Vec<(String, String, Option<Uuid>, String)> = sqlx::query_as(
            "SELECT direction, coalesce(content ->> 'body', content ->> 'text', ''), agent_id, state
             FROM messages WHERE conversation_id = $1 AND direction <> 'incoming' ORDER BY sequence",
        )
        .bind(talk.conversation.as_uuid())
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let rows = rows
            .into_iter()
            .map(|(direction, text, agent, state)| Written {
                direction,
                text,
                agent: agent.map(AgentId::from_uuid),
                state,
            });
        rows.collect()
    }

    /// The texts we sent, in order.
    pub(crate) async fn answers(&self, talk: Talk) -> Vec<String> {
        let written = self.written(talk).await;
        let outgoing = written.into_iter().filter(|w| w.direction == "outgoing");
        outgoing.map(|w| w.text).collect()
    }

    /// The notes for the organization.
    pub(crate) async fn notes(&self, talk: Talk) -> Vec<String> {
        let written = self.written(talk).await;
        let notes = written.into_iter().filter(|w| w.direction == "internal");
        notes.map(|w| w.text).collect()
    }

    pub(crate) async fn turn(&self, talk: Talk) -> Option<TurnStatus> {
        let mut tx = self.db.tenant(talk.organization).await.unwrap();
        tx.turns().find(talk.conversation).await.unwrap()
    }

    pub(crate) async fn until_answers(&self, talk: Talk, count: usize) {
        wait_until("answers", async || self.answers(talk).await.len() >= count).await;
    }

    pub(crate) async fn until_requests(&self, count: usize) {
        wait_until("requests", async || self.model.requests().len() >= count).await;
    }

    /// Waits until nothing is left to be done: events relayed and consumed, no turn due or running.
    pub(crate) async fn settle(&self) {
        let spec = consumers::agent_turns(self.bus.topology());
        wait_until("nothing left to do", async || {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT (SELECT count(*) FROM outbox)
                    + (SELECT count(*) FROM agent_turns WHERE state IN ('due', 'running'))",
            )
            .fetch_one(&self.pool)
            .await
            .unwrap();
            waiting == 0
                && self
                    .bus
                    .pending(&spec)
                    .await
                    .is_ok_and(|backlog| backlog.is_empty())
        })
        .await;
    }

    /// Collects the read marks for a tenant's number, as the dispatcher would.
    pub(crate) fn collect_marks(&self, tenant: Tenant) -> Arc<Mutex<Vec<MarkRead>>> {
        let marks = Arc::new(Mutex::new(Vec::new()));
        let spec = consumers::dispatch(self.bus.topology(), Shard::of(tenant.number));
        let collector = Collector(Arc::clone(&marks));
        let runner = Runner::batches(&self.bus, spec, collector, BatchOptions::default());
        let stopping = self.lifecycle.stopping();
        self.lifecycle
            .spawn_detached_ok("marks", async move { runner.run(stopping).await });
        marks
    }

    /// Lets nobody into the database, and throws out who is there; or lets everybody in again.
    pub(crate) async fn set_outage(&self, is_out: bool) {
        let url = self.settings.database.url.as_str();
        let (server, database) = url.rsplit_once('/').unwrap();
        let mut connection = PgConnection::connect(&format!("{server}/postgres"))
            .await
            .unwrap();
        let allow = format!("ALTER DATABASE {database} ALLOW_CONNECTIONS {}", !is_out);
        sqlx::raw_sql(AssertSqlSafe(allow))
            .execute(&mut connection)
            .await
            .unwrap();
        if is_out {
            sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
            )
            .bind(database)
            .execute(&mut connection)
            .await
            .unwrap();
        }
    }

    /// Puts every turn's time in the past, as if its wait were over.
    pub(crate) async fn hurry(&self, talk: Talk) {
        sqlx::query(
            "UPDATE agent_turns SET due_at = $2 WHERE conversation_id = $1 AND state = 'due'",
        )
        .bind(talk.conversation.as_uuid())
        .bind(now() - TimeDelta::seconds(1))
        .execute(&self.pool)
        .await
        .unwrap();
    }
}

struct Collector(Arc<Mutex<Vec<MarkRead>>>);

impl BatchHandler for Collector {
    async fn handle(&self, batch: Vec<DeliveredItem>) -> Result<BatchOutcome, HandlerError> {
        let marks = batch
            .iter()
            .filter(|item| item.item.r#type == MarkRead::full_name());
        let marks = marks.map(|item| MarkRead::decode(item.item.payload.clone()).unwrap());
        self.0.lock().unwrap().extend(marks);
        Ok(BatchOutcome::Done)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.lifecycle.shutdown();
    }
}
