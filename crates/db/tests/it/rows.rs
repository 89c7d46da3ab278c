//! Makes one row in every table for a tenant, from nothing but what the server says about the tables.

use std::collections::BTreeMap;

use sb_domain::Clock;
use sb_ids::EventId;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::schema::{Column, Table};

/// A row as JSON.
pub(crate) type Row = Map<String, Value>;

/// The rows of one tenant.
#[derive(Debug, Clone)]
pub(crate) struct TenantRows {
    pub(crate) organization: Uuid,
    /// Stands in every text that may be anything: nobody else's rows have it.
    pub(crate) mark: String,
    rows: BTreeMap<String, Row>,
    made: u32,
}

/// An id nobody else has.
fn fresh() -> Uuid {
    EventId::new(Clock::system().now()).as_uuid()
}

/// A value as an SQL literal.
pub(crate) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) if items.is_empty() => "'{}'".to_owned(),
        Value::Array(_) | Value::Object(_) => {
            format!("'{}'", value.to_string().replace('\'', "''"))
        }
    }
}

impl TenantRows {
    /// A tenant that has no row yet.
    pub(crate) fn new(mark: &str) -> Self {
        Self {
            organization: fresh(),
            mark: mark.to_owned(),
            rows: BTreeMap::new(),
            made: 0,
        }
    }

    /// Takes over an organization that has rows already; [`Self::fill`] adds those it lacks.
    pub(crate) async fn adopt(
        organization: Uuid,
        mark: &str,
        pool: &PgPool,
        tables: &BTreeMap<String, Table>,
    ) -> Self {
        let mut rows = BTreeMap::new();
        for table in tables.values() {
            let column = if table.names_organization() {
                Some("organization_id")
            } else {
                table.tenant_column()
            };
            let Some(column) = column else { continue };
            let select = format!(
                "SELECT to_jsonb(t) FROM {} t WHERE {column} = '{organization}' LIMIT 1",
                table.name
            );
            let row: Option<Value> = sqlx::query_scalar(AssertSqlSafe(select))
                .fetch_optional(pool)
                .await
                .unwrap();
            if let Some(row) = row {
                rows.insert(table.name.clone(), row.as_object().unwrap().clone());
            }
        }
        Self {
            organization,
            mark: mark.to_owned(),
            rows,
            made: 0,
        }
    }

    /// The row in a table.
    pub(crate) fn row(&self, table: &str) -> &Row {
        self.rows
            .get(table)
            .unwrap_or_else(|| panic!("no row in {table}"))
    }

    /// Makes a row in every table, those first that others refer to. The pool's login is above row security.
    pub(crate) async fn fill(&mut self, pool: &PgPool, tables: &BTreeMap<String, Table>) {
        while self.rows.len() < tables.len() {
            let before = self.rows.len();
            for table in tables.values() {
                let is_ready = |rows: &BTreeMap<String, Row>| {
                    required(table).all(|key| rows.contains_key(&key.table))
                };
                if self.rows.contains_key(&table.name) || !is_ready(&self.rows) {
                    continue;
                }
                let insert = format!("{} RETURNING to_jsonb({})", self.insert(table), table.name);
                let row: Value = sqlx::query_scalar(AssertSqlSafe(insert.clone()))
                    .fetch_one(pool)
                    .await
                    .unwrap_or_else(|error| panic!("{insert}: {error}"));
                let row = row.as_object().unwrap().clone();
                self.rows.insert(table.name.clone(), row);
            }
            assert!(
                self.rows.len() > before,
                "tables refer to each other in a circle"
            );
        }
    }

    /// A statement that makes another row of this tenant.
    pub(crate) fn insert(&mut self, table: &Table) -> String {
        let mut values: BTreeMap<&str, String> = BTreeMap::new();
        for column in &table.columns {
            if column.is_required && !column.has_default {
                values.insert(&column.name, self.value(table, column));
            }
        }
        for key in required(table) {
            let parent = self.row(&key.table);
            for (column, target) in key.columns.iter().zip(&key.targets) {
                values.insert(column, literal(&parent[target]));
            }
        }
        let organization = format!("'{}'", self.organization);
        if table.names_organization() {
            values.insert("organization_id", organization);
        } else if let Some(column) = table.tenant_column() {
            values.insert(column, organization);
        }
        let columns: Vec<&str> = values.keys().copied().collect();
        let values: Vec<String> = values.into_values().collect();
        format!(
            "INSERT INTO {} ({}) VALUES ({})",
            table.name,
            columns.join(", "),
            values.join(", ")
        )
    }

    fn value(&mut self, table: &Table, column: &Column) -> String {
        if let Some(word) = allowed_word(table, column) {
            return format!("'{word}'");
        }
        self.made += 1;
        match column.kind.as_str() {
            "uuid" => format!("'{}'", fresh()),
            "text" => format!("'{} {}'", self.mark, self.made),
            "jsonb" => format!("'{{\"mark\": \"{} {}\"}}'", self.mark, self.made),
            "bytea" => format!("'{} {}'::bytea", self.mark, self.made),
            "timestamp with time zone" => "'2026-11-21T08:00:00Z'".to_owned(),
            "bigint" | "integer" | "smallint" => self.made.to_string(),
            "boolean" => "true".to_owned(),
            kind if kind.ends_with("[]") => "'{}'".to_owned(),
            kind => panic!(
                "{}.{} has a type that is new here: {kind}",
                table.name, column.name
            ),
        }
    }
}

/// The references that a row must have.
fn required(table: &Table) -> impl Iterator<Item = &crate::schema::ForeignKey> {
    let is_required = |name: &String| {
        let column = table.columns.iter().find(|column| &column.name == name);
        column.is_some_and(|column| column.is_required)
    };
    let keys = table.foreign_keys.iter();
    keys.filter(move |key| key.columns.iter().all(is_required))
}

/// The first word that a check allows in a column, where it lists them.
fn allowed_word(table: &Table, column: &Column) -> Option<String> {
    let start = format!("(({} = ANY (ARRAY['", column.name);
    let check = table
        .checks
        .iter()
        .find_map(|check| check.split(&start).nth(1))?;
    check.split('\'').next().map(str::to_owned)
}
