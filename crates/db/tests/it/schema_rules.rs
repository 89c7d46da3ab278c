//! What the schema itself must look like so that tenants cannot meet.

use sb_testkit::TestDb;
use sqlx::PgPool;

use crate::schema::{HISTORY, SYSTEM_TABLES, Table, tables};

/// Keys that do not begin with the tenant. An outbox is read in the order of all tenants, and what is in quarantine
/// may belong to nobody; neither value is a tenant's to choose. An account of Meta's belongs to one tenant, and that
/// it is taken is what the next one has to be told.
const KEYS_WITHOUT_TENANT: &[&str] = &["outbox_pkey", "quarantine_pkey", "wabas_owner"];

async fn pool(db: &TestDb) -> PgPool {
    PgPool::connect(db.url()).await.unwrap()
}

#[track_caller]
fn nothing(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[tokio::test]
async fn every_table_has_forced_row_security_for_the_right_roles() {
    let db = TestDb::create().await;
    let pool = pool(&db).await;
    let mut found = Vec::new();
    for table in tables(&pool).await.into_values() {
        if !table.is_secured || !table.is_forced {
            found.push(format!(
                "{}: row security is not enabled and forced",
                table.name
            ));
        }
        let expected = match table.tenant_column() {
            Some(_) => vec!["system", "tenant"],
            None => vec!["system"],
        };
        if table.policies != expected {
            found.push(format!("{}: policies {:?}", table.name, table.policies));
        }
        found.extend(wrong_policies(&pool, &table).await);
    }
    nothing("tables that are not secured", &found);
}

/// Policies that say something else than the two that there may be.
async fn wrong_policies(pool: &PgPool, table: &Table) -> Vec<String> {
    let rows: Vec<(String, String, String, String, String, String)> = sqlx::query_as(
        r"
        SELECT policyname::text, permissive, roles::text, cmd, coalesce(qual, ''), coalesce(with_check, '')
        FROM pg_policies
        WHERE schemaname = 'public' AND tablename = $1
        ",
    )
    .bind(&table.name)
    .fetch_all(pool)
    .await
    .unwrap();
    let own = table
        .tenant_column()
        .map(|column| format!("({column} = sb_current_organization())"));
    rows.into_iter()
        .filter(|(name, permissive, roles, command, using, check)| {
            let is_common = permissive == "PERMISSIVE" && command == "ALL" && using == check;
            let is_right = match name.as_str() {
                "tenant" => roles == "{sb_tenant}" && Some(using) == own.as_ref(),
                "system" => roles == "{sb_system}" && using == "true",
                _ => false,
            };
            !(is_common && is_right)
        })
        .map(|(name, _, roles, command, using, check)| {
            format!("{}: {name} {roles} {command} {using} {check}", table.name)
        })
        .collect()
}

#[tokio::test]
async fn roles_may_read_and_write_rows_and_nothing_else() {
    let db = TestDb::create().await;
    let pool = pool(&db).await;
    let mut found = Vec::new();
    for table in tables(&pool).await.into_values() {
        let grants: Vec<(String, String)> = sqlx::query_as(
            r"
            SELECT CASE grantee WHEN 0 THEN 'public' ELSE grantee::regrole::text END, privilege_type
            FROM pg_class, aclexplode(relacl)
            WHERE oid = $1::regclass AND grantee <> relowner
            ORDER BY 1, 2
            ",
        )
        .bind(&table.name)
        .fetch_all(&pool)
        .await
        .unwrap();
        let roles: &[&str] = match table.tenant_column() {
            Some(_) => &["sb_system", "sb_tenant"],
            None => &["sb_system"],
        };
        let expected: Vec<(String, String)> = roles
            .iter()
            .flat_map(|role| {
                ["DELETE", "INSERT", "SELECT", "UPDATE"].map(|p| ((*role).to_owned(), p.to_owned()))
            })
            .collect();
        if grants != expected {
            found.push(format!("{}: {grants:?}", table.name));
        }
    }
    nothing("tables with other grants", &found);
    for role in ["sb_tenant", "sb_system"] {
        let may: bool = sqlx::query_scalar("SELECT has_table_privilege($1, $2, 'SELECT')")
            .bind(role)
            .bind(HISTORY)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert!(!may, "{role} may read the migrations");
    }
}

#[tokio::test]
async fn neither_role_can_log_in_or_get_around_row_security() {
    let db = TestDb::create().await;
    let pool = pool(&db).await;
    let strong: Vec<String> = sqlx::query_scalar(
        r"
        SELECT rolname::text FROM pg_roles
        WHERE rolname IN ('sb_tenant', 'sb_system')
          AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb)
        ",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    nothing("roles that can do more than they need", &strong);
    let owned: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_class WHERE relowner IN ('sb_tenant'::regrole, 'sb_system'::regrole)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(owned, 0, "an owner is above policies that are not forced");
    let members: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_auth_members WHERE member IN ('sb_tenant'::regrole, 'sb_system'::regrole)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(members, 0, "a role that may become another one");
}

#[tokio::test]
async fn no_function_or_view_runs_with_its_owners_rights() {
    let db = TestDb::create().await;
    let pool = pool(&db).await;
    let found: Vec<String> = sqlx::query_scalar(
        r"
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prosecdef
        UNION ALL
        SELECT oid::regclass::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
          AND NOT coalesce(reloptions @> ARRAY['security_invoker=true'], false)
        ",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    nothing("ways around row security", &found);
}

#[tokio::test]
async fn keys_and_references_of_tenant_tables_include_the_tenant() {
    let db = TestDb::create().await;
    let pool = pool(&db).await;
    let all = tables(&pool).await;
    let mut found = Vec::new();
    for table in all.values() {
        let Some(column) = table.tenant_column() else {
            continue;
        };
        for index in &table.unique {
            // Otherwise a refused value would tell that somebody else has it.
            let is_listed = KEYS_WITHOUT_TENANT.contains(&index.name.as_str());
            if !is_listed && index.columns.first().is_none_or(|first| first != column) {
                found.push(format!("{} {:?}", index.name, index.columns));
            }
        }
        for key in &table.foreign_keys {
            // References are checked above row security: they must not reach another tenant's row.
            let target = all[&key.table].tenant_column();
            let crosses = key
                .columns
                .iter()
                .zip(&key.targets)
                .all(|(from, to)| !(from == column && Some(to.as_str()) == target));
            if target.is_some() && crosses {
                found.push(format!(
                    "{}.{} {:?} -> {}",
                    table.name, key.name, key.columns, key.table
                ));
            }
        }
    }
    nothing("keys that do not begin with the tenant", &found);
}

#[tokio::test]
async fn only_reviewed_tables_are_out_of_the_tenants_reach() {
    let db = TestDb::create().await;
    let all = tables(&pool(&db).await).await;
    for name in SYSTEM_TABLES {
        assert!(
            all.contains_key(*name),
            "{name} is listed and does not exist"
        );
    }
    let without: Vec<&str> = all
        .values()
        .filter(|table| table.tenant_column().is_none())
        .map(|table| table.name.as_str())
        .collect();
    let mut listed = SYSTEM_TABLES.to_vec();
    listed.sort_unstable();
    assert_eq!(without, listed);
    let named: Vec<&str> = all
        .values()
        .filter(|table| table.names_organization() && table.tenant_column().is_none())
        .map(|table| table.name.as_str())
        .collect();
    assert_eq!(named, ["number_routes"]);
}
