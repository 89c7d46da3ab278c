//! Messages with something to tap: buttons, lists, links, forms, products.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::MediaPart;

/// A message with something to tap.
///
/// # Source
/// Meta, "Interactive messages" and the page of each kind, 2026.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InteractivePart {
    /// Above the text; which kinds of it may be used depends on the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// The text. Needed by most actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A small line under the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// What can be done.
    pub action: Action,
}

/// What stands above the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Header {
    /// A title.
    Text {
        /// The title; up to 60 characters.
        text: String,
    },
    /// A picture, film or document.
    Media(MediaPart),
}

/// What can be done with a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Action {
    /// One to three answers to tap.
    Buttons {
        /// The answers.
        buttons: Vec<ReplyButton>,
    },
    /// A menu of up to ten rows.
    List {
        /// What opens the menu; up to 20 characters.
        button: String,
        /// The rows by section; a section needs a title when there are several.
        sections: Vec<ListSection>,
    },
    /// A button that opens a web page.
    CtaUrl {
        /// What stands on the button; up to 20 characters.
        display_text: String,
        /// The page.
        url: String,
    },
    /// A form.
    Flow(FlowAction),
    /// One product.
    Product(ProductReference),
    /// Up to thirty products.
    ProductList {
        /// Meta's id of the catalogue.
        catalog_id: String,
        /// The products by section.
        sections: Vec<ProductSection>,
    },
    /// The whole catalogue.
    Catalog {
        /// The product whose picture is shown; the catalogue's first one when none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thumbnail_product_retailer_id: Option<String>,
    },
    /// Asks where the contact is.
    LocationRequest {},
    /// Asks for a postal address; in India and Singapore only.
    AddressRequest {
        /// `IN` or `SG`.
        country: String,
        /// What is filled in already, by Meta's field names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        values: Option<Value>,
        /// Addresses to choose from, in Meta's form.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        saved_addresses: Vec<Value>,
        /// What was wrong with an answer, by Meta's field names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validation_errors: Option<Value>,
    },
    /// Asks whether the contact may be called.
    CallPermissionRequest {},
    /// A button that calls the business.
    VoiceCall {
        /// What stands on the button; up to 20 characters, "Call Now" when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_text: Option<String>,
        /// How long the button works, in minutes: 1 to 43 200, seven days when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl_minutes: Option<u32>,
        /// Comes back with the call; up to 512 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payload: Option<String>,
    },
    /// Two to ten cards beside each other, all of one kind.
    Carousel {
        /// The cards.
        cards: Vec<CarouselCard>,
    },
    /// Asks for the contact's phone number.
    ContactInfoRequest {},
}

impl Action {
    /// Meta's word for the kind of interactive message.
    pub const fn meta_type(&self) -> &'static str {
        match self {
            Self::Buttons { .. } => "button",
            Self::List { .. } => "list",
            Self::CtaUrl { .. } => "cta_url",
            Self::Flow(_) => "flow",
            Self::Product(_) => "product",
            Self::ProductList { .. } => "product_list",
            Self::Catalog { .. } => "catalog_message",
            Self::LocationRequest {} => "location_request_message",
            Self::AddressRequest { .. } => "address_message",
            Self::CallPermissionRequest {} => "call_permission_request",
            Self::VoiceCall { .. } => "voice_call",
            Self::Carousel { .. } => "carousel",
            Self::ContactInfoRequest {} => "request_contact_info",
        }
    }
}

/// An answer to tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyButton {
    /// What comes back; up to 256 characters, different on each button.
    pub id: String,
    /// What stands on it; up to 20 characters, different on each button.
    pub title: String,
}

/// Rows of a menu that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSection {
    /// Up to 24 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The rows.
    pub rows: Vec<ListRow>,
}

/// A row of a menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRow {
    /// What comes back; up to 200 characters, different on each row.
    pub id: String,
    /// Up to 24 characters.
    pub title: String,
    /// A line under it; up to 72 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A form: which one, and where it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowAction {
    /// Meta's id of the flow; or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<String>,
    /// The flow's name; or its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_name: Option<String>,
    /// What stands on the button; up to 30 characters.
    pub cta: String,
    /// Comes back with the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The flow's draft, for a trial.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// Ask the flow's endpoint for the first screen instead of naming it here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub data_exchange: bool,
    /// The first screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<String>,
    /// What the first screen is filled with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// A product of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductReference {
    /// Meta's id of the catalogue.
    pub catalog_id: String,
    /// The seller's id of the product.
    pub product_retailer_id: String,
}

/// Products that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductSection {
    /// Up to 24 characters; needed when there are several sections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The seller's ids of the products.
    pub product_retailer_ids: Vec<String>,
}

/// A card of a carousel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CarouselCard {
    /// A picture or film with a button that opens a web page.
    CtaUrl {
        /// The picture or film; all cards have the same kind.
        media: MediaPart,
        /// Up to 160 characters and two line breaks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// What stands on the button; up to 20 characters.
        display_text: String,
        /// The page.
        url: String,
    },
    /// A product; all cards are of the same catalogue.
    Product(ProductReference),
}

impl InteractivePart {
    /// The files it is sent with.
    pub fn files(&self) -> impl Iterator<Item = &MediaPart> {
        let header = self.header.as_ref().and_then(|header| match header {
            Header::Media(file) => Some(file),
            Header::Text { .. } => None,
        });
        let cards = match &self.action {
            Action::Carousel { cards } => cards.as_slice(),
            Action::Buttons { .. }
            | Action::List { .. }
            | Action::CtaUrl { .. }
            | Action::Flow(_)
            | Action::Product(_)
            | Action::ProductList { .. }
            | Action::Catalog { .. }
            | Action::LocationRequest {}
            | Action::AddressRequest { .. }
            | Action::CallPermissionRequest {}
            | Action::VoiceCall { .. }
            | Action::ContactInfoRequest {} => &[],
        };
        let cards = cards.iter().filter_map(|card| match card {
            CarouselCard::CtaUrl { media, .. } => Some(media),
            CarouselCard::Product(_) => None,
        });
        header.into_iter().chain(cards)
    }

    /// The same, to be changed.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut MediaPart> {
        let header = self.header.as_mut().and_then(|header| match header {
            Header::Media(file) => Some(file),
            Header::Text { .. } => None,
        });
        let cards = if let Action::Carousel { cards } = &mut self.action {
            cards.as_mut_slice()
        } else {
            &mut []
        };
        let cards = cards.iter_mut().filter_map(|card| match card {
            CarouselCard::CtaUrl { media, .. } => Some(media),
            CarouselCard::Product(_) => None,
        });
        header.into_iter().chain(cards)
    }
}
