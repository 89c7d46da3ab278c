use sb_domain::agent::AgentConfig;
use sb_domain::content::{
    Artifact, ArtifactKind, CallPermissionReply, Forwarded, Marketing, MediaKind, MediaPart,
    MessageContent, OrderItem, Part, Pin, ProductPolicy, SystemNotice, TemplatePart,
};
use sb_ids::MediaId;
use serde_json::json;

use super::*;

fn media(kind: MediaKind) -> Part {
    Part::Media(MediaPart {
        kind,
        link: Some("https://x.test/y".to_owned()),
        meta_media_id: Some("1".to_owned()),
        media_id: Some(MediaId::from_uuid(Uuid::nil())),
        caption: Some("c".to_owned()),
        filename: Some("f".to_owned()),
        mime_type: Some("image/png".to_owned()),
        voice: true,
        animated: true,
    })
}

fn received_parts() -> Vec<Part> {
    let text = || Some("t".to_owned());
    vec![
        Part::Contacts {
            contacts: vec![json!({ "name": {} })],
        },
        Part::ButtonReply {
            id: "1".to_owned(),
            title: "t".to_owned(),
            template: true,
        },
        Part::ListReply {
            id: "1".to_owned(),
            title: "t".to_owned(),
            description: text(),
        },
        Part::FlowReply {
            name: "flow".to_owned(),
            body: "b".to_owned(),
            response: json!({ "a": 1 }),
        },
        Part::CallPermissionReply(CallPermissionReply {
            accepted: true,
            permanent: true,
            expires_at: DateTime::from_timestamp(1, 0),
            automatic: true,
        }),
        Part::Order {
            catalog_id: "1".to_owned(),
            text: text(),
            items: vec![OrderItem {
                retailer_id: "r".to_owned(),
                quantity: 1,
                price: json!(7.99),
                currency: "EUR".to_owned(),
            }],
        },
        Part::System(SystemNotice {
            kind: "k".to_owned(),
            body: text(),
            wa_id: text(),
            user_id: text(),
            parent_user_id: text(),
            previous_user_id: text(),
            previous_parent_user_id: text(),
            identity: Some(json!({})),
        }),
        Part::RequestWelcome {},
        Part::Unsupported {
            meta_type: text(),
            errors: vec![json!({})],
        },
        Part::MediaPlaceholder {},
    ]
}

fn interactive_parts() -> impl Iterator<Item = Part> {
    let media = json!({ "kind": "image", "link": "https://x.test/y" });
    let cards = json!([
        { "type": "cta_url", "media": media, "body": "b", "display_text": "d", "url": "https://x.test" },
        { "type": "product", "catalog_id": "1", "product_retailer_id": "p" },
    ]);
    let actions = [
        json!({ "type": "buttons", "buttons": [{ "id": "1", "title": "t" }] }),
        json!({ "type": "list", "button": "b", "sections": [
            { "title": "s", "rows": [{ "id": "1", "title": "t", "description": "d" }] }] }),
        json!({ "type": "cta_url", "display_text": "d", "url": "https://x.test" }),
        json!({ "type": "flow", "flow_id": "1", "flow_name": "n", "cta": "c", "token": "t", "draft": true,
            "data_exchange": true, "screen": "S", "data": { "a": 1 } }),
        json!({ "type": "product", "catalog_id": "1", "product_retailer_id": "p" }),
        json!({ "type": "product_list", "catalog_id": "1", "sections": [
            { "title": "s", "product_retailer_ids": ["p"] }] }),
        json!({ "type": "catalog", "thumbnail_product_retailer_id": "p" }),
        json!({ "type": "location_request" }),
        json!({ "type": "address_request", "country": "IN", "values": { "name": "n" },
            "saved_addresses": [{ "id": "1" }], "validation_errors": { "name": "e" } }),
        json!({ "type": "call_permission_request" }),
        json!({ "type": "voice_call", "display_text": "d", "ttl_minutes": 5, "payload": "p" }),
        json!({ "type": "carousel", "cards": cards }),
        json!({ "type": "contact_info_request" }),
    ];
    let headers = [
        json!({ "type": "text", "text": "t" }),
        json!({ "type": "media", "kind": "image", "link": "https://x.test/y" }),
    ];
    let pin = Part::Pin(Pin {
        message_id: "wamid.1".to_owned(),
        unpin: true,
        days: Some(7),
    });
    actions
        .into_iter()
        .zip(headers.into_iter().cycle())
        .map(|(action, header)| {
            let part = json!({ "type": "interactive", "header": header, "body": "b", "footer": "f",
                "action": action });
            serde_json::from_value(part).unwrap()
        })
        .chain([pin])
}

fn every_content() -> Vec<MessageContent> {
    let parts = [
        Part::Text {
            body: "b".to_owned(),
            preview_url: true,
            utility: true,
        },
        media(MediaKind::Image),
        media(MediaKind::Audio),
        media(MediaKind::Video),
        media(MediaKind::Document),
        media(MediaKind::Sticker),
        Part::Template(TemplatePart {
            name: "n".to_owned(),
            language: "en".to_owned(),
            components: vec![json!({ "type": "body" })],
            marketing: Some(Marketing {
                product_policy: Some(ProductPolicy::CloudApiFallback),
                message_activity_sharing: Some(true),
            }),
        }),
        Part::Reaction {
            message_id: "wamid.1".to_owned(),
            emoji: "x".to_owned(),
        },
        Part::Location {
            latitude: 1.0,
            longitude: 2.0,
            name: Some("n".to_owned()),
            address: Some("a".to_owned()),
            url: Some("https://x.test".to_owned()),
        },
        Part::Note {
            text: "t".to_owned(),
        },
        Part::Raw {
            meta_type: "order".to_owned(),
            raw: json!({}),
        },
    ];
    parts
        .into_iter()
        .chain(received_parts())
        .chain(interactive_parts())
        .map(|part| MessageContent {
            reply_to: Some("wamid.2".to_owned()),
            forwarded: Some(Forwarded::Frequently),
            referral: Some(json!({ "source": "ad" })),
            referred_product: Some(json!({ "catalog_id": "1" })),
            group_id: Some("g".to_owned()),
            artifacts: vec![Artifact {
                kind: ArtifactKind::Description,
                text: "t".to_owned(),
            }],
            ..MessageContent::of(part)
        })
        .collect()
}

#[test]
fn the_described_content_is_the_stored_one() {
    for content in every_content() {
        let stored = serde_json::to_value(&content).unwrap();
        let described: ContentSchema = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(described).unwrap(), stored);
    }
}

#[test]
fn the_described_agent_is_the_stored_one() {
    let config = AgentConfig {
        temperature: Some(0.5),
        max_tokens: Some(1),
        response_delay_seconds: Some(1),
        welcome_message: Some("w".to_owned()),
        ..AgentConfig::default()
    };
    let stored = serde_json::to_value(&config).unwrap();
    let described: AgentConfigSchema = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(serde_json::to_value(described).unwrap(), stored);
}
