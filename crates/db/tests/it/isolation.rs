//! For every table: what a tenant can do with another one's rows, which is nothing.

use sb_db::TenantTx;
use sqlx::{AssertSqlSafe, Row as _};

use crate::pair::{Pair, is_row};

/// PostgreSQL's code for what a role or a policy does not allow.
const NOT_ALLOWED: &str = "42501";

/// A transaction of the second tenant.
async fn second(pair: &Pair) -> TenantTx {
    pair.db.tenant(pair.two.organization.into()).await.unwrap()
}

/// Runs a statement in a transaction of the second tenant that is undone: rows affected, or the error's code.
async fn attempt(pair: &Pair, statement: &str) -> Result<u64, String> {
    let mut tx = second(pair).await;
    let done = sqlx::query(AssertSqlSafe(statement.to_owned()))
        .execute(tx.connection_for_tests())
        .await;
    tx.rollback().await.unwrap();
    match done {
        Ok(done) => Ok(done.rows_affected()),
        Err(sqlx::Error::Database(error)) => Err(error.code().unwrap_or_default().into_owned()),
        Err(error) => panic!("{statement}: {error}"),
    }
}

async fn rows(pair: &Pair, statement: &str) -> Vec<String> {
    let mut tx = second(pair).await;
    let rows = sqlx::query(AssertSqlSafe(statement.to_owned()))
        .fetch_all(tx.connection_for_tests())
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    tx.rollback().await.unwrap();
    rows.into_iter().map(|row| row.get(0)).collect()
}

#[track_caller]
fn nothing(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[tokio::test]
async fn a_tenant_sees_its_own_row_in_every_table_and_no_other() {
    let pair = Pair::create().await;
    let mut found = Vec::new();
    for (table, column) in pair.tenant_tables() {
        let name = &table.name;
        let seen = rows(&pair, &format!("SELECT {column}::text FROM {name}")).await;
        if seen != [pair.two.organization.to_string()] {
            found.push(format!("{name}: sees rows of {seen:?}"));
        }
        let key = is_row(table, pair.one.row(name));
        let other = rows(
            &pair,
            &format!("SELECT {column}::text FROM {name} WHERE {key}"),
        )
        .await;
        if !other.is_empty() {
            found.push(format!("{name}: finds the other's row by its key"));
        }
    }
    nothing("tables that show another tenant's rows", &found);
}

#[tokio::test]
async fn a_tenant_can_neither_change_nor_delete_anothers_row() {
    let pair = Pair::create().await;
    let before = pair.everything_of(pair.one.organization).await;
    let mut found = Vec::new();
    for (table, column) in pair.tenant_tables() {
        let name = &table.name;
        let key = is_row(table, pair.one.row(name));
        for (statement, allowed) in [
            (
                format!("UPDATE {name} SET {column} = {column} WHERE {key}"),
                0,
            ),
            (format!("DELETE FROM {name} WHERE {key}"), 0),
            (format!("UPDATE {name} SET {column} = {column}"), 1),
        ] {
            let done = attempt(&pair, &statement).await;
            if done != Ok(allowed) {
                found.push(format!("{statement}: {done:?}"));
            }
        }
        let done = attempt(&pair, &format!("TRUNCATE {name} CASCADE")).await;
        if done != Err(NOT_ALLOWED.to_owned()) {
            found.push(format!("TRUNCATE {name}: {done:?}"));
        }
    }
    nothing("statements that reach another tenant's rows", &found);
    assert_eq!(pair.everything_of(pair.one.organization).await, before);
}

#[tokio::test]
async fn a_tenant_can_neither_make_a_row_for_another_nor_give_one_away() {
    let mut pair = Pair::create().await;
    let before = pair.everything_of(pair.one.organization).await;
    let mut found = Vec::new();
    let tables = pair.tables.clone();
    for table in tables.values() {
        let Some(column) = table.tenant_column() else {
            continue;
        };
        let forged = pair.one.insert(table);
        let given = format!(
            "UPDATE {} SET {column} = '{}'",
            table.name, pair.one.organization
        );
        for statement in [forged, given] {
            let done = attempt(&pair, &statement).await;
            if done != Err(NOT_ALLOWED.to_owned()) {
                found.push(format!("{statement}: {done:?}"));
            }
        }
    }
    nothing("statements that make rows of another tenant", &found);
    assert_eq!(pair.everything_of(pair.one.organization).await, before);
}

#[tokio::test]
async fn what_a_tenant_may_write_it_can_write_for_itself() {
    // Without this the refusals above could have any reason.
    let mut pair = Pair::create().await;
    let tables = pair.tables.clone();
    let mut found = Vec::new();
    for table in tables
        .values()
        .filter(|table| table.tenant_column().is_some())
    {
        let statement = pair.two.insert(table);
        let done = attempt(&pair, &statement).await;
        // A second row of the same key is refused for that.
        if done != Ok(1) && done != Err("23505".to_owned()) {
            found.push(format!("{statement}: {done:?}"));
        }
    }
    nothing("statements that a tenant should be able to run", &found);
}

#[tokio::test]
async fn tables_of_the_system_are_closed_to_tenants() {
    let pair = Pair::create().await;
    let mut found = Vec::new();
    for table in pair
        .tables
        .values()
        .filter(|table| table.tenant_column().is_none())
    {
        let name = &table.name;
        for statement in [
            format!("SELECT count(*) FROM {name}"),
            format!("DELETE FROM {name}"),
            pair.two.clone().insert(table),
        ] {
            let done = attempt(&pair, &statement).await;
            if done != Err(NOT_ALLOWED.to_owned()) {
                found.push(format!("{statement}: {done:?}"));
            }
        }
    }
    nothing("statements on tables of the system", &found);
}

#[tokio::test]
async fn the_tenants_role_without_an_organization_sees_and_writes_nothing() {
    let mut pair = Pair::create().await;
    let tables = pair.tables.clone();
    for table in tables
        .values()
        .filter(|table| table.tenant_column().is_some())
    {
        let insert = pair.one.insert(table);
        let mut connection = pair.pool.begin_as_tenant().await;
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT count(*) FROM {}",
            table.name
        )))
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        assert_eq!(count, 0, "{}", table.name);
        let refused = sqlx::query(AssertSqlSafe(insert))
            .execute(&mut *connection)
            .await;
        let code = refused.unwrap_err().into_database_error().unwrap();
        assert_eq!(code.code().as_deref(), Some(NOT_ALLOWED), "{}", table.name);
        connection.rollback().await.unwrap();
    }
}

/// The role alone, as a mistake in `TenantTx` would leave it.
trait AsTenant {
    async fn begin_as_tenant(&self) -> sqlx::Transaction<'static, sqlx::Postgres>;
}

impl AsTenant for sqlx::PgPool {
    async fn begin_as_tenant(&self) -> sqlx::Transaction<'static, sqlx::Postgres> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a transaction that the product cannot make"
        )]
        let begun = self.begin_with("BEGIN; SET LOCAL ROLE sb_tenant").await;
        begun.unwrap()
    }
}
