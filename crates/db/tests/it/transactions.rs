//! Transactions leave nothing behind, migrations, and rules that Rust and SQL must agree about.

use sb_db::{Db, DbError, MIGRATOR, SystemReason};
use sb_domain::Clock;
use sb_domain::delivery::DeliveryState;
use sb_events::Topology;
use sb_ids::OrganizationId;
use sb_testkit::TestDb;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

const STATES: [DeliveryState; 10] = [
    DeliveryState::Queued,
    DeliveryState::Sending,
    DeliveryState::Unknown,
    DeliveryState::Accepted,
    DeliveryState::Sent,
    DeliveryState::Delivered,
    DeliveryState::Read,
    DeliveryState::Played,
    DeliveryState::Failed,
    DeliveryState::Canceled,
];

/// One connection, so that each transaction finds what the one before left.
async fn single(test: &TestDb) -> Db {
    let settings = sb_config::DatabaseSettings {
        max_connections: 1,
        ..test.settings()
    };
    Db::connect(&settings, Topology::default()).await.unwrap()
}

fn organization() -> OrganizationId {
    OrganizationId::new(Clock::system().now())
}

/// The migrations' table is closed to both roles: reading it proves that the connection has its own again.
async fn assert_clean(db: &Db, after: &str) {
    let checked = db.check_migrations().await;
    assert!(checked.is_ok(), "after {after}: {checked:?}");
    let mut tx = db.system(SystemReason::Operations).await.unwrap();
    let organization: Option<String> =
        sqlx::query_scalar("SELECT nullif(current_setting('app.organization_id', true), '')")
            .fetch_one(tx.connection_for_tests())
            .await
            .unwrap();
    assert_eq!(organization, None, "after {after}");
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn role_and_organization_are_gone_after_every_end_of_a_transaction() {
    let test = TestDb::create().await;
    let db = single(&test).await;
    assert_clean(&db, "nothing").await;
    db.tenant(organization())
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert_clean(&db, "a commit").await;
    db.tenant(organization())
        .await
        .unwrap()
        .rollback()
        .await
        .unwrap();
    assert_clean(&db, "a rollback").await;
    drop(db.tenant(organization()).await.unwrap());
    assert_clean(&db, "a drop").await;
    let mut tx = db.tenant(organization()).await.unwrap();
    let failed = sqlx::query("SELECT 1 / 0")
        .execute(tx.connection_for_tests())
        .await;
    assert!(failed.is_err());
    drop(tx);
    assert_clean(&db, "an error").await;
    db.system(SystemReason::Operations)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert_clean(&db, "a commit of the system").await;
    db.close().await;
}

#[tokio::test]
async fn a_tenants_transaction_acts_for_its_organization_alone() {
    let test = TestDb::create().await;
    let db = single(&test).await;
    for expected in [organization(), organization()] {
        let mut tx = db.tenant(expected).await.unwrap();
        let (role, acting): (String, sqlx::types::Uuid) =
            sqlx::query_as("SELECT current_user::text, sb_current_organization()")
                .fetch_one(tx.connection_for_tests())
                .await
                .unwrap();
        assert_eq!((role.as_str(), acting), ("sb_tenant", expected.as_uuid()));
        tx.commit().await.unwrap();
    }
    db.close().await;
}

#[tokio::test]
async fn the_rank_of_a_state_is_the_same_in_sql_and_in_rust() {
    let test = TestDb::create().await;
    let pool = PgPool::connect(test.url()).await.unwrap();
    for state in STATES {
        let rank: i16 = sqlx::query_scalar("SELECT sb_delivery_rank($1)")
            .bind(state.as_str())
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(rank, i16::from(state.rank()), "{}", state.as_str());
    }
}

#[tokio::test]
async fn the_table_of_messages_takes_every_state_and_no_other_word() {
    let test = TestDb::create().await;
    let pool = PgPool::connect(test.url()).await.unwrap();
    let check: String = sqlx::query_scalar(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'messages_state_check'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    let mut allowed: Vec<&str> = check.split('\'').skip(1).step_by(2).collect();
    let mut states: Vec<&str> = STATES.iter().map(|state| state.as_str()).collect();
    states.extend(["received", "stored"]);
    allowed.sort_unstable();
    states.sort_unstable();
    assert_eq!(allowed, states);
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let test = TestDb::create().await;
    let db = test.open(Topology::default()).await;
    let pool = PgPool::connect(test.url()).await.unwrap();
    let history = async || -> Vec<(i64, Vec<u8>)> {
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
            .fetch_all(&pool)
            .await
            .unwrap()
    };
    let before = history().await;
    assert_eq!(before.len(), MIGRATOR.iter().count());
    db.migrate().await.unwrap();
    db.migrate().await.unwrap();
    assert_eq!(history().await, before);
    db.check_migrations().await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn a_database_without_the_latest_migrations_is_refused() {
    let test = TestDb::create().await;
    let db = test.open(Topology::default()).await;
    let pool = PgPool::connect(test.url()).await.unwrap();
    sqlx::query(
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let refused = db.check_migrations().await.unwrap_err();
    assert!(
        matches!(refused, DbError::PendingMigrations { count: 1 }),
        "{refused:?}"
    );
    sqlx::query("DROP TABLE _sqlx_migrations")
        .execute(&pool)
        .await
        .unwrap();
    let refused = db.check_migrations().await.unwrap_err();
    let all = MIGRATOR.iter().count();
    assert!(
        matches!(refused, DbError::PendingMigrations { count } if count == all),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("switchboard migrate"));
    db.close().await;
}

#[tokio::test]
async fn an_empty_database_is_refused_and_two_migrations_at_once_do_no_harm() {
    let test = TestDb::create().await;
    let name = format!("{}_empty", test.url().rsplit('/').next().unwrap());
    let mut admin = PgConnection::connect(test.url()).await.unwrap();
    let run = async |admin: &mut PgConnection, statement: String| {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(admin)
            .await
            .unwrap();
    };
    run(&mut admin, format!("CREATE DATABASE {name}")).await;
    let settings = sb_config::DatabaseSettings {
        url: test
            .url()
            .replace(test.url().rsplit('/').next().unwrap(), &name)
            .into(),
        ..test.settings()
    };
    let db = Db::connect(&settings, Topology::default()).await.unwrap();
    let refused = db.check_migrations().await.unwrap_err();
    assert!(
        matches!(refused, DbError::PendingMigrations { .. }),
        "{refused:?}"
    );
    let (one, two) = tokio::join!(db.migrate(), db.migrate());
    one.unwrap();
    two.unwrap();
    db.check_migrations().await.unwrap();
    db.close().await;
    run(&mut admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}
