//! Meta promises no order: whatever comes first, last or twice, the end is the same.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::bench::{Bench, Subject};

const CONTACT: &str = "16505551234";

/// The updates of one conversation, in the order in which they happened, each with the list it comes in.
fn conversation() -> Vec<(String, Value)> {
    serde_json::from_str(include_str!("../../../testdata/conversation.json")).unwrap()
}

/// One post with one update.
fn post((list, update): &(String, Value)) -> Value {
    let field = match list.as_str() {
        "message_echoes" => "smb_message_echoes",
        "user_preferences" => "user_preferences",
        _ => "messages",
    };
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "900000000000201", "changes": [{
        "field": field,
        "value": {
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "15550100001", "phone_number_id": "900000000000101" },
            "contacts": [{ "profile": { "name": "Ada" }, "wa_id": CONTACT, "user_id": "US.1" }],
            list.as_str(): [update],
        },
    }]}]})
}

/// What the tenant has in the end, without ids, places and times of arrival.
async fn state(bench: &Bench, subject: &Subject) -> Value {
    let organization = subject.tenant.organization;
    let mut state = serde_json::Map::new();
    let told: &[(&str, &[&str])] = &[
        (
            "messages",
            &[
                "wamid",
                "direction",
                "state",
                "content",
                "content_type",
                "source",
                "message_at",
                "edited_at",
                "revoked_at",
                "original_content",
                "sent_at",
                "delivered_at",
                "read_at",
                "pricing",
            ],
        ),
        (
            "message_statuses",
            &["wamid", "status", "recipient", "status_at"],
        ),
        (
            "message_changes",
            &["wamid", "change_wamid", "kind", "content", "changed_at"],
        ),
        ("contacts", &["name", "profile_name"]),
        ("contact_preferences", &["category", "value", "decided_at"]),
        (
            "conversations",
            &[
                "last_message_at",
                "last_incoming_at",
                "agent_paused_until",
                "is_ours",
            ],
        ),
        ("quarantine", &["reason"]),
    ];
    for (table, columns) in told {
        let mut rows: Vec<Value> = bench
            .rows(table, organization)
            .await
            .iter()
            .map(|row| columns.iter().map(|column| row[*column].clone()).collect())
            .collect();
        rows.sort_by_key(ToString::to_string);
        state.insert((*table).to_owned(), rows.into());
    }
    Value::Object(state)
}

#[derive(Debug, Clone)]
struct Delivery {
    /// Places in the conversation, some of them twice.
    order: Vec<usize>,
    /// How many posts share a batch.
    batch: usize,
    /// A post that breaks off, before this one.
    broken: Option<(usize, usize)>,
}

fn any_delivery() -> impl Strategy<Value = Delivery> {
    let length = conversation().len();
    let repeated = proptest::collection::vec(0..length, 0..6);
    let broken = proptest::option::of((0..length, 1_usize..200));
    (repeated, 1_usize..8, broken).prop_flat_map(move |(repeated, batch, broken)| {
        let order: Vec<usize> = (0..length).chain(repeated).collect();
        Just(order).prop_shuffle().prop_map(move |order| Delivery {
            order,
            batch,
            broken,
        })
    })
}

async fn deliver(bench: &Bench, delivery: &Delivery) -> Value {
    let subject = bench.subject().await;
    let updates = conversation();
    let mut items = Vec::new();
    for place in &delivery.order {
        items.push(bench.item(&subject, &post(&updates[*place])));
    }
    if let Some((place, end)) = delivery.broken {
        let body = post(&updates[place]).to_string();
        let cut = body.len().saturating_sub(end).max(1);
        let bytes = body.as_bytes()[..cut].to_vec();
        items.insert(place, bench.item_of_bytes(&subject, bytes));
    }
    for batch in items.chunks(delivery.batch) {
        bench.run(batch).await;
    }
    state(bench, &subject).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_order_with_repetitions_and_broken_posts_ends_the_same() {
    let bench = Bench::new().await;
    let ordered = Delivery {
        order: (0..conversation().len()).collect(),
        batch: 1,
        broken: None,
    };
    let expected = deliver(&bench, &ordered).await;
    assert_eq!(expected["messages"].as_array().unwrap().len(), 5);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(48));
    let runtime = tokio::runtime::Handle::current();
    runner
        .run(&any_delivery(), |delivery| {
            let found =
                tokio::task::block_in_place(|| runtime.block_on(deliver(&bench, &delivery)));
            prop_assert_eq!(&found, &expected);
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_post_that_is_run_again_changes_nothing_and_announces_nothing_new() {
    let bench = Bench::new().await;
    let subject = bench.subject().await;
    let items: Vec<_> = conversation()
        .iter()
        .map(|update| bench.item(&subject, &post(update)))
        .collect();
    let run = async || {
        let mut outcome = super::bench::Outcome::default();
        for item in &items {
            outcome.add(&bench.run(std::slice::from_ref(item)).await);
        }
        outcome.event_ids.sort();
        outcome.event_ids.dedup();
        outcome.event_ids
    };
    let first = run().await;
    let after_first = state(&bench, &subject).await;
    let again = run().await;
    // What a later update has overtaken is not told again.
    let new: Vec<_> = again.iter().filter(|id| !first.contains(id)).collect();
    assert!(new.is_empty(), "the same facts have the same ids: {new:?}");
    assert!(
        again.len() > first.len() / 2,
        "a crash may have lost the rest"
    );
    assert_eq!(after_first, state(&bench, &subject).await);
}
