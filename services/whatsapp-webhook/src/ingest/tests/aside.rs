//! What stepped aside and runs again.

use prost::Message as _;
use sb_bus::DeliveredItem;
use sb_events::proto::update::v1::{RawPost, Replay};
use serde_json::json;

use super::bench::Bench;
use crate::ingest::Stored;

/// The same post in a later envelope.
fn again(item: &DeliveredItem, is_set_aside: bool) -> DeliveredItem {
    let mut again = item.clone();
    again.stream_sequence += 1_000;
    let mut post = RawPost::decode(again.item.payload).unwrap();
    post.replay = Some(Replay {
        replay_id: "again".to_owned(),
        places: Vec::new(),
        set_aside: is_set_aside,
    });
    again.item.payload = post.encode_to_vec().into();
    again
}

#[tokio::test]
async fn what_was_stored_before_it_stepped_aside_is_announced_when_it_runs_again() {
    let bench = Bench::new().await;
    let subject = bench.subject().await;
    let body = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "900000000000201", "changes": [
        { "field": "messages", "value": {
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "15550100001", "phone_number_id": "900000000000101" },
            "messages": [{
                "id": "wamid.1", "from": "16505551234", "timestamp": "1739322001", "type": "text",
                "text": { "body": "hello" },
            }],
            "statuses": [{
                "id": "wamid.2", "status": "sent", "timestamp": "1739322002", "recipient_id": "16505551234",
            }],
        }}
    ]}]});
    let item = bench.item(&subject, &body);
    let first = bench.run(std::slice::from_ref(&item)).await;
    let known = bench.run(&[again(&item, false)]).await;
    assert_eq!(
        known.events.len(),
        0,
        "an ordinary replay tells nothing twice"
    );
    let told = bench.run(&[again(&item, true)]).await;
    let ids = |stored: &Stored| -> Vec<_> { stored.events.iter().map(|e| e.event_id).collect() };
    assert!(!first.events.is_empty());
    assert_eq!(ids(&told), ids(&first));
}
