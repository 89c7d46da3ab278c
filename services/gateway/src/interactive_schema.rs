//! How interactive messages look in the OpenAPI document: see `content_schema`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::content_schema::MediaSchema;

/// A message with something to tap.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Interactive)]
pub(crate) struct InteractivePartSchema {
    /// Above the text; which kinds of it may be used depends on the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<HeaderSchema>,
    /// The text. Needed by most actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// A small line under the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    footer: Option<String>,
    /// What can be done.
    action: ActionSchema,
}

/// What stands above the text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = InteractiveHeader)]
pub(crate) enum HeaderSchema {
    /// A title.
    Text {
        /// The title; up to 60 characters.
        text: String,
    },
    /// A picture, film or document.
    Media(MediaSchema),
}

/// What can be done with a message.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = InteractiveAction)]
pub(crate) enum ActionSchema {
    /// One to three answers to tap.
    Buttons {
        /// The answers.
        buttons: Vec<ReplyButtonSchema>,
    },
    /// A menu of up to ten rows.
    List {
        /// What opens the menu; up to 20 characters.
        button: String,
        /// The rows by section; a section needs a title when there are several.
        sections: Vec<ListSectionSchema>,
    },
    /// A button that opens a web page.
    CtaUrl {
        /// What stands on the button; up to 20 characters.
        display_text: String,
        /// The page.
        url: String,
    },
    /// A form.
    Flow(FlowActionSchema),
    /// One product.
    Product(ProductReferenceSchema),
    /// Up to thirty products.
    ProductList {
        /// Meta's id of the catalogue.
        catalog_id: String,
        /// The products by section.
        sections: Vec<ProductSectionSchema>,
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
        cards: Vec<CarouselCardSchema>,
    },
    /// Asks for the contact's phone number.
    ContactInfoRequest {},
}

/// An answer to tap.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ReplyButton)]
pub(crate) struct ReplyButtonSchema {
    /// What comes back; up to 256 characters, different on each button.
    id: String,
    /// What stands on it; up to 20 characters, different on each button.
    title: String,
}

/// Rows of a menu that belong together.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ListSection)]
pub(crate) struct ListSectionSchema {
    /// Up to 24 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The rows.
    rows: Vec<ListRowSchema>,
}

/// A row of a menu.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ListRow)]
pub(crate) struct ListRowSchema {
    /// What comes back; up to 200 characters, different on each row.
    id: String,
    /// Up to 24 characters.
    title: String,
    /// A line under it; up to 72 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// A form: which one, and where it begins.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowAction)]
pub(crate) struct FlowActionSchema {
    /// Meta's id of the flow; or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flow_id: Option<String>,
    /// The flow's name; or its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flow_name: Option<String>,
    /// What stands on the button; up to 30 characters.
    cta: String,
    /// Comes back with the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// The flow's draft, for a trial.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    draft: bool,
    /// Ask the flow's endpoint for the first screen instead of naming it here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    data_exchange: bool,
    /// The first screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    screen: Option<String>,
    /// What the first screen is filled with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

/// A product of a catalogue.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ProductReference)]
pub(crate) struct ProductReferenceSchema {
    /// Meta's id of the catalogue.
    catalog_id: String,
    /// The seller's id of the product.
    product_retailer_id: String,
}

/// Products that belong together.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ProductSection)]
pub(crate) struct ProductSectionSchema {
    /// Up to 24 characters; needed when there are several sections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The seller's ids of the products.
    product_retailer_ids: Vec<String>,
}

/// A card of a carousel.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = CarouselCard)]
pub(crate) enum CarouselCardSchema {
    /// A picture or film with a button that opens a web page.
    CtaUrl {
        /// The picture or film; all cards have the same kind.
        media: MediaSchema,
        /// Up to 160 characters and two line breaks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// What stands on the button; up to 20 characters.
        display_text: String,
        /// The page.
        url: String,
    },
    /// A product; all cards are of the same catalogue.
    Product(ProductReferenceSchema),
}
