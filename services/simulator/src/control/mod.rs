//! `/_sim`: the strings behind the stage, for tests, scripts and the page.

pub(crate) mod accounts;
pub(crate) mod error;
pub(crate) mod faults;
pub(crate) mod flows;
pub(crate) mod inbound;
pub(crate) mod llm;
pub(crate) mod logs;
pub(crate) mod news;
pub(crate) mod phones;
pub(crate) mod statuses;

use actix_web::error::InternalError;
use actix_web::http::Uri;
use actix_web::{HttpResponse, ResponseError as _, web};
use error::ControlError;

/// What a control request may weigh; it may carry a file in base64.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Routes below `/_sim`.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/_sim")
            .app_data(json_config())
            .configure(account_routes)
            .configure(phone_routes)
            .configure(log_routes)
            .configure(fault_routes)
            .configure(llm_routes)
            .route("/stream", web::get().to(news::stream))
            .default_service(web::to(unknown)),
    );
}

fn account_routes(config: &mut web::ServiceConfig) {
    config
        .route("/state", web::get().to(logs::state))
        .route("/apps/{id}", web::put().to(accounts::put_app))
        .route("/tokens/{token}", web::put().to(accounts::put_token))
        .route("/tokens/{token}", web::delete().to(accounts::delete_token))
        .route("/wabas/{id}", web::put().to(accounts::put_waba))
        .route("/numbers/{id}", web::put().to(accounts::put_number))
        .route("/webhook", web::post().to(accounts::set_webhook))
        .route("/webhook", web::delete().to(accounts::delete_webhook))
        .route("/templates/{id}", web::patch().to(accounts::patch_template))
        .route("/changes", web::post().to(statuses::post_change));
}

fn phone_routes(config: &mut web::ServiceConfig) {
    config
        .route("/phones", web::get().to(phones::list))
        .route("/phones/{wa_id}", web::put().to(phones::put))
        .route("/phones/{wa_id}", web::delete().to(phones::delete))
        .route("/phones/{wa_id}/messages", web::post().to(inbound::message))
        .route("/phones/{wa_id}/media", web::post().to(inbound::media))
        .route("/phones/{wa_id}/read", web::post().to(phones::read))
        .route("/bulk", web::post().to(inbound::bulk))
        .route("/flows/exchange", web::post().to(flows::exchange));
}

fn log_routes(config: &mut web::ServiceConfig) {
    config
        .route("/sent", web::get().to(logs::sent))
        .route("/sent/repeated", web::get().to(logs::repeated))
        .route("/messages/{id}", web::get().to(logs::message))
        .route("/messages/{id}/status", web::post().to(statuses::force))
        .route("/webhooks", web::get().to(logs::webhooks))
        .route("/webhooks/retry", web::post().to(logs::retry_now))
        .route("/pending", web::get().to(logs::pending))
        .route("/stats", web::get().to(logs::stats))
        .route("/reset", web::post().to(faults::reset));
}

fn fault_routes(config: &mut web::ServiceConfig) {
    config
        .route("/faults", web::get().to(faults::get))
        .route("/faults", web::put().to(faults::put))
        .route("/faults", web::delete().to(faults::delete))
        .route("/faults/{number}", web::put().to(faults::put_number))
        .route("/faults/{number}", web::delete().to(faults::delete_number))
        .route("/statuses/release", web::post().to(statuses::release));
}

fn llm_routes(config: &mut web::ServiceConfig) {
    config
        .route("/llm/scripts", web::post().to(llm::add))
        .route("/llm/scripts", web::get().to(llm::list))
        .route("/llm/scripts", web::delete().to(llm::clear))
        .route("/llm/faults", web::put().to(llm::put_faults))
        .route("/llm/requests", web::get().to(llm::requests));
}

fn json_config() -> web::JsonConfig {
    web::JsonConfig::default()
        .limit(MAX_BODY_BYTES)
        // Scripts and curl rarely say what they send.
        .content_type_required(false)
        .content_type(|_| true)
        .error_handler(|error, _| {
            let answer = ControlError::Malformed(error.to_string()).error_response();
            InternalError::from_response(error, answer).into()
        })
}

async fn unknown(uri: Uri) -> HttpResponse {
    ControlError::Unknown(format!("path {}", uri.path())).error_response()
}
