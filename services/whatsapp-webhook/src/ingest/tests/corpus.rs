//! Every recorded shape of Meta's posts, with what it must come to.

use std::collections::BTreeMap;
use std::fs;

use chrono::DateTime;
use sb_domain::Clock;
use sb_ids::{ContactId, ConversationId};
use serde::Deserialize;
use serde_json::Value;

use super::bench::{Bench, Outcome, Subject};

/// One file of the corpus.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// The page it is written from.
    source: String,
    pub(super) posts: Vec<Value>,
    /// Messages of ours that exist before.
    #[serde(default)]
    outgoing: Vec<Outgoing>,
    dispositions: Vec<String>,
    events: Vec<String>,
    /// Rows by table; each a part of exactly one row.
    rows: BTreeMap<String, Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct Outgoing {
    id: uuid::Uuid,
    wamid: Option<String>,
    state: String,
}

pub(super) fn cases() -> Vec<(String, Case)> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../crates/cloud-api/testdata/corpus"
    );
    let mut found: Vec<(String, Case)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            let case = serde_json::from_str(&text);
            (
                name.clone(),
                case.unwrap_or_else(|error| panic!("{name}: {error}")),
            )
        })
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

/// Whether a row has at least what is expected of it. Instants are compared as instants.
fn has(row: &Value, expected: &Value) -> bool {
    match (row, expected) {
        (Value::Object(row), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| has(row.get(name).unwrap_or(&Value::Null), value)),
        (Value::Array(row), Value::Array(expected)) => {
            row.len() == expected.len() && row.iter().zip(expected).all(|(r, e)| has(r, e))
        }
        (Value::String(row), Value::String(expected)) => {
            let instants = (
                DateTime::parse_from_rfc3339(row),
                DateTime::parse_from_rfc3339(expected),
            );
            row == expected || matches!(instants, (Ok(row), Ok(expected)) if row == expected)
        }
        (Value::Number(row), Value::Number(expected)) => {
            row == expected || row.as_f64() == expected.as_f64()
        }
        _ => row == expected,
    }
}

/// What is wrong with a table's rows.
fn difference(table: &str, rows: &[Value], expected: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    if rows.len() != expected.len() {
        found.push(format!(
            "{table} has {} rows instead of {}: {}",
            rows.len(),
            expected.len(),
            Value::from(rows.to_vec())
        ));
    }
    let mut free: Vec<&Value> = rows.iter().collect();
    for wanted in expected {
        match free.iter().position(|row| has(row, wanted)) {
            Some(place) => drop(free.swap_remove(place)),
            None => found.push(format!(
                "{table} has no row {wanted}; left: {}",
                Value::from(free.iter().map(|row| (*row).clone()).collect::<Vec<_>>())
            )),
        }
    }
    found
}

async fn insert_outgoing(bench: &Bench, subject: &Subject, outgoing: &[Outgoing]) {
    let now = Clock::system().now();
    let organization = subject.tenant.organization;
    let (contact, conversation) = (ContactId::new(now), ConversationId::new(now));
    let number = subject.tenant.number.as_uuid();
    let (organization, contact) = (organization.as_uuid(), contact.as_uuid());
    for statement in [
        "INSERT INTO contacts (organization_id, id, created_at, updated_at) VALUES ($1, $2, now(), now())",
        "INSERT INTO contact_identities (organization_id, contact_id, kind, value, valid_from)
         VALUES ($1, $2, 'phone', '16505551234', now())",
    ] {
        let query = sqlx::query(statement).bind(organization).bind(contact);
        query.execute(&bench.pool).await.unwrap();
    }
    sqlx::query(
        "INSERT INTO conversations (organization_id, id, number_id, contact_id, last_sequence, active_at, created_at)
         VALUES ($1, $2, $3, $4, $5, now(), now())",
    )
    .bind(organization)
    .bind(conversation.as_uuid())
    .bind(number)
    .bind(contact)
    .bind(i64::try_from(outgoing.len()).unwrap())
    .execute(&bench.pool)
    .await
    .unwrap();
    for (place, message) in (1_i64..).zip(outgoing) {
        sqlx::query(
            r#"INSERT INTO messages (
                   organization_id, id, conversation_id, number_id, contact_id, direction, content_type, content,
                   wamid, sequence, state, message_at, created_at)
               VALUES ($1, $2, $3, $4, $5, 'outgoing', 'text', '{"type": "text", "body": "ours"}', $6, $7, $8,
                   now(), now())"#,
        )
        .bind(organization)
        .bind(message.id)
        .bind(conversation.as_uuid())
        .bind(number)
        .bind(contact)
        .bind(&message.wamid)
        .bind(place)
        .bind(&message.state)
        .execute(&bench.pool)
        .await
        .unwrap();
    }
}

async fn check(bench: &Bench, case: &Case) -> Vec<String> {
    let subject = bench.subject().await;
    if !case.outgoing.is_empty() {
        insert_outgoing(bench, &subject, &case.outgoing).await;
    }
    let outcome = bench.post(&subject, &case.posts).await.sorted();
    let expected = Outcome {
        dispositions: case.dispositions.clone(),
        events: case.events.clone(),
        event_ids: Vec::new(),
    }
    .sorted();
    let mut found = Vec::new();
    if outcome.dispositions != expected.dispositions {
        found.push(format!(
            "dispositions {:?} instead of {:?}",
            outcome.dispositions, expected.dispositions
        ));
    }
    if outcome.events != expected.events {
        found.push(format!(
            "events {:?} instead of {:?}",
            outcome.events, expected.events
        ));
    }
    for (table, rows) in &case.rows {
        let expected: Vec<Value> = rows.iter().map(|row| subject.localized(row)).collect();
        let rows = bench.rows(table, subject.tenant.organization).await;
        found.extend(difference(table, &rows, &expected));
    }
    found
}

#[tokio::test]
async fn every_documented_shape_comes_to_what_its_file_says() {
    let bench = Bench::new().await;
    let cases = cases();
    assert!(cases.len() > 100, "only {} files", cases.len());
    let mut wrong = Vec::new();
    for (name, case) in &cases {
        assert!(
            !case.source.is_empty(),
            "{name} does not say where it is from"
        );
        let found = check(&bench, case).await;
        wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
