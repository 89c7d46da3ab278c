//! The schema as the server describes it: what the generated tests are generated from.

use std::collections::BTreeMap;

use sqlx::PgPool;

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As `format_type` writes it.
    pub(crate) kind: String,
    pub(crate) is_required: bool,
    /// The server makes the value when none is given.
    pub(crate) has_default: bool,
}

/// A foreign key, column by column.
#[derive(Debug, Clone)]
pub(crate) struct ForeignKey {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) table: String,
    pub(crate) targets: Vec<String>,
}

/// A unique index or primary key.
#[derive(Debug, Clone)]
pub(crate) struct UniqueIndex {
    pub(crate) name: String,
    pub(crate) is_primary: bool,
    /// Columns; an expression has no name.
    pub(crate) columns: Vec<String>,
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    pub(crate) unique: Vec<UniqueIndex>,
    /// Texts of the check constraints.
    pub(crate) checks: Vec<String>,
    pub(crate) is_secured: bool,
    pub(crate) is_forced: bool,
    /// Names of its policies.
    pub(crate) policies: Vec<String>,
}

/// Tables that only the system may touch although a column names an organization: they are read before the
/// organization is known. A new line here is a reviewed decision.
pub(crate) const SYSTEM_TABLES: &[&str] = &["users", "number_routes"];

/// The migrations' own table.
pub(crate) const HISTORY: &str = "_sqlx_migrations";

impl Table {
    /// The column that names the tenant, if rows belong to tenants.
    pub(crate) fn tenant_column(&self) -> Option<&'static str> {
        if SYSTEM_TABLES.contains(&self.name.as_str()) {
            None
        } else if self.name == "organizations" {
            Some("id")
        } else {
            self.names_organization().then_some("organization_id")
        }
    }

    /// Whether a column names an organization.
    pub(crate) fn names_organization(&self) -> bool {
        self.columns.iter().any(|c| c.name == "organization_id")
    }

    /// The columns of its primary key.
    pub(crate) fn key(&self) -> &[String] {
        let primary = self.unique.iter().find(|index| index.is_primary);
        primary.map_or(&[], |index| index.columns.as_slice())
    }
}

/// Reads every table of the schema, by name.
pub(crate) async fn tables(pool: &PgPool) -> BTreeMap<String, Table> {
    let named: Vec<(String, bool, bool, Vec<String>)> = sqlx::query_as(
        r"
        SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
               ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid ORDER BY polname)
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        ",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut tables = BTreeMap::new();
    for (name, is_secured, is_forced, policies) in named {
        if name == HISTORY {
            continue;
        }
        let table = Table {
            columns: columns(pool, &name).await,
            foreign_keys: foreign_keys(pool, &name).await,
            unique: unique(pool, &name).await,
            checks: checks(pool, &name).await,
            is_secured,
            is_forced,
            policies,
            name: name.clone(),
        };
        tables.insert(name, table);
    }
    assert!(tables.len() > 15, "the schema was not read");
    tables
}

async fn columns(pool: &PgPool, table: &str) -> Vec<Column> {
    let rows: Vec<(String, String, bool, bool)> = sqlx::query_as(
        r"
        SELECT attname::text, format_type(atttypid, atttypmod), attnotnull, atthasdef OR attidentity <> ''
        FROM pg_attribute
        WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum
        ",
    )
    .bind(table)
    .fetch_all(pool)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(name, kind, is_required, has_default)| Column {
            name,
            kind,
            is_required,
            has_default,
        })
        .collect()
}

async fn foreign_keys(pool: &PgPool, table: &str) -> Vec<ForeignKey> {
    let rows: Vec<(String, Vec<String>, String, Vec<String>)> = sqlx::query_as(
        r"
        SELECT conname::text,
               ARRAY(SELECT a.attname::text FROM unnest(conkey) WITH ORDINALITY k (n, i)
                     JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.n ORDER BY k.i),
               confrelid::regclass::text,
               ARRAY(SELECT a.attname::text FROM unnest(confkey) WITH ORDINALITY k (n, i)
                     JOIN pg_attribute a ON a.attrelid = confrelid AND a.attnum = k.n ORDER BY k.i)
        FROM pg_constraint
        WHERE conrelid = $1::regclass AND contype = 'f'
        ORDER BY conname
        ",
    )
    .bind(table)
    .fetch_all(pool)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(name, columns, table, targets)| ForeignKey {
            name,
            columns,
            table,
            targets,
        })
        .collect()
}

async fn unique(pool: &PgPool, table: &str) -> Vec<UniqueIndex> {
    let rows: Vec<(String, bool, Vec<String>)> = sqlx::query_as(
        r"
        SELECT indexrelid::regclass::text, indisprimary,
               ARRAY(SELECT coalesce(a.attname::text, '') FROM unnest(indkey) WITH ORDINALITY k (n, i)
                     LEFT JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = k.n AND k.n > 0 ORDER BY k.i)
        FROM pg_index
        WHERE indrelid = $1::regclass AND indisunique
        ORDER BY 1
        ",
    )
    .bind(table)
    .fetch_all(pool)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(name, is_primary, columns)| UniqueIndex {
            name,
            is_primary,
            columns,
        })
        .collect()
}

async fn checks(pool: &PgPool, table: &str) -> Vec<String> {
    sqlx::query_scalar(
        r"
        SELECT pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = $1::regclass AND contype = 'c'
        ",
    )
    .bind(table)
    .fetch_all(pool)
    .await
    .unwrap()
}
