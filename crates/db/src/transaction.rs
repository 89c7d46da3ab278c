//! The two kinds of transactions. Nothing else reaches a connection.

use std::sync::Arc;

use sb_events::Topology;
use sb_ids::OrganizationId;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};
use tokio::sync::Notify;

use crate::{Db, DbError};

/// Why a transaction crosses tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemReason {
    /// Turning Meta's updates into rows of whichever tenants they belong to.
    Ingest,
    /// Claiming and recording sends of all tenants.
    Dispatch,
    /// Claiming due agent turns of all tenants.
    Turns,
    /// Moving the outbox to the bus.
    OutboxRelay,
    /// Finding the tenant of an API key.
    Authentication,
    /// Binding numbers of Meta's to tenants.
    NumberRouting,
    /// Reading numbers of all tenants to refresh them from Meta.
    NumberRefresh,
    /// Making and listing organizations by the operator.
    Provisioning,
    /// Giving all secrets a new master key.
    KeyRotation,
    /// The operator looks after updates in quarantine, of all tenants and of none.
    Quarantine,
    /// The operator's questions: `why`, `doctor`, benchmarks.
    Operations,
    /// Removing what has expired.
    Housekeeping,
    /// Finding the tenant whose flow endpoint is called.
    FlowExchange,
}

impl SystemReason {
    /// How long it waits for rows that somebody else holds, in milliseconds; `None` for as long as a statement may
    /// take. Ingest does the work of all tenants and must not wait for the rows of one.
    const fn lock_timeout_ms(self) -> Option<u32> {
        match self {
            Self::Ingest => Some(2_000),
            Self::Dispatch
            | Self::Turns
            | Self::OutboxRelay
            | Self::Authentication
            | Self::NumberRouting
            | Self::NumberRefresh
            | Self::Provisioning
            | Self::KeyRotation
            | Self::Quarantine
            | Self::Operations
            | Self::Housekeeping
            | Self::FlowExchange => None,
        }
    }
}

/// A transaction that acts for one organization.
#[derive(Debug)]
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    organization: OrganizationId,
    topology: Topology,
    outbox: Appended,
}

/// A transaction that crosses tenants for a stated reason.
#[derive(Debug)]
pub struct SystemTx {
    tx: Transaction<'static, Postgres>,
    reason: SystemReason,
    topology: Topology,
    outbox: Appended,
}

/// Whether a transaction has events for the relay, and how to tell it after the commit: within the transaction,
/// `NOTIFY` would make all writers commit one after another.
#[derive(Debug)]
pub(crate) struct Appended {
    news: Arc<Notify>,
    events: bool,
}

impl Appended {
    const fn nothing(news: Arc<Notify>) -> Self {
        Self {
            news,
            events: false,
        }
    }

    /// The transaction has events now.
    pub(crate) const fn note(&mut self) {
        self.events = true;
    }

    fn committed(&self) {
        if self.events {
            self.news.notify_one();
        }
    }
}

impl Db {
    /// Begins a transaction for one organization.
    ///
    /// # Errors
    /// [`DbError::Query`] when no connection is free in time.
    pub async fn tenant(&self, organization: OrganizationId) -> Result<TenantTx, DbError> {
        // One round trip for all three statements; a UUID needs no quoting.
        let begin = format!(
            "BEGIN; SET LOCAL ROLE sb_tenant; SELECT set_config('app.organization_id', '{organization}', true)"
        );
        let tx = self.begin(begin).await?;
        Ok(TenantTx {
            tx,
            organization,
            topology: self.topology.clone(),
            outbox: Appended::nothing(Arc::clone(&self.outbox_news)),
        })
    }

    /// Begins a transaction over all organizations.
    ///
    /// # Errors
    /// [`DbError::Query`] when no connection is free in time.
    pub async fn system(&self, reason: SystemReason) -> Result<SystemTx, DbError> {
        let statement = match reason.lock_timeout_ms() {
            Some(ms) => format!("BEGIN; SET LOCAL ROLE sb_system; SET LOCAL lock_timeout = {ms}"),
            None => "BEGIN; SET LOCAL ROLE sb_system".to_owned(),
        };
        let tx = self.begin(statement).await?;
        Ok(SystemTx {
            tx,
            reason,
            topology: self.topology.clone(),
            outbox: Appended::nothing(Arc::clone(&self.outbox_news)),
        })
    }

    async fn begin(&self, statement: String) -> Result<Transaction<'static, Postgres>, DbError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where transactions begin"
        )]
        let begun = self.pool.begin_with(AssertSqlSafe(statement)).await;
        begun.map_err(DbError::of("begin"))
    }
}

impl TenantTx {
    /// The organization it acts for.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Makes everything done so far durable.
    ///
    /// # Errors
    /// [`DbError::Query`] when the commit fails; a deferred constraint is checked here.
    pub async fn commit(self) -> Result<(), DbError> {
        self.tx.commit().await.map_err(DbError::of("commit"))?;
        self.outbox.committed();
        Ok(())
    }

    /// Undoes everything done so far.
    ///
    /// # Errors
    /// [`DbError::Query`] when the connection is gone.
    pub async fn rollback(self) -> Result<(), DbError> {
        self.tx.rollback().await.map_err(DbError::of("rollback"))
    }

    /// The bare connection, for tests that try to get out of the transaction's bounds. A guard looks that
    /// nothing else uses it.
    #[doc(hidden)]
    pub fn connection_for_tests(&mut self) -> &mut PgConnection {
        self.connection()
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// The connection, and where to note that events were appended.
    pub(crate) fn appending(&mut self) -> (&mut PgConnection, &mut Appended) {
        (&mut self.tx, &mut self.outbox)
    }

    pub(crate) const fn topology(&self) -> &Topology {
        &self.topology
    }

    pub(crate) fn parts(&mut self) -> (&mut PgConnection, &Topology) {
        (&mut self.tx, &self.topology)
    }
}

impl SystemTx {
    /// Why it crosses tenants.
    pub const fn reason(&self) -> SystemReason {
        self.reason
    }

    /// Makes everything done so far durable.
    ///
    /// # Errors
    /// [`DbError::Query`] when the commit fails.
    pub async fn commit(self) -> Result<(), DbError> {
        self.tx.commit().await.map_err(DbError::of("commit"))?;
        self.outbox.committed();
        Ok(())
    }

    /// Undoes everything done so far.
    ///
    /// # Errors
    /// [`DbError::Query`] when the connection is gone.
    pub async fn rollback(self) -> Result<(), DbError> {
        self.tx.rollback().await.map_err(DbError::of("rollback"))
    }

    /// The bare connection, for tests that try to get out of the transaction's bounds. A guard looks that
    /// nothing else uses it.
    #[doc(hidden)]
    pub fn connection_for_tests(&mut self) -> &mut PgConnection {
        self.connection()
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// The connection, and where to note that events were appended.
    pub(crate) fn appending(&mut self) -> (&mut PgConnection, &mut Appended) {
        (&mut self.tx, &mut self.outbox)
    }

    pub(crate) const fn topology(&self) -> &Topology {
        &self.topology
    }

    pub(crate) fn parts(&mut self) -> (&mut PgConnection, &Topology) {
        (&mut self.tx, &self.topology)
    }
}
