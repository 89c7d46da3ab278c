//! Two contacts are one person, and two again.

use sb_client::{ContactMerge, ConversationFilter, Message, PageOptions, SendMessage};

use crate::world::{CONTACT, World, template};

async fn write_to(world: &World, to: &str) -> Message {
    let message = SendMessage::new(to, template());
    world.client().send_message(&message, None).await.unwrap()
}

/// Two contacts who were written to, the second merged into the first.
async fn merged(world: &World) -> (Message, Message, ContactMerge) {
    let kept = write_to(world, CONTACT).await;
    let gone = write_to(world, "US.1349").await;
    let client = world.client();
    let merge = client.merge_contact(kept.contact_id, gone.contact_id).await;
    (kept, gone, merge.unwrap())
}

#[tokio::test]
async fn a_merged_contact_is_part_of_the_other() {
    let world = World::start().await;
    let (kept, gone, merge) = merged(&world).await;
    let client = world.client();
    let (winner, loser) = (merge.contact_id, merge.merged_contact_id);
    assert_eq!((winner, loser), (kept.contact_id, gone.contact_id));
    assert_eq!(merge.cause, "request");
    let again = client.merge_contact(kept.contact_id, gone.contact_id).await;
    assert_eq!(again.unwrap(), merge);
    let contact = client.contact(gone.contact_id).await.unwrap();
    assert_eq!(contact.merged_into, Some(kept.contact_id));
    let page = PageOptions::default();
    let listed = client.list_contacts(None, &page).await.unwrap().data;
    assert_eq!(listed.len(), 1, "who is part of another is not listed");
    let identities = &listed[0].identities;
    let kinds: Vec<&str> = identities.iter().map(|i| i.kind.as_str()).collect();
    assert_eq!(kinds, ["bsuid", "phone"]);
    assert!(identities.iter().all(|i| i.valid_until.is_none()));
}

#[tokio::test]
async fn one_conversation_of_a_merged_contact_goes_on() {
    let world = World::start().await;
    let (kept, gone, _) = merged(&world).await;
    let client = world.client();
    let ended = client.conversation(gone.conversation_id).await.unwrap();
    assert_eq!(ended.merged_into, Some(kept.conversation_id));
    let page = PageOptions::default();
    let everything = ConversationFilter::default();
    let live = client.list_conversations(&everything, &page).await;
    assert_eq!(live.unwrap().data.len(), 1);
    let of_contact = ConversationFilter {
        contact_id: Some(kept.contact_id),
        ..everything
    };
    let all = client.list_conversations(&of_contact, &page).await;
    assert_eq!(all.unwrap().data.len(), 2);
    let into = SendMessage::into_conversation(gone.conversation_id, template());
    let sent = client.send_message(&into, None).await.unwrap();
    assert_eq!(sent.conversation_id, kept.conversation_id);
}

#[tokio::test]
async fn a_merge_is_taken_back_and_still_listed() {
    let world = World::start().await;
    let (kept, gone, _) = merged(&world).await;
    let client = world.client();
    let alone = client.unmerge_contact(gone.contact_id).await.unwrap();
    assert_eq!(alone.merged_into, None);
    let again = client.unmerge_contact(gone.contact_id).await.unwrap();
    assert_eq!(again, alone);
    let page = PageOptions::default();
    let merges = client.contact_merges(kept.contact_id, &page).await;
    let merges = merges.unwrap().data;
    assert_eq!(merges.len(), 1);
    assert!(merges[0].undone_at.is_some());
    let itself = client.merge_contact(kept.contact_id, kept.contact_id).await;
    assert_eq!(itself.unwrap_err().code(), Some("contact.not_mergeable"));
}

#[tokio::test]
async fn another_tenants_contacts_cannot_be_merged() {
    let world = World::start().await;
    let contact = write_to(&world, CONTACT).await.contact_id;
    let other = world.another_tenant().await;
    let other = world.client_with(&other.api_key);
    let own = SendMessage::new(CONTACT, template());
    let own = other.send_message(&own, None).await.unwrap().contact_id;
    let page = PageOptions::default();
    let refusals = [
        other.merge_contact(own, contact).await.map(drop),
        other.merge_contact(contact, own).await.map(drop),
        other.unmerge_contact(contact).await.map(drop),
        other.contact_merges(contact, &page).await.map(drop),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap_err().code(), Some("contact.not_found"));
    }
}

#[tokio::test]
async fn another_spelling_of_a_number_finds_the_same_contact() {
    let world = World::start().await;
    let client = world.client();
    let mut found = Vec::new();
    for to in ["+55 11 98765-4321", "+55 11 8765-4321"] {
        let message = SendMessage::new(to, template());
        found.push(
            client
                .send_message(&message, None)
                .await
                .unwrap()
                .contact_id,
        );
    }
    assert_eq!(found[0], found[1]);
    let page = PageOptions::default();
    let listed = client
        .list_contacts(Some("551187654321"), &page)
        .await
        .unwrap();
    assert_eq!(listed.data[0].id, found[0]);
}
