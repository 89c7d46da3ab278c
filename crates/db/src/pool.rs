//! The connection pool, migrations and health.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sb_config::DatabaseSettings;
use sb_events::Topology;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use tokio::sync::Notify;

use crate::DbError;

/// The whole migration history.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pub(crate) pool: PgPool,
    pub(crate) topology: Topology,
    /// Told when a transaction of this process committed events.
    pub(crate) outbox_news: Arc<Notify>,
}

impl Db {
    /// Opens the pool and checks that a connection can be made. Does not look at migrations.
    ///
    /// # Errors
    /// [`DbError::Connect`] when the URL is wrong or the server does not answer.
    pub async fn connect(settings: &DatabaseSettings, topology: Topology) -> Result<Self, DbError> {
        let pool = pool_options(settings)
            .connect_with(connect_options(settings)?)
            .await
            .map_err(DbError::Connect)?;
        Ok(Self::over(pool, topology))
    }

    fn over(pool: PgPool, topology: Topology) -> Self {
        Self {
            pool,
            topology,
            outbox_news: Arc::default(),
        }
    }

    /// Opens the pool without a connection: the first transaction makes it. For a process that has something to do
    /// while the database is away.
    ///
    /// # Errors
    /// [`DbError::Connect`] when the URL is wrong.
    pub fn connect_lazily(
        settings: &DatabaseSettings,
        topology: Topology,
    ) -> Result<Self, DbError> {
        let pool = pool_options(settings).connect_lazy_with(connect_options(settings)?);
        Ok(Self::over(pool, topology))
    }

    /// The names this installation uses on the bus.
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Applies what is pending. Only `switchboard migrate` and tests call this.
    ///
    /// # Errors
    /// [`DbError::Migrate`] when a migration fails or an applied one was changed.
    pub async fn migrate(&self) -> Result<(), DbError> {
        MIGRATOR.run(&self.pool).await.map_err(DbError::Migrate)
    }

    /// Tells the planner what the tables look like now. PostgreSQL does so by itself within a minute of many
    /// changes; benchmarks do not wait for it.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn analyze(&self) -> Result<(), DbError> {
        sqlx::query("ANALYZE")
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(DbError::of("analyze"))
    }

    /// Refuses a schema that is older than this program.
    ///
    /// # Errors
    /// [`DbError::PendingMigrations`], or a query error.
    pub async fn check_migrations(&self) -> Result<(), DbError> {
        let applied: Vec<i64> = sqlx::query_scalar(
            "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version",
        )
        .fetch_all(&self.pool)
        .await
        .or_else(|error| {
            // 42P01: the table is not there yet.
            let absent = error
                .as_database_error()
                .is_some_and(|e| e.code().as_deref() == Some("42P01"));
            if absent { Ok(Vec::new()) } else { Err(error) }
        })
        .map_err(DbError::of("migrations.list"))?;
        let count = MIGRATOR
            .iter()
            .filter(|m| !applied.contains(&m.version))
            .count();
        if count == 0 {
            Ok(())
        } else {
            Err(DbError::PendingMigrations { count })
        }
    }

    /// The database answers.
    ///
    /// # Errors
    /// A query error when it does not.
    pub async fn healthy(&self) -> Result<(), DbError> {
        sqlx::query("SELECT 1")
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(DbError::of("health"))
    }

    /// Closes all connections after those in use are given back.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn pool_options(settings: &DatabaseSettings) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(Duration::from_millis(settings.acquire_timeout_ms))
}

fn connect_options(settings: &DatabaseSettings) -> Result<PgConnectOptions, DbError> {
    let options = PgConnectOptions::from_str(settings.url.as_str())
        .map_err(DbError::Connect)?
        .application_name("switchboard")
        .log_statements(tracing::log::LevelFilter::Off)
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(5))
        .options([
            (
                "statement_timeout",
                settings.statement_timeout_ms.to_string().as_str(),
            ),
            // A claim that is not on disk when its request leaves could be made again.
            ("synchronous_commit", "on"),
            ("idle_in_transaction_session_timeout", "60000"),
        ]);
    Ok(options)
}
