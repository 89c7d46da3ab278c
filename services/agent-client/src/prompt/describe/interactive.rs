//! What was sent with something to tap.

use sb_domain::content::{Action, CarouselCard, Header, InteractivePart};
use sb_domain::formatting::to_markdown;

use crate::prompt::tag::Tag;

/// The message with what could be tapped, so that the model understands a short answer to it.
pub(super) fn describe(message: &InteractivePart) -> String {
    let mut tag = Tag::new("interactive").attribute("type", message.action.meta_type());
    if let Some(Header::Text { text }) = &message.header {
        tag = tag.child(Tag::new("header").text(text));
    }
    if let Some(body) = &message.body {
        tag = tag.child(Tag::new("body").text(&to_markdown(body)));
    }
    choices(&message.action)
        .into_iter()
        .fold(tag, |tag, (id, title)| {
            tag.child(Tag::new("choice").attribute("id", id).text(title))
        })
        .render()
}

/// Id and title of what can be tapped.
fn choices(action: &Action) -> Vec<(&str, &str)> {
    match action {
        Action::Buttons { buttons } => buttons
            .iter()
            .map(|button| (button.id.as_str(), button.title.as_str()))
            .collect(),
        Action::List { sections, .. } => sections
            .iter()
            .flat_map(|section| &section.rows)
            .map(|row| (row.id.as_str(), row.title.as_str()))
            .collect(),
        Action::CtaUrl { display_text, url } => vec![(url, display_text)],
        Action::Flow(flow) => vec![("", &flow.cta)],
        Action::Product(product) => vec![(&product.product_retailer_id, "product")],
        Action::ProductList { sections, .. } => sections
            .iter()
            .flat_map(|section| &section.product_retailer_ids)
            .map(|id| (id.as_str(), "product"))
            .collect(),
        Action::Carousel { cards } => cards
            .iter()
            .map(|card| match card {
                CarouselCard::CtaUrl {
                    display_text, url, ..
                } => (url.as_str(), display_text.as_str()),
                CarouselCard::Product(product) => (product.product_retailer_id.as_str(), "product"),
            })
            .collect(),
        Action::Catalog { .. }
        | Action::LocationRequest {}
        | Action::AddressRequest { .. }
        | Action::CallPermissionRequest {}
        | Action::VoiceCall { .. }
        | Action::ContactInfoRequest {} => Vec::new(),
    }
}
