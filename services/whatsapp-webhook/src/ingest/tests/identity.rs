//! Who is who: what updates show of people, and where what they write ends up.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};

use super::bench::{Bench, Subject};

const ADA: &str = "16505551234";
const ADA_LATER: &str = "16505557777";
const BOB: &str = "16505559999";

/// A post with one value of the field `messages`.
fn post(value: &Value) -> Value {
    let mut inner = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550100001", "phone_number_id": "900000000000101" },
    });
    let (Value::Object(inner_fields), Value::Object(more)) = (&mut inner, value.clone()) else {
        panic!("values are objects");
    };
    inner_fields.extend(more);
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "900000000000201", "changes": [
        { "field": "messages", "value": inner }
    ]}]})
}

fn with(mut base: Value, name: &str, id: Option<&str>) -> Value {
    if let Some(id) = id {
        base[name] = id.into();
    }
    base
}

fn text(wamid: &str, (phone, bsuid): (Option<&str>, Option<&str>), at: u32) -> Value {
    let message = json!({
        "id": format!("wamid.{wamid}"), "timestamp": (1_739_322_000 + at).to_string(), "type": "text",
        "text": { "body": wamid },
    });
    with(with(message, "from", phone), "from_user_id", bsuid)
}

fn says(wamid: &str, ids: (Option<&str>, Option<&str>), at: u32) -> Value {
    post(&json!({ "messages": [text(wamid, ids, at)] }))
}

fn changes_number(at: u32) -> Value {
    post(&json!({ "messages": [{
        "id": format!("wamid.SYS{at}"), "from": ADA, "timestamp": (1_739_322_000 + at).to_string(), "type": "system",
        "system": { "type": "user_changed_number", "body": "Ada changed", "wa_id": ADA_LATER },
    }]}))
}

/// Rows by their wamid, only these columns.
async fn by_wamid(bench: &Bench, subject: &Subject, wamid: &str) -> Value {
    let rows = bench.rows("messages", subject.tenant.organization).await;
    let found = rows
        .into_iter()
        .find(|row| row["wamid"] == format!("wamid.{wamid}"));
    found.unwrap_or_else(|| panic!("no message {wamid}"))
}

async fn current(bench: &Bench, subject: &Subject, contact: &Value) -> Vec<String> {
    let rows = bench
        .rows("contact_identities", subject.tenant.organization)
        .await;
    let open = rows.iter().filter(|row| row["valid_until"].is_null());
    let theirs = open.filter(|row| row["contact_id"] == *contact);
    let mut found: Vec<String> = theirs
        .map(|row| row["value"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found
}

async fn count(bench: &Bench, subject: &Subject, table: &str) -> usize {
    bench.rows(table, subject.tenant.organization).await.len()
}

#[tokio::test]
async fn a_person_who_changes_number_stays_the_same_and_the_old_number_is_free() {
    let bench = Bench::new().await;
    let subject = bench.subject().await;
    let posts = [
        says("1", (Some(ADA), Some("US.1")), 1),
        changes_number(10),
        says("2", (Some(ADA_LATER), Some("US.2")), 11),
        says("3", (Some(ADA), Some("US.3")), 20),
        // Late, from before the change.
        says("4", (Some(ADA), Some("US.1")), 5),
    ];
    bench.post(&subject, &posts).await;
    let ada = by_wamid(&bench, &subject, "1").await["contact_id"].clone();
    for wamid in ["SYS10", "2", "4"] {
        assert_eq!(
            by_wamid(&bench, &subject, wamid).await["contact_id"],
            ada,
            "{wamid}"
        );
    }
    assert_ne!(by_wamid(&bench, &subject, "3").await["contact_id"], ada);
    assert_eq!(current(&bench, &subject, &ada).await, [ADA_LATER, "US.2"]);
    assert_eq!(count(&bench, &subject, "contacts").await, 2);
    assert_eq!(count(&bench, &subject, "conversations").await, 2);
    assert_eq!(count(&bench, &subject, "contact_merges").await, 0);
}

#[tokio::test]
async fn both_spellings_of_a_number_are_one_conversation_and_metas_is_answered() {
    let bench = Bench::new().await;
    let subject = bench.subject().await;
    let posts = [
        says("1", (Some("5511987654321"), None), 1),
        says("2", (Some("551187654321"), None), 2),
    ];
    bench.post(&subject, &posts).await;
    assert_eq!(count(&bench, &subject, "conversations").await, 1);
    let contact = by_wamid(&bench, &subject, "2").await["contact_id"].clone();
    assert_eq!(current(&bench, &subject, &contact).await, ["551187654321"]);
    let conversation = &bench
        .rows("conversations", subject.tenant.organization)
        .await[0];
    assert_eq!(conversation["reply_to"], "551187654321");
}

#[tokio::test]
async fn a_message_that_shows_both_ids_merges_and_says_so_once() {
    let bench = Bench::new().await;
    let subject = bench.subject().await;
    let organization = subject.tenant.organization;
    bench
        .post(
            &subject,
            &[
                says("1", (Some(ADA), None), 1),
                says("2", (None, Some("US.1")), 2),
            ],
        )
        .await;
    let both = bench.item(&subject, &says("3", (Some(ADA), Some("US.1")), 3));
    bench.run(std::slice::from_ref(&both)).await;
    let before = bench.rows("contact_merges", organization).await;
    bench.run(&[both]).await;
    let merges = bench.rows("contact_merges", organization).await;
    assert_eq!((merges.len(), &merges), (1, &before));
    assert_eq!(
        (&merges[0]["cause"], &merges[0]["actor"]),
        (&json!("rule"), &json!("rules"))
    );

    let first = by_wamid(&bench, &subject, "1").await;
    let second = by_wamid(&bench, &subject, "2").await;
    let third = by_wamid(&bench, &subject, "3").await;
    assert_eq!(third["conversation_id"], first["conversation_id"]);
    assert_eq!(merges[0]["winner_id"], first["contact_id"]);
    assert_eq!(merges[0]["loser_id"], second["contact_id"]);
    let conversations = bench.rows("conversations", organization).await;
    let ended = conversations
        .iter()
        .find(|row| row["id"] == second["conversation_id"])
        .unwrap();
    assert_eq!(ended["merged_into"], first["conversation_id"]);
    let audit = bench.rows("audit_log", organization).await;
    let line = audit
        .iter()
        .find(|row| row["action"] == "contacts.merge")
        .unwrap();
    assert_eq!(line["actor_kind"], "system");
    let announced = bench.rows("outbox", organization).await;
    let of = |kind: &str| {
        let name = format!("switchboard.contact.v1.{kind}");
        announced
            .iter()
            .filter(|row| row["type_name"] == name)
            .count()
    };
    assert_eq!((of("ContactMerged"), of("ContactChanged")), (1, 1));
}

/// A replica that remembers where an id led must not write there after another one has merged the contact.
#[tokio::test]
async fn a_merge_in_another_replica_is_seen_at_once() {
    let bench = Bench::new().await;
    let subject = bench.subject().await;
    let replica = bench.replica();
    let by_id = |wamid: &str, at| bench.item(&subject, &says(wamid, (None, Some("US.1")), at));
    bench
        .post(&subject, &[says("1", (Some(ADA), None), 1)])
        .await;
    bench.run_by(&replica, &[by_id("2", 2)]).await;
    bench.run_by(&replica, &[by_id("3", 3)]).await;
    bench
        .post(&subject, &[says("4", (Some(ADA), Some("US.1")), 4)])
        .await;
    bench.run_by(&replica, &[by_id("5", 5)]).await;
    let first = by_wamid(&bench, &subject, "1").await;
    let before = by_wamid(&bench, &subject, "3").await;
    let after = by_wamid(&bench, &subject, "5").await;
    assert_ne!(before["conversation_id"], first["conversation_id"]);
    assert_eq!(after["conversation_id"], first["conversation_id"]);
    assert_eq!(after["contact_id"], first["contact_id"]);
    assert_eq!(after["sequence"], 3);

    // And back: whoever remembers the merged contact learns that it is two again.
    let merged: String = before["contact_id"].as_str().unwrap().to_owned();
    bench.unmerge(&subject, &merged).await;
    bench.run_by(&replica, &[by_id("6", 6)]).await;
    let last = by_wamid(&bench, &subject, "6").await;
    assert_eq!(last["conversation_id"], before["conversation_id"]);
    // What somebody has separated no message brings together again.
    bench
        .post(&subject, &[says("7", (Some(ADA), Some("US.1")), 7)])
        .await;
    let rows = bench
        .rows("contact_merges", subject.tenant.organization)
        .await;
    assert_eq!(rows.len(), 1);
    let seventh = by_wamid(&bench, &subject, "7").await;
    assert_eq!(seventh["conversation_id"], before["conversation_id"]);
}

#[tokio::test]
async fn a_number_that_gets_a_new_owner_is_not_served_from_memory() {
    let bench = Bench::new().await;
    let subject = bench.subject().await;
    let replica = bench.replica();
    let known = |wamid: &str, at| bench.item(&subject, &says(wamid, (Some(ADA), None), at));
    bench
        .post(&subject, &[says("1", (Some(ADA), Some("US.1")), 1)])
        .await;
    bench.run_by(&replica, &[known("2", 2)]).await;
    bench
        .post(&subject, &[says("3", (Some(ADA), Some("US.2")), 10)])
        .await;
    bench.run_by(&replica, &[known("4", 11)]).await;
    let (second, third, fourth) = (
        by_wamid(&bench, &subject, "2").await,
        by_wamid(&bench, &subject, "3").await,
        by_wamid(&bench, &subject, "4").await,
    );
    assert_ne!(second["contact_id"], third["contact_id"]);
    assert_eq!(fourth["contact_id"], third["contact_id"]);
}

#[tokio::test]
async fn statuses_teach_ids_and_make_nobody() {
    let bench = Bench::new().await;
    let subject = bench.subject().await;
    let status = |wamid: &str, phone: &str, bsuid: &str| {
        json!({
            "id": format!("wamid.{wamid}"), "status": "sent", "timestamp": "1739322005", "recipient_id": phone,
            "recipient_user_id": bsuid,
        })
    };
    let statuses = json!({ "statuses": [status("A", ADA, "US.1"), status("B", BOB, "US.9")] });
    bench
        .post(
            &subject,
            &[says("1", (Some(ADA), None), 1), post(&statuses)],
        )
        .await;
    let ada = by_wamid(&bench, &subject, "1").await["contact_id"].clone();
    assert_eq!(current(&bench, &subject, &ada).await, [ADA, "US.1"]);
    assert_eq!(count(&bench, &subject, "contacts").await, 1);
    // The phone number is hidden from now on: the person is known all the same.
    bench
        .post(&subject, &[says("2", (None, Some("US.1")), 6)])
        .await;
    assert_eq!(by_wamid(&bench, &subject, "2").await["contact_id"], ada);
}

#[tokio::test]
async fn a_group_has_one_conversation_and_its_messages_have_authors() {
    let bench = Bench::new().await;
    let subject = bench.subject().await;
    let in_group = |wamid: &str, phone: &str, bsuid: &str, at| {
        let mut message = text(wamid, (Some(phone), Some(bsuid)), at);
        message["group_id"] = "Y2FwaV9ncm91cDox".into();
        post(&json!({
            "contacts": [{ "profile": { "name": bsuid }, "wa_id": phone, "user_id": bsuid }],
            "messages": [message],
        }))
    };
    let posts = [
        in_group("1", ADA, "US.1", 1),
        in_group("2", BOB, "US.2", 2),
        says("3", (Some(ADA), Some("US.1")), 3),
    ];
    bench.post(&subject, &posts).await;
    let first = by_wamid(&bench, &subject, "1").await;
    let second = by_wamid(&bench, &subject, "2").await;
    let direct = by_wamid(&bench, &subject, "3").await;
    assert_eq!(first["conversation_id"], second["conversation_id"]);
    assert_eq!(first["contact_id"], second["contact_id"]);
    assert_ne!(first["author_contact_id"], second["author_contact_id"]);
    assert_eq!(first["author_contact_id"], direct["contact_id"]);
    assert_ne!(direct["conversation_id"], first["conversation_id"]);
    let organization = subject.tenant.organization;
    let contacts = bench.rows("contacts", organization).await;
    let groups: Vec<&Value> = contacts
        .iter()
        .filter(|row| row["kind"] == "group")
        .collect();
    assert_eq!((contacts.len(), groups.len()), (3, 1));
    assert_eq!(
        (&groups[0]["id"], &groups[0]["name"]),
        (&first["contact_id"], &json!(""))
    );
    let conversations = bench.rows("conversations", organization).await;
    let group = conversations
        .iter()
        .find(|row| row["id"] == first["conversation_id"])
        .unwrap();
    assert_eq!(
        (&group["is_group"], &group["reply_to"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        conversations.len(),
        2,
        "who only writes in a group has no conversation"
    );
}

/// A group gets a subject.
fn names_group(group: &str, subject: &str, at: u32) -> Value {
    let mut body = post(&json!({ "groups": [{
        "timestamp": (1_739_322_000 + at).to_string(), "group_id": group, "type": "group_settings_update",
        "group_subject": { "text": subject, "update_successful": true },
    }]}));
    body["entry"][0]["changes"][0]["field"] = "group_settings_update".into();
    body
}

#[tokio::test]
async fn a_group_is_called_by_its_subject_whichever_comes_first() {
    let bench = Bench::new().await;
    let subject = bench.subject().await;
    let in_group = |wamid: &str, group: &str, at| {
        let mut message = text(wamid, (Some(ADA), Some("US.1")), at);
        message["group_id"] = group.into();
        post(&json!({ "messages": [message] }))
    };
    let names = async || {
        let rows = bench.rows("contacts", subject.tenant.organization).await;
        let groups = rows.into_iter().filter(|row| row["kind"] == "group");
        let mut names: Vec<String> = groups
            .map(|row| row["name"].as_str().unwrap_or_default().to_owned())
            .collect();
        names.sort();
        names
    };
    let posts = [
        names_group("R1", "Plumbers", 1),
        in_group("1", "R1", 2),
        in_group("2", "R2", 3),
    ];
    bench.post(&subject, &posts).await;
    assert_eq!(names().await, ["", "Plumbers"]);
    let posts = [
        names_group("R2", "Painters", 4),
        names_group("R1", "An older word", 0),
    ];
    bench.post(&subject, &posts).await;
    assert_eq!(names().await, ["Painters", "Plumbers"]);
    bench.post(&subject, &[names_group("R1", "Pipes", 5)]).await;
    assert_eq!(names().await, ["Painters", "Pipes"]);
}

/// The updates about one person, each a post.
fn life() -> Vec<Value> {
    vec![
        says("1", (Some(ADA), None), 1),
        says("2", (None, Some("US.1")), 2),
        says("3", (Some(ADA), Some("US.1")), 3),
        changes_number(10),
        says("4", (Some(ADA_LATER), None), 11),
        says("5", (Some(ADA_LATER), Some("US.2")), 12),
        says("6", (None, Some("US.2")), 13),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_order_of_a_persons_updates_ends_with_one_person() {
    let bench = Bench::new().await;
    let strategy = (Just(life()).prop_shuffle(), 1_usize..5);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..24 {
        let (posts, batch) = strategy.new_tree(&mut runner).unwrap().current();
        let subject = bench.subject().await;
        let items: Vec<_> = posts
            .iter()
            .map(|post| bench.item(&subject, post))
            .collect();
        for items in items.chunks(batch) {
            bench.run(items).await;
        }
        let organization = subject.tenant.organization;
        let contacts = bench.rows("contacts", organization).await;
        let alone: Vec<&Value> = contacts
            .iter()
            .filter(|row| row["merged_into"].is_null())
            .collect();
        assert_eq!(alone.len(), 1, "{posts:?}");
        let conversations = bench.rows("conversations", organization).await;
        let live = conversations
            .iter()
            .filter(|row| row["merged_into"].is_null());
        assert_eq!(live.count(), 1, "{posts:?}");
        let known = current(&bench, &subject, &alone[0]["id"]).await;
        assert_eq!(known, [ADA_LATER, "US.2"], "{posts:?}");
        assert_eq!(
            bench.rows("messages", organization).await.len(),
            posts.len()
        );
    }
}
