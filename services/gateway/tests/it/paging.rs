//! Lists in pages.

use sb_client::{ConversationFilter, CreateAgent, MessageOrder, PageOptions, SendMessage};
use sb_ids::AgentId;

use crate::world::{World, template};

fn two() -> PageOptions {
    PageOptions {
        limit: Some(2),
        after: None,
    }
}

#[tokio::test]
async fn pages_show_every_row_once_latest_first() {
    let world = World::start().await;
    let client = world.client();
    let mut made = vec![world.tenant.agent];
    for n in 0..4 {
        let new = CreateAgent {
            name: format!("agent {n}"),
            ..CreateAgent::default()
        };
        made.push(client.create_agent(&new, None).await.unwrap().id);
    }
    let mut seen: Vec<AgentId> = Vec::new();
    let mut page = Some(two());
    let mut pages = 0;
    while let Some(wanted) = page {
        let list = client.list_agents(&wanted).await.unwrap();
        page = wanted.next(&list);
        seen.extend(list.data.into_iter().map(|agent| agent.id));
        pages += 1;
    }
    made.sort();
    made.reverse();
    assert_eq!(seen, made);
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn messages_are_read_from_either_end() {
    let world = World::start().await;
    let client = world.client();
    let mut conversation = None;
    for _ in 0..5 {
        let message = client
            .send_message(&SendMessage::new("+15550100077", template()), None)
            .await
            .unwrap();
        conversation = Some(message.conversation_id);
    }
    let conversation = conversation.unwrap();
    for (order, expected) in [
        (MessageOrder::Asc, [1, 2, 3, 4, 5]),
        (MessageOrder::Desc, [5, 4, 3, 2, 1]),
    ] {
        let mut seen = Vec::new();
        let mut page = Some(two());
        while let Some(wanted) = page {
            let list = client
                .list_messages(conversation, order, &wanted)
                .await
                .unwrap();
            page = wanted.next(&list);
            seen.extend(list.data.into_iter().map(|message| message.sequence));
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn conversations_come_by_activity_and_can_be_filtered() {
    let world = World::start().await;
    let client = world.client();
    let mut made = Vec::new();
    for n in 0..3 {
        let to = format!("+1555010010{n}");
        let message = client
            .send_message(&SendMessage::new(to, template()), None)
            .await
            .unwrap();
        made.push(message);
    }
    let mut seen = Vec::new();
    let mut page = Some(two());
    while let Some(wanted) = page {
        let list = client
            .list_conversations(&ConversationFilter::default(), &wanted)
            .await
            .unwrap();
        page = wanted.next(&list);
        seen.extend(list.data.into_iter().map(|conversation| conversation.id));
    }
    let expected: Vec<_> = made.iter().rev().map(|m| m.conversation_id).collect();
    assert_eq!(seen, expected);
    let only = ConversationFilter {
        contact_id: Some(made[0].contact_id),
        number_id: Some(world.tenant.number),
        archived: Some(false),
    };
    let list = client.list_conversations(&only, &two()).await.unwrap();
    assert_eq!(list.data.len(), 1);
    assert_eq!(list.data[0].id, made[0].conversation_id);
}

#[tokio::test]
async fn a_cursor_that_was_not_given_out_for_the_list_is_refused() {
    let world = World::start().await;
    let client = world.client();
    let new = CreateAgent {
        name: "b".to_owned(),
        ..CreateAgent::default()
    };
    client.create_agent(&new, None).await.unwrap();
    let one = PageOptions {
        limit: Some(1),
        after: None,
    };
    let foreign = client.list_agents(&one).await.unwrap().paging.after;
    for after in [
        foreign,
        Some("garbage".to_owned()),
        Some("\u{0}".to_owned()),
    ] {
        let page = PageOptions { limit: None, after };
        let error = client.list_numbers(&page).await.unwrap_err();
        assert_eq!(error.code(), Some("cursor.invalid"));
    }
    for query in ["limit=0", "limit=201", "limit=x"] {
        let answer = world.get(&format!("/v1/numbers?{query}")).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (400, "request.invalid_parameter")
        );
    }
}
