//! The rest of the API through the SDK, so that the two agree on every type.

use sb_client::{
    ConversationFilter, CreateAgent, CreateNumber, PageOptions, SendMessage, UpdateAgent,
    UpdateConversation, UpdateOrganization, Upload,
};
use sb_domain::agent::{AgentConfig, AgentMode};
use sb_domain::content::{MediaKind, MediaPart, MessageContent, Part};
use sb_ids::{PhoneNumberId, WabaId};

use crate::world::{CONTACT, World, template};

#[tokio::test]
async fn an_organization_is_named_and_given_a_default_agent() {
    let world = World::start().await;
    let client = world.client();
    let before = client.organization().await.unwrap();
    assert_eq!(before.default_agent_id, Some(world.tenant.agent));
    let change = UpdateOrganization {
        name: Some("Flowers of Lima".to_owned()),
        default_agent_id: Some(None),
        media_retention_days: Some(Some(30)),
    };
    let after = client.update_organization(&change).await.unwrap();
    assert_eq!(
        (after.name.as_str(), after.default_agent_id),
        ("Flowers of Lima", None)
    );
    assert_eq!(
        (before.media_retention_days, after.media_retention_days),
        (None, Some(30))
    );
    assert!(after.updated_at > before.updated_at);
}

#[tokio::test]
async fn a_number_is_connected_read_and_changed() {
    let world = World::start().await;
    let client = world.client();
    let new = CreateNumber {
        display_phone_number: Some("+1 555 010 0002".to_owned()),
        agent_id: Some(world.tenant.agent),
        rate_per_second: Some(20),
        ..CreateNumber::new(
            PhoneNumberId::parse("7000000001").unwrap(),
            WabaId::parse("7000000002").unwrap(),
        )
    };
    let made = client.create_number(&new, None).await.unwrap();
    assert_eq!(client.number(made.id).await.unwrap(), made);
    assert!(!made.has_access_token);
    let numbers = client.list_numbers(&PageOptions::default()).await.unwrap();
    assert_eq!(numbers.data[0], made);
    let route: (String, String) = sqlx::query_as(
        "SELECT waba_id, app_id FROM number_routes WHERE phone_number_id = '7000000001'",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(
        route,
        ("7000000002".to_owned(), world.settings.meta.app_id.clone())
    );
}

#[tokio::test]
async fn an_agent_is_made_changed_and_removed() {
    let world = World::start().await;
    let client = world.client();
    let new = CreateAgent {
        name: "Front desk".to_owned(),
        mode: AgentMode::Draft,
        config: AgentConfig {
            instructions: "Be brief.".to_owned(),
            temperature: Some(0.5),
            ..AgentConfig::default()
        },
        model_key: None,
    };
    let made = client.create_agent(&new, None).await.unwrap();
    assert_eq!((&made.config, made.mode), (&new.config, AgentMode::Draft));
    assert_eq!(client.agent(made.id).await.unwrap(), made);
    let change = UpdateAgent {
        mode: Some(AgentMode::Active),
        ..UpdateAgent::default()
    };
    let changed = client.update_agent(made.id, &change).await.unwrap();
    assert_eq!(
        (changed.mode, &changed.config),
        (AgentMode::Active, &made.config)
    );
    let conversation = world.open_conversation().await;
    let change = UpdateConversation {
        agent_id: Some(Some(made.id)),
        ..UpdateConversation::default()
    };
    client
        .update_conversation(conversation, &change)
        .await
        .unwrap();
    client.delete_agent(made.id).await.unwrap();
    assert_eq!(
        client.conversation(conversation).await.unwrap().agent_id,
        None
    );
}

#[tokio::test]
async fn a_contact_is_found_by_its_number_and_renamed() {
    let world = World::start().await;
    let client = world.client();
    let message = client
        .send_message(&SendMessage::new(CONTACT, template()), None)
        .await
        .unwrap();
    let found = client
        .list_contacts(Some("+1 555 010 0077"), &PageOptions::default())
        .await
        .unwrap();
    assert_eq!(found.data[0].id, message.contact_id);
    assert_eq!(found.data[0].identities[0].kind, "phone");
    let renamed = client
        .rename_contact(message.contact_id, "Ana")
        .await
        .unwrap();
    assert_eq!(renamed.name, "Ana");
    assert_eq!(client.contact(message.contact_id).await.unwrap(), renamed);
}

#[tokio::test]
async fn a_conversation_is_put_away_and_taken_out_again() {
    let world = World::start().await;
    let client = world.client();
    let conversation = world.open_conversation().await;
    assert!(
        client
            .conversation(conversation)
            .await
            .unwrap()
            .window_open_until
            .is_some()
    );
    let archived = |archived| UpdateConversation {
        archived: Some(archived),
        ..UpdateConversation::default()
    };
    let away = client
        .update_conversation(conversation, &archived(true))
        .await
        .unwrap();
    let again = client
        .update_conversation(conversation, &archived(true))
        .await
        .unwrap();
    assert_eq!(away.archived_at, again.archived_at);
    let filter = ConversationFilter {
        archived: Some(true),
        ..ConversationFilter::default()
    };
    let listed = client
        .list_conversations(&filter, &PageOptions::default())
        .await
        .unwrap();
    assert_eq!(listed.data.len(), 1);
    let back = client
        .update_conversation(conversation, &archived(false))
        .await
        .unwrap();
    assert_eq!(back.archived_at, None);
}

#[tokio::test]
async fn every_kind_of_content_is_taken_and_comes_back_as_it_was() {
    let world = World::start().await;
    let client = world.client();
    let conversation = world.open_conversation().await;
    let parts = [
        Part::Text {
            body: "hi".to_owned(),
            preview_url: true,
            utility: false,
        },
        Part::Media(MediaPart {
            kind: MediaKind::Image,
            link: Some("https://example.com/a.png".to_owned()),
            meta_media_id: None,
            media_id: None,
            caption: Some("c".to_owned()),
            filename: None,
            mime_type: None,
            voice: false,
            animated: false,
        }),
        Part::Reaction {
            message_id: "wamid.1".to_owned(),
            emoji: "👍".to_owned(),
        },
        Part::Location {
            latitude: -12.05,
            longitude: -77.05,
            name: None,
            address: None,
            url: None,
        },
    ];
    for part in parts {
        let mut content = MessageContent::of(part);
        content.reply_to = Some("wamid.0".to_owned());
        let new = SendMessage::into_conversation(conversation, content.clone());
        let message = client.send_message(&new, None).await.unwrap();
        assert_eq!(message.content, content);
    }
}

#[tokio::test]
async fn a_file_is_stored_under_its_digest() {
    let world = World::start().await;
    let client = world.client();
    let upload = Upload {
        filename: "../prices.csv".to_owned(),
        mime_type: "text/csv; charset=utf-8".to_owned(),
        bytes: b"abc".to_vec(),
    };
    let media = client.upload_media(upload).await.unwrap();
    assert_eq!(
        media.sha256.as_deref(),
        Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    );
    assert_eq!(
        (media.filename.as_str(), media.mime_type.as_str()),
        ("prices.csv", "text/csv")
    );
    assert_eq!(
        (media.state.as_str(), media.kind.as_str()),
        ("stored", "document")
    );
    let again = client.media(media.id).await.unwrap();
    assert_eq!(
        sb_client::Media {
            links: None,
            ..again
        },
        sb_client::Media {
            links: None,
            ..media
        }
    );
}
