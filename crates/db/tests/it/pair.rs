//! Two tenants in one database.

use std::collections::BTreeMap;

use sb_db::Db;
use sb_events::Topology;
use sb_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::rows::{Row, TenantRows, literal};
use crate::schema::{Table, tables};

/// Two tenants with a row in every table.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) db: Db,
    /// A login above row security, to see everything.
    pub(crate) pool: PgPool,
    pub(crate) tables: BTreeMap<String, Table>,
    pub(crate) one: TenantRows,
    pub(crate) two: TenantRows,
    _test: TestDb,
}

impl Pair {
    pub(crate) async fn create() -> Self {
        let test = TestDb::create().await;
        let db = test.open(Topology::default()).await;
        let pool = PgPool::connect(test.url()).await.unwrap();
        let tables = tables(&pool).await;
        let mut one = TenantRows::new("mark-of-one");
        let mut two = TenantRows::new("mark-of-two");
        one.fill(&pool, &tables).await;
        two.fill(&pool, &tables).await;
        Self {
            db,
            pool,
            tables,
            one,
            two,
            _test: test,
        }
    }

    /// The tables whose rows belong to tenants, with the column that says to whom.
    pub(crate) fn tenant_tables(&self) -> impl Iterator<Item = (&Table, &'static str)> {
        let tables = self.tables.values();
        tables.filter_map(|table| Some((table, table.tenant_column()?)))
    }

    /// Everything an organization has.
    pub(crate) async fn everything_of(&self, organization: Uuid) -> Vec<String> {
        everything_of(&self.pool, &self.tables, organization).await
    }
}

/// Everything an organization has, table by table; also where only the system may look.
pub(crate) async fn everything_of(
    pool: &PgPool,
    tables: &BTreeMap<String, Table>,
    organization: Uuid,
) -> Vec<String> {
    let parts: Vec<String> = tables
        .values()
        .filter_map(|table| {
            let column = if table.names_organization() {
                "organization_id"
            } else {
                table.tenant_column()?
            };
            let name = &table.name;
            Some(format!(
                "SELECT '{name} ' || to_jsonb(t)::text FROM {name} t WHERE {column} = '{organization}'"
            ))
        })
        .collect();
    let statement = format!("{} ORDER BY 1", parts.join(" UNION ALL "));
    sqlx::query_scalar(AssertSqlSafe(statement))
        .fetch_all(pool)
        .await
        .unwrap()
}

/// A condition that finds one row by its primary key.
pub(crate) fn is_row(table: &Table, row: &Row) -> String {
    let parts: Vec<String> = table
        .key()
        .iter()
        .map(|column| format!("{column} = {}", literal(&row[column])))
        .collect();
    assert!(!parts.is_empty(), "{} has no primary key", table.name);
    parts.join(" AND ")
}
