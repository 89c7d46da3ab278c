//! The outbox: events commit with the change they announce, and a relay publishes them in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sb_events::{Addressed, Event, Subject, Topology};
use sb_ids::OrganizationId;
use sqlx::PgConnection;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::transaction::Appended;
use crate::{Db, DbError, SystemTx, TenantTx};

/// Key of the advisory lock that makes one relay of all replicas the active one.
const RELAY_LOCK: i64 = 0x5342_4f55_5442_4f58;

/// An event that waits to be published.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    /// Place in the outbox; publishing follows it.
    pub id: i64,
    /// The event and its address.
    pub addressed: Addressed,
    /// Trace context of the writer.
    pub trace: Vec<(String, String)>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// Appends events in a tenant's transaction.
#[derive(Debug)]
pub struct Outbox<'t> {
    connection: &'t mut PgConnection,
    appended: &'t mut Appended,
    topology: Topology,
    organization: OrganizationId,
}

impl TenantTx {
    /// The outbox of this transaction.
    pub fn outbox(&mut self) -> Outbox<'_> {
        let (topology, organization) = (self.topology().clone(), self.organization());
        let (connection, appended) = self.appending();
        Outbox {
            connection,
            appended,
            topology,
            organization,
        }
    }
}

impl Outbox<'_> {
    /// Adds an event that is published after the commit.
    ///
    /// # Errors
    /// [`DbError::Event`] for an event without meta, [`DbError::Query`] otherwise.
    pub async fn append<E: Event>(&mut self, event: &E, at: DateTime<Utc>) -> Result<(), DbError> {
        let addressed = Addressed::new(&self.topology, event).map_err(DbError::Event)?;
        append(self.connection, &[(self.organization, addressed)], at).await?;
        self.appended.note();
        Ok(())
    }
}

/// The outbox as the system sees it: writers of all tenants, and the relay.
#[derive(Debug)]
pub struct SystemOutbox<'t> {
    connection: &'t mut PgConnection,
    appended: &'t mut Appended,
    topology: Topology,
}

impl SystemTx {
    /// The outbox of all tenants.
    pub fn outbox(&mut self) -> SystemOutbox<'_> {
        let topology = self.topology().clone();
        let (connection, appended) = self.appending();
        SystemOutbox {
            connection,
            appended,
            topology,
        }
    }
}

impl SystemOutbox<'_> {
    /// Encodes an event for [`Self::append_all`].
    ///
    /// # Errors
    /// [`DbError::Event`] for an event without meta.
    pub fn address<E: Event>(&self, event: &E) -> Result<Addressed, DbError> {
        Addressed::new(&self.topology, event).map_err(DbError::Event)
    }

    /// Adds events of any tenants, in order, with one statement.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn append_all(
        &mut self,
        events: &[(OrganizationId, Addressed)],
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        append(self.connection, events, at).await?;
        if !events.is_empty() {
            self.appended.note();
        }
        Ok(())
    }

    /// Asks the active relay of another process to look, once this transaction commits. Nothing of it is waited
    /// for on the disk: commits that notify exclude each other.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn notify(&mut self) -> Result<(), DbError> {
        let operation = DbError::of("outbox.notify");
        sqlx::query!(
            r#"SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, '')::text"#,
            CHANNEL
        )
        .fetch_one(&mut *self.connection)
        .await
        .map(drop)
        .map_err(operation)
    }

    /// Tries to become the one active relay until the transaction ends.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn try_lock(&mut self) -> Result<bool, DbError> {
        sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_xact_lock($1) AS "locked!""#,
            RELAY_LOCK
        )
        .fetch_one(&mut *self.connection)
        .await
        .map_err(DbError::of("outbox.lock"))
    }

    /// The oldest rows, in order. The caller holds the lock.
    ///
    /// # Errors
    /// [`DbError::Query`], or [`DbError::Inconsistent`] for a subject of another installation.
    pub async fn claim(&mut self, limit: u32) -> Result<Vec<OutboxRow>, DbError> {
        let rows = sqlx::query!(
            r#"
            SELECT id, event_id, type_name, subject, payload, trace, created_at
            FROM outbox
            ORDER BY id
            LIMIT $1
            "#,
            i64::from(limit)
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("outbox.claim"))?;
        rows.into_iter()
            .map(|row| {
                let subject = Subject::from_stored(&self.topology, row.subject).map_err(|_| {
                    DbError::Inconsistent {
                        table: "outbox",
                        column: "subject",
                        id: row.event_id,
                    }
                })?;
                let trace: BTreeMap<String, String> =
                    serde_json::from_value(row.trace).unwrap_or_default();
                Ok(OutboxRow {
                    id: row.id,
                    addressed: Addressed {
                        event_id: row.event_id,
                        type_name: row.type_name,
                        subject,
                        payload: row.payload.into(),
                    },
                    trace: trace.into_iter().collect(),
                    created_at: row.created_at,
                })
            })
            .collect()
    }

    /// Removes published rows.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn delete(&mut self, ids: &[i64]) -> Result<(), DbError> {
        sqlx::query!("DELETE FROM outbox WHERE id = ANY($1)", ids)
            .execute(&mut *self.connection)
            .await
            .map(drop)
            .map_err(DbError::of("outbox.delete"))
    }

    /// How many rows wait.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn waiting(&mut self) -> Result<i64, DbError> {
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM outbox"#)
            .fetch_one(&mut *self.connection)
            .await
            .map_err(DbError::of("outbox.count"))
    }
}

pub(crate) async fn append(
    connection: &mut PgConnection,
    events: &[(OrganizationId, Addressed)],
    at: DateTime<Utc>,
) -> Result<(), DbError> {
    if events.is_empty() {
        return Ok(());
    }
    let trace: BTreeMap<String, String> = sb_telemetry::inject_current().into_iter().collect();
    let trace = serde_json::to_value(trace).unwrap_or_default();
    let organizations: Vec<Uuid> = events.iter().map(|(o, _)| o.as_uuid()).collect();
    let ids: Vec<Uuid> = events.iter().map(|(_, e)| e.event_id).collect();
    let types: Vec<String> = events.iter().map(|(_, e)| e.type_name.clone()).collect();
    let subjects: Vec<String> = events
        .iter()
        .map(|(_, e)| e.subject.as_str().to_owned())
        .collect();
    let payloads: Vec<Vec<u8>> = events.iter().map(|(_, e)| e.payload.to_vec()).collect();
    sqlx::query!(
        r#"
        INSERT INTO outbox (organization_id, event_id, type_name, subject, payload, trace, created_at)
        SELECT o, i, t, s, p, $6, $7
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[]) AS e (o, i, t, s, p)
        "#,
        &organizations,
        &ids,
        &types,
        &subjects,
        &payloads,
        trace,
        at,
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(DbError::of("outbox.append"))
}

/// What relays of all processes listen on.
const CHANNEL: &str = "sb_outbox";

/// Wakes the relay when somebody committed events.
#[derive(Debug)]
pub struct OutboxListener {
    elsewhere: PgListener,
    here: Arc<Notify>,
}

/// Why a relay looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// A transaction of this process committed events.
    Here,
    /// Another process asks whoever is the active relay.
    Elsewhere,
    /// It has waited for long enough.
    Time,
}

impl Db {
    /// Listens for committed events, those of other processes on a connection of its own. One listener a process:
    /// news of this process wake one.
    ///
    /// # Errors
    /// [`DbError::Query`] when the connection cannot be made.
    pub async fn listen_outbox(&self) -> Result<OutboxListener, DbError> {
        let operation = "outbox.listen";
        let mut elsewhere = PgListener::connect_with(&self.pool)
            .await
            .map_err(DbError::of(operation))?;
        elsewhere
            .listen(CHANNEL)
            .await
            .map_err(DbError::of(operation))?;
        Ok(OutboxListener {
            elsewhere,
            here: Arc::clone(&self.outbox_news),
        })
    }
}

impl OutboxListener {
    /// Waits for news, or for `at_most`.
    ///
    /// # Errors
    /// [`DbError::Query`] when the connection broke; listen again.
    pub async fn wait(&mut self, at_most: Duration) -> Result<Woken, DbError> {
        tokio::select! {
            biased;
            () = self.here.notified() => Ok(Woken::Here),
            received = self.elsewhere.recv() => match received {
                Ok(_) => Ok(Woken::Elsewhere),
                Err(error) => Err(DbError::of("outbox.wait")(error)),
            },
            () = tokio::time::sleep(at_most) => Ok(Woken::Time),
        }
    }
}
