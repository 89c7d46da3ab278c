//! Whatever two tenants do through their transactions, in any order: neither ever changes, or learns, anything of the
//! other's.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sb_db::ingest::QuarantinedUpdate;
use sb_db::{Db, Identity, SystemReason, TenantTx, TurnKey, TurnRequest};
use sb_domain::content::MessageContent;
use sb_domain::delivery::OnUnknown;
use sb_ids::WaId;
use sb_testkit::{Servers, TenantSeed, TestTenant};
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::operation::{Known, OPERATIONS, STATEMENTS, flow_endpoint, flow_key, media, now};
use crate::pair::everything_of;
use crate::rows::TenantRows;
use crate::schema::{Table, tables};

const CASES: u32 = 100;
const STEPS: usize = 40;

/// One thing one of the two does.
#[derive(Debug, Clone)]
struct Step {
    /// The second tenant does it.
    by_second: bool,
    /// To the other's things.
    to_other: bool,
    action: Action,
    commits: bool,
}

#[derive(Debug, Clone)]
enum Action {
    Operation(prop::sample::Index),
    Statement(prop::sample::Index, prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let action = prop_oneof![
        1 => any::<prop::sample::Index>().prop_map(Action::Operation),
        1 => any::<(prop::sample::Index, prop::sample::Index)>().prop_map(|(s, t)| Action::Statement(s, t)),
    ];
    (any::<bool>(), any::<bool>(), action, any::<bool>()).prop_map(
        |(by_second, to_other, action, commits)| Step {
            by_second,
            to_other,
            action,
            commits,
        },
    )
}

struct World {
    db: Db,
    pool: PgPool,
    tables: BTreeMap<String, Table>,
    tenants: [Known; 2],
    _servers: Servers,
}

/// What a step told its tenant: what came back, or what the error says.
struct Told {
    text: String,
    is_undone: bool,
}

impl World {
    async fn create() -> Self {
        let servers = Servers::start().await;
        let (db, settings) = (servers.db().await, servers.settings());
        let pool = PgPool::connect(servers.test_db().url()).await.unwrap();
        let tables = tables(&pool).await;
        let mut tenants = Vec::new();
        for (n, mark) in [(1, "mark-of-one"), (2, "mark-of-two")] {
            let seed = TenantSeed {
                name: mark.to_owned(),
                ..TenantSeed::another(&settings, n)
            };
            let tenant = TestTenant::seeded(&db, &settings, seed).await;
            let known = furnish(&db, &tenant, mark, n).await;
            put_aside(&db, &known).await;
            let organization = known.organization.as_uuid();
            let mut rows = TenantRows::adopt(organization, mark, &pool, &tables).await;
            rows.fill(&pool, &tables).await;
            tenants.push(known);
        }
        Self {
            db,
            pool,
            tables,
            tenants: tenants.try_into().unwrap(),
            _servers: servers,
        }
    }

    async fn everything_of(&self, tenant: usize) -> Vec<String> {
        let organization = self.tenants[tenant].organization.as_uuid();
        everything_of(&self.pool, &self.tables, organization).await
    }

    async fn run(&self, steps: &[Step]) -> Result<(), TestCaseError> {
        let mut has = [self.everything_of(0).await, self.everything_of(1).await];
        for step in steps {
            let (by, other) = if step.by_second { (1, 0) } else { (0, 1) };
            let told = self.take(step, by, other).await;
            let now_other = self.everything_of(other).await;
            prop_assert_eq!(
                &now_other,
                &has[other],
                "{:?} changed the other's rows",
                step
            );
            self.check_silence(step, &told, other, &now_other)?;
            has[by] = self.everything_of(by).await;
        }
        Ok(())
    }

    /// Takes one step in a transaction of `by`.
    async fn take(&self, step: &Step, by: usize, other: usize) -> String {
        let mine = &self.tenants[by];
        let of = if step.to_other {
            &self.tenants[other]
        } else {
            mine
        };
        let mut tx = self.db.tenant(mine.organization).await.unwrap();
        let told = match &step.action {
            Action::Operation(index) => {
                let (_, is_undone, run) = index.get(OPERATIONS);
                let outcome = run(&mut tx, mine, of).await;
                // An error repeats the id it was asked for, so it is not looked through.
                Told {
                    text: outcome.unwrap_or_default(),
                    is_undone: *is_undone,
                }
            }
            Action::Statement(statement, table) => {
                let (template, is_undone) = statement.get(STATEMENTS);
                Told {
                    text: self.state(&mut tx, template, table, of).await,
                    is_undone: *is_undone,
                }
            }
        };
        if step.commits && (step.to_other || !told.is_undone) {
            // A failed statement makes this a rollback.
            let _ = tx.commit().await;
        } else {
            let _ = tx.rollback().await;
        }
        told.text
    }

    async fn state(
        &self,
        tx: &mut TenantTx,
        template: &str,
        table: &prop::sample::Index,
        of: &Known,
    ) -> String {
        let reachable: Vec<&Table> = self
            .tables
            .values()
            .filter(|table| table.tenant_column().is_some())
            .collect();
        let table = table.get(&reachable);
        let statement = fill_in(template, table, of);
        let rows = sqlx::query(AssertSqlSafe(statement))
            .fetch_all(tx.connection_for_tests())
            .await;
        match rows {
            Ok(rows) => {
                let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                rows.join("\n")
            }
            Err(sqlx::Error::Database(error)) => {
                let error = error.downcast_ref::<sqlx::postgres::PgDatabaseError>();
                format!("{} {}", error.message(), error.detail().unwrap_or_default())
            }
            Err(error) => panic!("{template}: {error}"),
        }
    }

    /// Fails when a tenant was told something that only the other one knows.
    fn check_silence(
        &self,
        step: &Step,
        told: &str,
        other: usize,
        has: &[String],
    ) -> Result<(), TestCaseError> {
        let mark = self.tenants[other].mark;
        prop_assert!(
            !told.contains(mark),
            "{step:?} shows the other's words: {told}"
        );
        let mut heard_of: BTreeSet<Uuid> = self.tenants.iter().flat_map(Known::planted).collect();
        if step.to_other {
            // It named them itself, and an error may repeat them.
            heard_of.extend(self.tenants[other].ids());
        }
        let secret = ids_in(&has.join(" "));
        for id in ids_in(told) {
            let is_leak = secret.contains(&id) && !heard_of.contains(&id);
            prop_assert!(!is_leak, "{step:?} shows the other's {id}: {told}");
        }
        Ok(())
    }
}

/// Whole words only: a table's name may hold the letters.
fn fill_in(template: &str, table: &Table, of: &Known) -> String {
    let mut statement = String::new();
    let mut word = String::new();
    for c in template.chars().chain([' ']) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        let conversation = of.conversation.to_string();
        let organization = of.organization.to_string();
        statement.push_str(match word.as_str() {
            "T" => &table.name,
            "C" => table.tenant_column().unwrap(),
            "O" => &organization,
            "V" => &conversation,
            other => other,
        });
        word.clear();
        statement.push(c);
    }
    statement
}

fn ids_in(text: &str) -> BTreeSet<Uuid> {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '-';
    text.split(|c| !is_part(c))
        .filter(|part| part.len() == 36)
        .filter_map(|part| Uuid::try_parse(part).ok())
        .collect()
}

/// An update of the tenant's that could not be handled.
async fn put_aside(db: &Db, known: &Known) {
    let update = QuarantinedUpdate {
        id: known.quarantined(),
        organization: Some(known.organization),
        post: known.post(),
        app_id: "1".to_owned(),
        waba_id: String::new(),
        phone_number_id: String::new(),
        reason: "message.malformed",
        place: known.mark.to_owned(),
        payload: known.mark.to_owned(),
        source_sequence: 1,
        is_replay: false,
    };
    let mut tx = db.system(SystemReason::Ingest).await.unwrap();
    tx.ingest().quarantine(&[update], now()).await.unwrap();
    tx.commit().await.unwrap();
}

/// Gives a tenant something in every table that repositories read.
async fn furnish(db: &Db, tenant: &TestTenant, mark: &'static str, n: u32) -> Known {
    let mut tx = db.tenant(tenant.organization).await.unwrap();
    let identity = Identity::Phone(WaId::parse(format!("4915100000{n:03}")).unwrap());
    let conversation = tx
        .conversations()
        .open(tenant.number, &identity, now())
        .await
        .unwrap();
    let page = sb_db::PageRequest {
        limit: 1,
        after: None,
    };
    let key = tx.api_keys().list(page).await.unwrap().items.remove(0);
    let message = sb_ids::MessageId::new(now());
    let known = Known {
        organization: tenant.organization,
        number: tenant.number,
        phone_number_id: tenant.phone_number_id.clone(),
        waba: tenant.waba.clone(),
        agent: tenant.agent,
        api_key: key.id,
        contact: conversation.contact,
        identity,
        conversation: conversation.id,
        message,
        media: sb_ids::MediaId::new(now()),
        flow_endpoint: sb_ids::FlowEndpointId::new(now()),
        flow_key: sb_ids::FlowKeyId::new(now()),
        mark,
    };
    let content = MessageContent::text(format!("{mark} says"));
    let outgoing = sb_db::NewOutgoing {
        id: message,
        conversation: conversation.id,
        content,
        agent: Some(tenant.agent),
        turn: None,
        api_key: None,
        send_at: None,
        expires_at: None,
        on_unknown: OnUnknown::Hold,
        fallback: None,
        origin: sb_events::Origin::default(),
    };
    let queued = tx.queue().send(&outgoing, now()).await.unwrap();
    let file = sb_db::NewMedia {
        id: known.media,
        ..media(&known, message)
    };
    tx.media().insert(&file, now()).await.unwrap();
    furnish_flows(&mut tx, &known).await;
    tx.contacts()
        .update_name(known.contact, mark, now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    ask(db, &known, queued.sequence).await;
    known
}

/// A key pair and an endpoint.
async fn furnish_flows(tx: &mut TenantTx, known: &Known) {
    let key = sb_db::NewFlowKey {
        id: known.flow_key,
        ..flow_key(known, known)
    };
    let endpoint = sb_db::NewFlowEndpoint {
        id: known.flow_endpoint,
        ..flow_endpoint(known, known)
    };
    tx.flow_keys().insert(&key, now()).await.unwrap();
    tx.flow_endpoints().insert(&endpoint, now()).await.unwrap();
}

/// Makes an agent owe the conversation an answer.
async fn ask(db: &Db, known: &Known, sequence: i64) {
    let request = TurnRequest {
        key: TurnKey {
            organization: known.organization,
            conversation: known.conversation,
        },
        message: known.message,
        sequence,
        correlation: None,
        trace: BTreeMap::new(),
    };
    let mut tx = db.system(SystemReason::Turns).await.unwrap();
    let asked = tx
        .turns()
        .ask(&[request], chrono::TimeDelta::zero(), now())
        .await
        .unwrap();
    assert_eq!(asked.len(), 1);
    tx.commit().await.unwrap();
}

#[test]
fn nothing_two_tenants_do_ever_crosses() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::create());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = prop::collection::vec(step(), 1..STEPS);
    let outcome = TestRunner::new(config).run(&steps, |steps| runtime.block_on(world.run(&steps)));
    if let Err(error) = outcome {
        panic!("{error}");
    }
    // The connections belong to the runtime.
    runtime.block_on(async { drop(world) });
}

#[test]
fn every_operation_works_on_ones_own_things() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let world = World::create().await;
        let mine = &world.tenants[0];
        for (name, _, run) in OPERATIONS {
            let mut tx = world.db.tenant(mine.organization).await.unwrap();
            let outcome = run(&mut tx, mine, mine).await;
            assert!(outcome.is_ok(), "{name}: {outcome:?}");
            tx.rollback().await.unwrap();
        }
        drop(world);
    });
}
