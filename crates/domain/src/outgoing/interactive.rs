//! Limits of interactive messages.
//!
//! # Source
//! Meta, "Interactive messages" and the page of each kind, 2026.

use std::collections::HashSet;

use super::check::{Path, bounded, bounded_if_given, counted, malformed, web_address};
use super::{InvalidContent, check_media};
use crate::content::{
    Action, CarouselCard, FlowAction, Header, InteractivePart, ListSection, MediaKind,
    ProductReference, ProductSection, ReplyButton,
};

#[cfg(test)]
mod tests;

const BODY_MAX: usize = 1024;
const LIST_BODY_MAX: usize = 4096;
const SMALL_TEXT_MAX: usize = 60;
const BUTTON_MAX: usize = 20;
const BUTTON_ID_MAX: usize = 256;
const BUTTONS: (usize, usize) = (1, 3);
const SECTIONS: (usize, usize) = (1, 10);
const ROWS: (usize, usize) = (1, 10);
const TITLE_MAX: usize = 24;
const ROW_ID_MAX: usize = 200;
const ROW_DESCRIPTION_MAX: usize = 72;
const FLOW_CTA_MAX: usize = 30;
const CATALOG_ID_MAX: usize = 256;
const PRODUCTS: (usize, usize) = (1, 30);
const CARDS: (usize, usize) = (2, 10);
const CARD_BODY_MAX: usize = 160;
const CARD_LINE_BREAKS_MAX: usize = 2;
const CALL_TTL_MINUTES_MAX: u32 = 43_200;
const CALL_PAYLOAD_MAX: usize = 512;
/// Where addresses can be asked for.
const ADDRESS_COUNTRIES: [&str; 2] = ["IN", "SG"];

/// Which headers an action may stand under.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Headers {
    None,
    Text,
    /// Needs one.
    TextNeeded,
    Any,
}

/// What may surround an action.
struct Frame {
    headers: Headers,
    body_max: usize,
    needs_body: bool,
    footer: bool,
}

const fn frame(action: &Action) -> Frame {
    let usual = Frame {
        headers: Headers::None,
        body_max: BODY_MAX,
        needs_body: true,
        footer: true,
    };
    match action {
        Action::Buttons { .. } | Action::CtaUrl { .. } | Action::Flow(_) => Frame {
            headers: Headers::Any,
            ..usual
        },
        Action::List { .. } => Frame {
            headers: Headers::Text,
            body_max: LIST_BODY_MAX,
            ..usual
        },
        Action::ProductList { .. } => Frame {
            headers: Headers::TextNeeded,
            ..usual
        },
        Action::Product(_) => Frame {
            needs_body: false,
            ..usual
        },
        Action::CallPermissionRequest {} => Frame {
            needs_body: false,
            footer: false,
            ..usual
        },
        Action::Carousel { .. } | Action::LocationRequest {} => Frame {
            footer: false,
            ..usual
        },
        Action::Catalog { .. }
        | Action::AddressRequest { .. }
        | Action::VoiceCall { .. }
        | Action::ContactInfoRequest {} => usual,
    }
}

/// Checks an interactive message.
pub(super) fn check(at: Path<'_>, message: &InteractivePart) -> Result<(), InvalidContent> {
    let frame = frame(&message.action);
    header(at.key("header"), message.header.as_ref(), frame.headers)?;
    match &message.body {
        Some(body) => bounded(at.key("body"), body, frame.body_max)?,
        None if frame.needs_body => {
            return Err(InvalidContent::Empty {
                field: at.key("body").to_string(),
            });
        }
        None => {}
    }
    if message.footer.is_some() && !frame.footer {
        return Err(malformed(
            at.key("footer"),
            "is not allowed with this action",
        ));
    }
    bounded_if_given(at.key("footer"), message.footer.as_deref(), SMALL_TEXT_MAX)?;
    action(at.key("action"), &message.action)
}

fn header(at: Path<'_>, header: Option<&Header>, allowed: Headers) -> Result<(), InvalidContent> {
    match (header, allowed) {
        (None, Headers::TextNeeded) => Err(malformed(at, "is needed with this action")),
        (None, _) => Ok(()),
        (Some(_), Headers::None) => Err(malformed(at, "is not allowed with this action")),
        (Some(Header::Text { text }), _) => bounded(at.key("text"), text, SMALL_TEXT_MAX),
        (Some(Header::Media(_)), Headers::Text | Headers::TextNeeded) => {
            Err(malformed(at, "must be text with this action"))
        }
        (Some(Header::Media(media)), Headers::Any) => {
            if matches!(media.kind, MediaKind::Audio | MediaKind::Sticker) {
                return Err(malformed(
                    at.key("kind"),
                    "must be image, video or document",
                ));
            }
            if media.caption.is_some() {
                return Err(malformed(at.key("caption"), "is not allowed in a header"));
            }
            check_media(at, media)
        }
    }
}

fn action(at: Path<'_>, action: &Action) -> Result<(), InvalidContent> {
    match action {
        Action::Buttons { buttons } => reply_buttons(at.key("buttons"), buttons),
        Action::List { button, sections } => {
            bounded(at.key("button"), button, BUTTON_MAX)?;
            list(at.key("sections"), sections)
        }
        Action::CtaUrl { display_text, url } => {
            bounded(at.key("display_text"), display_text, BUTTON_MAX)?;
            web_address(at.key("url"), url)
        }
        Action::Flow(flow) => check_flow(at, flow),
        Action::Product(product) => reference(at, product),
        Action::ProductList {
            catalog_id,
            sections,
        } => {
            bounded(at.key("catalog_id"), catalog_id, CATALOG_ID_MAX)?;
            products(at.key("sections"), sections)
        }
        Action::Catalog {
            thumbnail_product_retailer_id,
        } => bounded_if_given(
            at.key("thumbnail_product_retailer_id"),
            thumbnail_product_retailer_id.as_deref(),
            CATALOG_ID_MAX,
        ),
        Action::AddressRequest { country, .. } => {
            if ADDRESS_COUNTRIES.contains(&country.as_str()) {
                Ok(())
            } else {
                Err(malformed(at.key("country"), "must be IN or SG"))
            }
        }
        Action::VoiceCall {
            display_text,
            ttl_minutes,
            payload,
        } => {
            bounded_if_given(at.key("display_text"), display_text.as_deref(), BUTTON_MAX)?;
            bounded_if_given(at.key("payload"), payload.as_deref(), CALL_PAYLOAD_MAX)?;
            if ttl_minutes.is_some_and(|ttl| !(1..=CALL_TTL_MINUTES_MAX).contains(&ttl)) {
                return Err(malformed(at.key("ttl_minutes"), "must be 1 to 43200"));
            }
            Ok(())
        }
        Action::Carousel { cards } => carousel(at.key("cards"), cards),
        Action::LocationRequest {}
        | Action::CallPermissionRequest {}
        | Action::ContactInfoRequest {} => Ok(()),
    }
}

fn reply_buttons(at: Path<'_>, buttons: &[ReplyButton]) -> Result<(), InvalidContent> {
    counted(at, buttons.len(), BUTTONS)?;
    let (mut ids, mut titles) = (HashSet::new(), HashSet::new());
    for (index, button) in buttons.iter().enumerate() {
        let at = at.item(index);
        bounded(at.key("id"), &button.id, BUTTON_ID_MAX)?;
        bounded(at.key("title"), &button.title, BUTTON_MAX)?;
        if !ids.insert(&button.id) {
            return Err(malformed(at.key("id"), "is another button's as well"));
        }
        if !titles.insert(&button.title) {
            return Err(malformed(at.key("title"), "is another button's as well"));
        }
    }
    Ok(())
}

fn list(at: Path<'_>, sections: &[ListSection]) -> Result<(), InvalidContent> {
    counted(at, sections.len(), SECTIONS)?;
    let mut ids = HashSet::new();
    for (index, section) in sections.iter().enumerate() {
        let at = at.item(index);
        section_title(at, section.title.as_deref(), sections.len())?;
        let at = at.key("rows");
        counted(at, section.rows.len(), ROWS)?;
        for (index, row) in section.rows.iter().enumerate() {
            let at = at.item(index);
            bounded(at.key("id"), &row.id, ROW_ID_MAX)?;
            bounded(at.key("title"), &row.title, TITLE_MAX)?;
            let description = row.description.as_deref();
            bounded_if_given(at.key("description"), description, ROW_DESCRIPTION_MAX)?;
            if !ids.insert(&row.id) {
                return Err(malformed(at.key("id"), "is another row's as well"));
            }
        }
    }
    if ids.len() > ROWS.1 {
        return Err(malformed(at, "must have at most 10 rows in all"));
    }
    Ok(())
}

/// A section needs a title when there are several.
fn section_title(at: Path<'_>, title: Option<&str>, sections: usize) -> Result<(), InvalidContent> {
    let at = at.key("title");
    match title {
        None if sections > 1 => Err(malformed(at, "is needed when there are several sections")),
        None => Ok(()),
        Some(title) => bounded(at, title, TITLE_MAX),
    }
}

fn check_flow(at: Path<'_>, flow: &FlowAction) -> Result<(), InvalidContent> {
    match (&flow.flow_id, &flow.flow_name) {
        (Some(id), None) => bounded(at.key("flow_id"), id, CATALOG_ID_MAX)?,
        (None, Some(name)) => bounded(at.key("flow_name"), name, CATALOG_ID_MAX)?,
        (Some(_), Some(_)) | (None, None) => {
            let rule = "or `flow_name` must be given, not both";
            return Err(malformed(at.key("flow_id"), rule));
        }
    }
    bounded(at.key("cta"), &flow.cta, FLOW_CTA_MAX)?;
    if flow.data_exchange && flow.screen.is_some() {
        let rule = "is the endpoint's choice with `data_exchange`";
        return Err(malformed(at.key("screen"), rule));
    }
    if flow.data.is_some() && flow.screen.is_none() {
        return Err(malformed(at.key("screen"), "is needed with `data`"));
    }
    let is_object = flow
        .data
        .as_ref()
        .is_none_or(|data| data.as_object().is_some_and(|fields| !fields.is_empty()));
    if is_object {
        Ok(())
    } else {
        Err(malformed(at.key("data"), "must be an object with fields"))
    }
}

fn reference(at: Path<'_>, product: &ProductReference) -> Result<(), InvalidContent> {
    bounded(at.key("catalog_id"), &product.catalog_id, CATALOG_ID_MAX)?;
    bounded(
        at.key("product_retailer_id"),
        &product.product_retailer_id,
        CATALOG_ID_MAX,
    )
}

fn products(at: Path<'_>, sections: &[ProductSection]) -> Result<(), InvalidContent> {
    counted(at, sections.len(), SECTIONS)?;
    let mut count = 0;
    for (index, section) in sections.iter().enumerate() {
        let at = at.item(index);
        section_title(at, section.title.as_deref(), sections.len())?;
        let at = at.key("product_retailer_ids");
        counted(at, section.product_retailer_ids.len(), PRODUCTS)?;
        for (index, id) in section.product_retailer_ids.iter().enumerate() {
            bounded(at.item(index), id, CATALOG_ID_MAX)?;
            count += 1;
        }
    }
    if count > PRODUCTS.1 {
        return Err(malformed(at, "must have at most 30 products in all"));
    }
    Ok(())
}

fn carousel(at: Path<'_>, cards: &[CarouselCard]) -> Result<(), InvalidContent> {
    counted(at, cards.len(), CARDS)?;
    let first = cards.first();
    for (index, card) in cards.iter().enumerate() {
        let at = at.item(index);
        check_card(at, card)?;
        let fits = match (first, card) {
            (Some(CarouselCard::CtaUrl { media, .. }), CarouselCard::CtaUrl { media: own, .. }) => {
                media.kind == own.kind
            }
            (Some(CarouselCard::Product(one)), CarouselCard::Product(own)) => {
                one.catalog_id == own.catalog_id
            }
            (_, _) => false,
        };
        if !fits {
            let rule = "must be of the same kind, with the same kind of media or the same catalogue, as the first card";
            return Err(malformed(at, rule));
        }
    }
    Ok(())
}

fn check_card(at: Path<'_>, card: &CarouselCard) -> Result<(), InvalidContent> {
    match card {
        CarouselCard::CtaUrl {
            media,
            body,
            display_text,
            url,
        } => {
            let at_media = at.key("media");
            if !matches!(media.kind, MediaKind::Image | MediaKind::Video) {
                return Err(malformed(at_media.key("kind"), "must be image or video"));
            }
            if media.caption.is_some() {
                let rule = "is not allowed on a card: use `body`";
                return Err(malformed(at_media.key("caption"), rule));
            }
            check_media(at_media, media)?;
            bounded_if_given(at.key("body"), body.as_deref(), CARD_BODY_MAX)?;
            let breaks = body.as_deref().map_or(0, |body| body.matches('\n').count());
            if breaks > CARD_LINE_BREAKS_MAX {
                return Err(malformed(at.key("body"), "must have at most 2 line breaks"));
            }
            bounded(at.key("display_text"), display_text, BUTTON_MAX)?;
            web_address(at.key("url"), url)
        }
        CarouselCard::Product(product) => reference(at, product),
    }
}
