//! The Graph API: one file per resource, Meta's errors, tokens and limits.

pub(crate) mod access;
pub(crate) mod apps;
pub(crate) mod error;
pub(crate) mod media;
pub(crate) mod messages;
pub(crate) mod node;
pub(crate) mod numbers;
pub(crate) mod oauth;
pub(crate) mod parameters;
pub(crate) mod profile;
pub(crate) mod subscriptions;
pub(crate) mod templates;
pub(crate) mod validate;

use actix_web::http::Uri;
use actix_web::{HttpResponse, web};
use error::GraphError;

/// Routes below `/{version}`.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::scope(r"/{version:v\d+\.\d+}")
            .route("/debug_token", web::get().to(oauth::debug_token))
            .route("/oauth/access_token", web::get().to(oauth::access_token))
            .service(edge("messages").route(web::post().to(messages::send)))
            .service(edge("marketing_messages").route(web::post().to(messages::send_marketing)))
            .service(edge("media").route(web::post().to(media::upload)))
            .service(edge("register").route(web::post().to(numbers::register)))
            .service(edge("deregister").route(web::post().to(numbers::deregister)))
            .service(edge("phone_numbers").route(web::get().to(numbers::list)))
            .service(
                edge("whatsapp_business_profile")
                    .route(web::get().to(profile::get))
                    .route(web::post().to(profile::update)),
            )
            .service(
                edge("subscribed_apps")
                    .route(web::get().to(apps::list))
                    .route(web::post().to(apps::subscribe))
                    .route(web::delete().to(apps::unsubscribe)),
            )
            .service(edge("subscriptions").route(web::post().to(subscriptions::set)))
            .service(
                edge("message_templates")
                    .route(web::get().to(templates::list))
                    .route(web::post().to(templates::create))
                    .route(web::delete().to(templates::delete)),
            )
            .service(
                web::resource("/{id}")
                    .route(web::get().to(node::get))
                    .route(web::post().to(node::update))
                    .route(web::delete().to(node::delete)),
            )
            .default_service(web::to(unknown_path)),
    );
    config.route(media::DOWNLOAD_PATH, web::get().to(media::download));
}

fn edge(name: &str) -> actix_web::Resource {
    web::resource(format!("/{{id}}/{name}"))
}

async fn unknown_path(uri: Uri) -> Result<HttpResponse, GraphError> {
    let path = uri.path().splitn(3, '/').nth(2).unwrap_or_default();
    Err(GraphError::unknown_path(&format!("/{path}")))
}

/// The usual answer of a change.
pub(crate) fn success() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "success": true }))
}
