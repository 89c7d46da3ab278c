//! What each type of message says. A part of another form than documented reads as nothing: the message is then
//! kept whole.

use std::borrow::Cow;

use sb_domain::content::{
    CallPermissionReply, MediaKind, MediaPart, OrderItem, Part, SystemNotice, TemplatePart,
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::scalar;

/// The part of the type `kind`, from the whole message.
///
/// # Source
/// Meta, "Webhooks, messages", 2026.
pub(super) fn read(kind: &str, message: &RawValue) -> Option<Part> {
    match kind {
        "text" => text(super::read::<WireTextMessage<'_>>(message)?.text),
        "image" => media(MediaKind::Image, super::read::<Image>(message)?.image),
        "audio" => media(MediaKind::Audio, super::read::<Audio>(message)?.audio),
        "video" => media(MediaKind::Video, super::read::<Video>(message)?.video),
        "document" => media(
            MediaKind::Document,
            super::read::<Document>(message)?.document,
        ),
        "sticker" => media(MediaKind::Sticker, super::read::<Sticker>(message)?.sticker),
        "location" => location(super::read::<Location>(message)?.location),
        "contacts" => Some(Part::Contacts {
            contacts: super::read::<Contacts>(message)?.contacts,
        }),
        "reaction" => {
            let reaction = super::read::<Reaction>(message)?.reaction;
            Some(Part::Reaction {
                message_id: reaction.message_id?,
                emoji: reaction.emoji.unwrap_or_default(),
            })
        }
        "button" => {
            let button = super::read::<Button>(message)?.button;
            Some(Part::ButtonReply {
                id: button.payload.unwrap_or_default(),
                title: button.text?,
                template: true,
            })
        }
        "interactive" => interactive(super::read::<Interactive>(message)?.interactive),
        "order" => order(super::read::<Order>(message)?.order),
        "system" => system(super::read::<System>(message)?),
        "template" => template(super::read::<Template>(message)?.template),
        "request_welcome" => Some(Part::RequestWelcome {}),
        "media_placeholder" => Some(Part::MediaPlaceholder {}),
        "unsupported" => {
            let unsupported: Unsupported = super::read(message)?;
            Some(Part::Unsupported {
                meta_type: unsupported.unsupported.and_then(|inner| inner.kind),
                errors: unsupported.errors.unwrap_or_default(),
            })
        }
        _ => None,
    }
}

#[derive(Deserialize)]
struct WireTextMessage<'a> {
    #[serde(borrow)]
    text: &'a RawValue,
}

#[derive(Deserialize)]
struct WireText<'a> {
    #[serde(borrow)]
    body: Cow<'a, str>,
    #[serde(default)]
    preview_url: bool,
}

/// The part of the type `text`, from its own object.
pub(super) fn text(raw: &RawValue) -> Option<Part> {
    let text: WireText<'_> = super::read(raw)?;
    Some(Part::Text {
        body: text.body.into_owned(),
        preview_url: text.preview_url,
        utility: false,
    })
}

macro_rules! messages {
    ($($name:ident { $field:ident: $type:ty })+) => {$(
        #[derive(Deserialize)]
        struct $name { $field: $type }
    )+};
}

messages! {
    Image { image: Media }
    Audio { audio: Media }
    Video { video: Media }
    Document { document: Media }
    Sticker { sticker: Media }
    Location { location: Place }
    Contacts { contacts: Vec<Value> }
    Reaction { reaction: Emoji }
    Button { button: Pressed }
    Interactive { interactive: Answer }
    Order { order: Cart }
    Template { template: SentTemplate }
}

#[derive(Deserialize)]
struct Media {
    #[serde(default, deserialize_with = "scalar::word")]
    id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    link: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    mime_type: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    caption: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    filename: Option<String>,
    #[serde(default)]
    voice: Option<bool>,
    #[serde(default)]
    animated: Option<bool>,
}

/// The file of an edit, which may have nothing but its new caption.
pub(super) fn caption(kind: &str, message: &RawValue) -> Option<Part> {
    let (kind, file) = match kind {
        "image" => (MediaKind::Image, super::read::<Image>(message)?.image),
        "video" => (MediaKind::Video, super::read::<Video>(message)?.video),
        "document" => (
            MediaKind::Document,
            super::read::<Document>(message)?.document,
        ),
        _ => return None,
    };
    Some(file.into_part(kind))
}

fn media(kind: MediaKind, media: Media) -> Option<Part> {
    (media.id.is_some() || media.link.is_some()).then(|| media.into_part(kind))
}

impl Media {
    fn into_part(self, kind: MediaKind) -> Part {
        let media = self;
        Part::Media(MediaPart {
            kind,
            link: media.link,
            meta_media_id: media.id,
            media_id: None,
            caption: media.caption,
            filename: media.filename,
            mime_type: media.mime_type,
            voice: media.voice.unwrap_or_default(),
            animated: media.animated.unwrap_or_default(),
        })
    }
}

/// Meta documents numbers; what is sent verbatim may have them as text.
#[derive(Deserialize)]
struct Place {
    latitude: Degrees,
    longitude: Degrees,
    #[serde(default, deserialize_with = "scalar::word")]
    name: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    address: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    url: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Degrees {
    Number(f64),
    Text(String),
}

impl Degrees {
    fn value(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }
}

fn location(place: Place) -> Option<Part> {
    Some(Part::Location {
        latitude: place.latitude.value()?,
        longitude: place.longitude.value()?,
        name: place.name,
        address: place.address,
        url: place.url,
    })
}

#[derive(Deserialize)]
struct Emoji {
    #[serde(default, deserialize_with = "scalar::word")]
    message_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    emoji: Option<String>,
}

#[derive(Deserialize)]
struct Pressed {
    #[serde(default, deserialize_with = "scalar::word")]
    payload: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    text: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "button_reply")]
    button: Option<Picked>,
    #[serde(rename = "list_reply")]
    row: Option<Picked>,
    #[serde(rename = "nfm_reply")]
    form: Option<Form>,
    #[serde(rename = "call_permission_reply")]
    permission: Option<Permission>,
}

#[derive(Deserialize)]
struct Picked {
    #[serde(default, deserialize_with = "scalar::word")]
    id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    title: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    description: Option<String>,
}

#[derive(Deserialize)]
struct Form {
    #[serde(default, deserialize_with = "scalar::word")]
    name: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    body: Option<String>,
    response_json: Option<Value>,
}

#[derive(Deserialize)]
struct Permission {
    response: String,
    #[serde(default)]
    is_permanent: Option<bool>,
    #[serde(default, deserialize_with = "scalar::integer")]
    expiration_timestamp: Option<i64>,
    #[serde(default, deserialize_with = "scalar::word")]
    response_source: Option<String>,
}

/// By what is there: a sample of Meta's names the type `interactive` where it documents `nfm_reply`.
fn interactive(answer: Answer) -> Option<Part> {
    if let Some(button) = answer.button {
        return Some(Part::ButtonReply {
            id: button.id.unwrap_or_default(),
            title: button.title?,
            template: false,
        });
    }
    if let Some(row) = answer.row {
        return Some(Part::ListReply {
            id: row.id.unwrap_or_default(),
            title: row.title?,
            description: row.description,
        });
    }
    if let Some(form) = answer.form {
        return Some(Part::FlowReply {
            name: form.name.unwrap_or_default(),
            body: form.body.unwrap_or_default(),
            response: document(form.response_json?),
        });
    }
    answer.permission.as_ref().and_then(permission)
}

/// A document inside a string, or the string as it came.
fn document(value: Value) -> Value {
    match value.as_str() {
        Some(text) => serde_json::from_str(text).unwrap_or(value),
        None => value,
    }
}

fn permission(permission: &Permission) -> Option<Part> {
    let accepted = match permission.response.as_str() {
        "accept" => true,
        "reject" => false,
        _ => return None,
    };
    let expires_at = permission.expiration_timestamp;
    Some(Part::CallPermissionReply(CallPermissionReply {
        accepted,
        permanent: permission.is_permanent.unwrap_or_default(),
        expires_at: expires_at.and_then(|at| scalar::instant(&at.to_string())),
        automatic: permission.response_source.as_deref() == Some("automatic"),
    }))
}

#[derive(Deserialize)]
struct Cart {
    #[serde(default, deserialize_with = "scalar::word")]
    catalog_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    text: Option<String>,
    #[serde(default)]
    product_items: Vec<Product>,
}

#[derive(Deserialize)]
struct Product {
    #[serde(
        default,
        rename = "product_retailer_id",
        deserialize_with = "scalar::word"
    )]
    retailer_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::integer")]
    quantity: Option<i64>,
    #[serde(default)]
    item_price: Value,
    #[serde(default, deserialize_with = "scalar::word")]
    currency: Option<String>,
}

fn order(cart: Cart) -> Option<Part> {
    let item = |product: Product| {
        Some(OrderItem {
            retailer_id: product.retailer_id?,
            quantity: product.quantity?,
            price: product.item_price,
            currency: product.currency.unwrap_or_default(),
        })
    };
    Some(Part::Order {
        catalog_id: cart.catalog_id?,
        text: cart.text.filter(|text| !text.is_empty()),
        // A line that cannot be read makes the whole cart one that is kept raw: a cart without it would be wrong.
        items: cart
            .product_items
            .into_iter()
            .map(item)
            .collect::<Option<_>>()?,
    })
}

#[derive(Deserialize)]
struct System {
    system: Notice,
    #[serde(default)]
    identity: Option<Value>,
}

#[derive(Deserialize)]
struct Notice {
    #[serde(default, rename = "type", deserialize_with = "scalar::word")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    body: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    wa_id: Option<String>,
    // Meta's name of it in older versions.
    #[serde(default, deserialize_with = "scalar::word")]
    new_wa_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    user_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    parent_user_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    previous_user_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    previous_parent_user_id: Option<String>,
    #[serde(default)]
    identity: Option<Value>,
}

fn system(message: System) -> Option<Part> {
    let notice = message.system;
    Some(Part::System(SystemNotice {
        kind: notice.kind?,
        body: notice.body,
        wa_id: notice.wa_id.or(notice.new_wa_id),
        user_id: notice.user_id,
        parent_user_id: notice.parent_user_id,
        previous_user_id: notice.previous_user_id,
        previous_parent_user_id: notice.previous_parent_user_id,
        identity: message.identity.or(notice.identity),
    }))
}

#[derive(Deserialize)]
struct SentTemplate {
    name: String,
    #[serde(default)]
    language: Option<Language>,
    #[serde(default)]
    components: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct Language {
    #[serde(default, deserialize_with = "scalar::word")]
    code: Option<String>,
}

fn template(template: SentTemplate) -> Option<Part> {
    Some(Part::Template(TemplatePart {
        name: template.name,
        language: template.language?.code?,
        components: template.components.unwrap_or_default(),
        marketing: None,
    }))
}

#[derive(Deserialize)]
struct Unsupported {
    unsupported: Option<UnsupportedInner>,
    errors: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct UnsupportedInner {
    #[serde(default, rename = "type", deserialize_with = "scalar::word")]
    kind: Option<String>,
}
