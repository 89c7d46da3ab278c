//! A database for each test, cloned from a migrated one.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use sb_config::DatabaseSettings;
use sb_db::{Db, MIGRATOR};
use sb_events::Topology;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::TestServers;
use crate::ending::{run_to_end, unique};

/// Key of the lock under which databases are created and removed: PostgreSQL refuses to clone one that is in use.
const LOCK: i64 = 0x5342_5445_5354_4442;

/// A migrated database of one test. Once dropped it is removed when the next one is made: PostgreSQL removes a database
/// only when every session has taken note, and one that is just logging in takes note when its client goes on, which a
/// client whose runtime is busy dropping this does not.
#[derive(Debug)]
pub struct TestDb {
    name: String,
    url: String,
    servers: Arc<TestServers>,
}

impl TestDb {
    /// Makes one.
    pub async fn create() -> Self {
        let servers = TestServers::shared().await;
        let name = format!("test_{}", unique());
        let mut admin = PgConnection::connect(servers.database_url()).await.unwrap();
        let lock = format!("SELECT pg_advisory_lock({LOCK})");
        execute(&mut admin, lock).await;
        remove_ended(&mut admin).await;
        let template = ensure_template(&mut admin, servers.database_url()).await;
        execute(
            &mut admin,
            format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        // Closing the session releases the lock.
        admin.close().await.unwrap();
        Self {
            url: with_database(servers.database_url(), &name),
            name,
            servers,
        }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Settings that lead to it.
    pub fn settings(&self) -> DatabaseSettings {
        DatabaseSettings {
            url: self.url.as_str().into(),
            max_connections: 8,
            ..DatabaseSettings::default()
        }
    }

    /// Opens it.
    pub async fn open(&self, topology: Topology) -> Db {
        Db::connect(&self.settings(), topology).await.unwrap()
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if self.servers.owns_postgres() {
            return;
        }
        let (admin, name) = (self.servers.database_url().to_owned(), self.name.clone());
        run_to_end(async move {
            if let Ok(mut admin) = PgConnection::connect(&admin).await {
                let mark = sqlx::query("INSERT INTO ended_tests (database) VALUES ($1)");
                let _ = mark.bind(name).execute(&mut admin).await;
            }
        });
    }
}

/// Removes the databases of tests that have ended.
async fn remove_ended(admin: &mut PgConnection) {
    let table = "CREATE TABLE IF NOT EXISTS ended_tests (database text PRIMARY KEY)";
    execute(admin, table.to_owned()).await;
    let ended: Vec<String> = sqlx::query_scalar("DELETE FROM ended_tests RETURNING database")
        .fetch_all(&mut *admin)
        .await
        .unwrap();
    for name in ended {
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        execute(admin, drop).await;
    }
}

/// The migrated database that others are cloned from; there is one for each migration history.
async fn ensure_template(admin: &mut PgConnection, admin_url: &str) -> String {
    let template = format!("template_{:016x}", history());
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&template)
            .fetch_one(&mut *admin)
            .await
            .unwrap();
    if exists {
        return template;
    }
    // Renamed when it is complete, so that a test that dies here leaves nothing half done.
    let building = format!("{template}_building");
    execute(
        admin,
        format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)"),
    )
    .await;
    execute(admin, format!("CREATE DATABASE {building}")).await;
    let settings = DatabaseSettings {
        url: with_database(admin_url, &building).into(),
        ..DatabaseSettings::default()
    };
    let db = Db::connect(&settings, Topology::default()).await.unwrap();
    db.migrate().await.unwrap();
    db.close().await;
    execute(
        admin,
        format!("ALTER DATABASE {building} RENAME TO {template}"),
    )
    .await;
    template
}

/// A number that changes with every migration.
fn history() -> u64 {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATOR.iter() {
        migration.checksum.hash(&mut hasher);
    }
    hasher.finish()
}

async fn execute(connection: &mut PgConnection, statement: String) {
    let done = sqlx::raw_sql(AssertSqlSafe(statement.clone()))
        .execute(connection)
        .await;
    if let Err(error) = done {
        panic!("{statement}: {error}");
    }
}

/// The same server and login, another database.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url
        .split_once('?')
        .map_or((url, None), |(base, query)| (base, Some(query)));
    let host = base.find("://").map_or(0, |at| at + 3);
    let end = base
        .get(host..)
        .and_then(|rest| rest.find('/'))
        .map_or(base.len(), |at| host + at);
    let base = base.get(..end).unwrap_or(base);
    query.map_or_else(
        || format!("{base}/{name}"),
        |query| format!("{base}/{name}?{query}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        for (url, expected) in [
            ("postgres://u:p@h:1/a", "postgres://u:p@h:1/b"),
            ("postgres://u:p@h:1", "postgres://u:p@h:1/b"),
            (
                "postgres://h/a?sslmode=require",
                "postgres://h/b?sslmode=require",
            ),
        ] {
            assert_eq!(with_database(url, "b"), expected);
        }
    }

    #[tokio::test]
    async fn two_tests_get_two_migrated_databases() {
        let (one, two) = tokio::join!(TestDb::create(), TestDb::create());
        assert_ne!(one.url(), two.url());
        for test in [&one, &two] {
            let db = test.open(Topology::default()).await;
            db.check_migrations().await.unwrap();
            db.close().await;
        }
    }

    #[tokio::test]
    async fn a_dropped_test_leaves_no_database_to_the_next() {
        let keep = TestServers::shared().await;
        let test = TestDb::create().await;
        let url = test.url().to_owned();
        drop(test);
        let _next = TestDb::create().await;
        if !keep.owns_postgres() {
            assert!(PgConnection::connect(&url).await.is_err());
        }
    }
}
