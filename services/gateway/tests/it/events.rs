//! The event stream.

use futures::StreamExt as _;
use sb_client::{SendMessage, Upload};
use sb_egress::Method;
use sb_testkit::wait_until;

use crate::world::{CONTACT, World, template};

#[tokio::test]
async fn what_happens_is_told_in_order_and_a_reader_that_comes_back_misses_nothing() {
    let world = World::start().await;
    let client = world.client();
    let mut events = client.events(None);
    events.connect().await.unwrap();
    let mut sent = Vec::new();
    for _ in 0..3 {
        let message = client
            .send_message(&SendMessage::new(CONTACT, template()), None)
            .await
            .unwrap();
        sent.push(message);
    }
    let first = events.next().await.unwrap().unwrap();
    assert_eq!(first.event.kind, "message.queued");
    assert_eq!(first.event.organization_id, world.tenant.organization);
    assert_eq!(first.event.conversation_id, Some(sent[0].conversation_id));
    assert_eq!(first.event.data["message_id"], sent[0].id.to_string());
    drop(events);

    let mut resumed = client.events(Some(first.place));
    let mut sequences = Vec::new();
    while sequences.len() < 2 {
        let next = resumed.next().await.unwrap().unwrap();
        sequences.push(next.event.sequence.unwrap());
    }
    assert_eq!(sequences, [2, 3]);
}

#[tokio::test]
async fn a_tenant_hears_only_its_own_events() {
    let world = World::start().await;
    let other = world.another_tenant().await;
    let other = world.client_with(&other.api_key);
    let mut events = other.events(None);
    events.connect().await.unwrap();
    world
        .client()
        .send_message(&SendMessage::new(CONTACT, template()), None)
        .await
        .unwrap();
    let upload = Upload {
        filename: "a.csv".to_owned(),
        mime_type: "text/csv".to_owned(),
        bytes: b"a,b".to_vec(),
    };
    let media = other.upload_media(upload).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!(first.event.kind, "media.stored");
    assert_eq!(first.event.data["media_id"], media.id.to_string());
}

#[tokio::test]
async fn a_place_that_is_gone_or_garbage_is_refused() {
    let world = World::start().await;
    let mut never_was = world.client().events(Some("999999-0".to_owned()));
    let error = never_was.next().await.unwrap().unwrap_err();
    assert_eq!(
        (error.status(), error.code()),
        (Some(410), Some("events.gone"))
    );
    assert!(
        never_was.next().await.is_none(),
        "coming back would not help"
    );
    for garbage in ["x", "1", "-1-0", "1-x"] {
        let path = format!("/v1/events?after={garbage}");
        let answer = world.get(&path).await;
        assert_eq!(answer.code, "request.invalid_parameter", "{garbage}");
    }
}

#[tokio::test]
async fn a_key_has_a_limited_number_of_streams_and_gets_them_back() {
    let world = World::with(|settings| settings.gateway.streams_per_key = 1).await;
    let client = world.client();
    let mut first = client.events(None);
    first.connect().await.unwrap();
    let error = client.events(None).connect().await.unwrap_err();
    assert_eq!(error.code(), Some("events.too_many_streams"));
    drop(first);
    wait_until("the place is free", async || {
        client.events(None).connect().await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn streams_end_when_the_gateway_stops() {
    let world = World::start().await;
    let response = world
        .request(Method::GET, "/v1/events")
        .send("test")
        .await
        .unwrap();
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    let mut bytes = response.bytes_stream();
    let greeting = bytes.next().await.unwrap().unwrap();
    assert!(greeting.starts_with(b": connected"));
    world.lifecycle.shutdown();
    while let Some(chunk) = bytes.next().await {
        chunk.unwrap();
    }
    world.lifecycle.drained().await.unwrap();
}
