//! What can go wrong in the database.

use uuid::Uuid;

/// Classes of SQLSTATE that say nothing against the statement itself.
///
/// # Source
/// PostgreSQL 15, Appendix A "PostgreSQL Error Codes".
const TRANSIENT_CLASSES: [&str; 11] = [
    "08", "25", "26", "28", "3D", "40", "53", "55", "57", "58", "XX",
];

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection could be made with these settings.
    #[error("could not connect to PostgreSQL; check database.url (DATABASE_URL)")]
    Connect(#[source] sqlx::Error),
    /// A statement failed.
    #[error("database operation `{operation}` failed")]
    Query {
        /// What was attempted.
        operation: &'static str,
        /// The driver's error.
        #[source]
        source: sqlx::Error,
    },
    /// A row breaks an invariant.
    #[error("row {id} of `{table}` has an unusable `{column}`")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column at fault.
        column: &'static str,
        /// The row.
        id: Uuid,
    },
    /// A row that had to be there was not.
    #[error("no row {id} in `{table}`")]
    Missing {
        /// The table.
        table: &'static str,
        /// The row.
        id: Uuid,
    },
    /// A value is taken already.
    #[error("`{constraint}` does not allow this value twice")]
    Conflict {
        /// The unique constraint.
        constraint: String,
    },
    /// Something refers to a row that does not exist.
    #[error("`{constraint}` refers to a row that does not exist")]
    Dangling {
        /// The foreign key.
        constraint: String,
    },
    /// Migrations are missing.
    #[error("{count} migration(s) are pending; run `switchboard migrate`")]
    PendingMigrations {
        /// How many.
        count: usize,
    },
    /// Migrating failed.
    #[error("could not apply the migrations")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// An event could not be encoded.
    #[error("could not put an event in the outbox")]
    Event(#[source] sb_events::MalformedEvent),
}

impl DbError {
    /// Wraps a driver error with what was attempted; broken constraints get their own variants.
    pub fn of(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| {
            let broken = source.as_database_error().and_then(|e| {
                let constraint = e.constraint()?.to_owned();
                if e.is_unique_violation() {
                    Some(Self::Conflict { constraint })
                } else if e.is_foreign_key_violation() {
                    Some(Self::Dangling { constraint })
                } else {
                    None
                }
            });
            broken.unwrap_or(Self::Query { operation, source })
        }
    }

    /// Trying again may help: the connection broke, or the server chose this transaction as a victim.
    pub fn is_transient(&self) -> bool {
        let source = match self {
            Self::Connect(source) | Self::Query { source, .. } => source,
            Self::Inconsistent { .. }
            | Self::Missing { .. }
            | Self::Conflict { .. }
            | Self::Dangling { .. }
            | Self::PendingMigrations { .. }
            | Self::Migrate(_)
            | Self::Event(_) => return false,
        };
        match source.as_database_error() {
            // Everything but what lies in the statement or its data: a failing-over server answers with any
            // of these, and the same statement succeeds later. 08: connection, 25: read-only or aborted
            // transaction, 26: prepared statement gone, 28: authentication, 3D: database, 40: serialization
            // and deadlock, 53: resources, 55: object in use, 57: shutdown and cancel, 58: system, XX: internal.
            Some(e) => e.code().is_some_and(|code| {
                TRANSIENT_CLASSES
                    .iter()
                    .any(|class| code.starts_with(class))
            }),
            None => matches!(
                source,
                sqlx::Error::Io(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
            ),
        }
    }

    /// Somebody held a row for longer than the transaction waits.
    pub fn is_lock_timeout(&self) -> bool {
        let Self::Query { source, .. } = self else {
            return false;
        };
        // 55P03: lock_not_available.
        let refused = source.as_database_error();
        refused.is_some_and(|error| error.code().as_deref() == Some("55P03"))
    }

    /// The data of the statement is at fault: the same statement fails again, others succeed. Everything else
    /// speaks of the schema, the rights or the server, and must never be held against a single update.
    pub fn is_about_the_data(&self) -> bool {
        match self {
            Self::Conflict { .. }
            | Self::Dangling { .. }
            | Self::Event(_)
            | Self::Inconsistent { .. } => true,
            // 22: data exception, 23: integrity, 54: a limit of the program, such as an index entry's size.
            Self::Query { source, .. } => match source.as_database_error() {
                Some(e) => e.code().is_some_and(|code| {
                    ["22", "23", "54"]
                        .iter()
                        .any(|class| code.starts_with(class))
                }),
                None => matches!(source, sqlx::Error::Encode(_)),
            },
            Self::Connect(_)
            | Self::Missing { .. }
            | Self::PendingMigrations { .. }
            | Self::Migrate(_) => false,
        }
    }
}
