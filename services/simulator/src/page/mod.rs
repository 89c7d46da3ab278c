//! The browser page: simulated phones. The server renders everything; the
//! script only asks for fragments when there is news.

mod content;
mod template;
mod text;
mod view;

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

use crate::graph::media::serve;
use crate::state::Simulator;
use view::{Banner, Bubble, Chat, NumberOption, PhoneRow};

const STYLE: &str = include_str!("../../assets/page.css");
const SCRIPT: &str = include_str!("../../assets/page.js");
const ICON: &str = include_str!("../../assets/icon.svg");

/// Nothing but our own files runs here; media of messages may come from anywhere.
const POLICY: &str = "default-src 'self'; img-src * data: blob:; media-src * blob:; \
                      object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The whole page.
#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    number_id: String,
    numbers: Vec<NumberOption>,
    phones: Vec<PhoneRow>,
    chat: Option<Chat>,
    banner: Option<Banner>,
}

#[derive(Template)]
#[template(path = "phones.html")]
struct Phones {
    phones: Vec<PhoneRow>,
}

#[derive(Template)]
#[template(path = "chat.html")]
struct ChatPane {
    chat: Option<Chat>,
}

#[derive(Template)]
#[template(path = "bubble.html")]
struct OneBubble {
    bubble: Bubble,
}

#[derive(Template)]
#[template(path = "banner.html")]
struct BannerPane {
    banner: Option<Banner>,
}

/// Routes of the page.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(page))
        .route("/page/phones", web::get().to(phones))
        .route("/page/chat", web::get().to(chat))
        .route("/page/bubble", web::get().to(bubble))
        .route("/page/banner", web::get().to(banner))
        .route("/page/media/{id}", web::get().to(media))
        .route("/page/style.css", web::get().to(style))
        .route("/page/script.js", web::get().to(script))
        .route("/page/icon.svg", web::get().to(icon));
}

/// What the page shows.
#[derive(Debug, Deserialize)]
struct Shown {
    number: Option<String>,
    phone: Option<String>,
}

impl Shown {
    /// The number asked for, if it exists, or the first one.
    fn number(&self, simulator: &Simulator) -> String {
        simulator.read(|state| {
            let numbers = &state.accounts.numbers;
            let own = simulator.settings().phone_number_id.as_str();
            let wanted = self.number.as_deref().unwrap_or(own);
            let known = numbers.get(wanted).or_else(|| numbers.values().next());
            known.map(|number| number.id.clone()).unwrap_or_default()
        })
    }
}

fn html(rendered: askama::Result<String>) -> HttpResponse {
    match rendered {
        Ok(html) => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .insert_header(("Content-Security-Policy", POLICY))
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .insert_header(("Referrer-Policy", "no-referrer"))
            .insert_header(("Cache-Control", "no-store"))
            .body(html),
        Err(error) => {
            tracing::error!(error = %error, "the page cannot be rendered");
            HttpResponse::InternalServerError().body("the page cannot be rendered")
        }
    }
}

fn current_banner(simulator: &Simulator) -> Option<Banner> {
    let pending = simulator.queue().pending;
    simulator.read(|state| view::banner(state, &simulator.settings().app_id, pending))
}

async fn page(simulator: web::Data<Simulator>, shown: web::Query<Shown>) -> HttpResponse {
    let number_id = shown.number(&simulator);
    let selected = shown.phone.as_deref();
    let banner = current_banner(&simulator);
    let now = simulator.now();
    let page = simulator.read(|state| Page {
        numbers: view::numbers(state, &number_id),
        phones: view::phones(state, &number_id, selected),
        chat: selected.and_then(|phone| view::chat(state, &number_id, phone, now)),
        banner,
        number_id,
    });
    html(page.render())
}

async fn phones(simulator: web::Data<Simulator>, shown: web::Query<Shown>) -> HttpResponse {
    let number_id = shown.number(&simulator);
    let phones = simulator.read(|state| view::phones(state, &number_id, shown.phone.as_deref()));
    html(Phones { phones }.render())
}

async fn chat(simulator: web::Data<Simulator>, shown: web::Query<Shown>) -> HttpResponse {
    let number_id = shown.number(&simulator);
    let phone = shown.phone.as_deref().unwrap_or_default();
    let now = simulator.now();
    let chat = simulator.read(|state| view::chat(state, &number_id, phone, now));
    html(ChatPane { chat }.render())
}

#[derive(Debug, Deserialize)]
struct WhichBubble {
    id: String,
}

async fn bubble(simulator: web::Data<Simulator>, which: web::Query<WhichBubble>) -> HttpResponse {
    match simulator.read(|state| view::bubble(state, &which.id)) {
        Some(bubble) => html(OneBubble { bubble }.render()),
        None => HttpResponse::NoContent().finish(),
    }
}

async fn banner(simulator: web::Data<Simulator>) -> HttpResponse {
    let banner = current_banner(&simulator);
    html(BannerPane { banner }.render())
}

/// A file for the page itself, which has no access token.
async fn media(simulator: web::Data<Simulator>, path: web::Path<String>) -> HttpResponse {
    let file = simulator.read(|state| state.media.get(&path.into_inner()).cloned());
    match file {
        Some(file) => serve(&file),
        None => HttpResponse::NotFound().json(json!({ "detail": "this file is gone" })),
    }
}

fn asset(kind: &'static str, body: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Cache-Control", "no-cache"))
        .body(body)
}

async fn style() -> HttpResponse {
    asset("text/css; charset=utf-8", STYLE)
}

async fn script() -> HttpResponse {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

async fn icon() -> HttpResponse {
    asset("image/svg+xml", ICON)
}
