//! The route table.

use actix_web::web;

use crate::handlers::{flow, receive, verify};

/// Where Meta calls.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/webhooks/whatsapp")
                .route(web::get().to(verify::handle))
                .route(web::post().to(receive::handle)),
        )
        .service(
            web::resource("/webhooks/whatsapp/{app_id}")
                .route(web::get().to(verify::handle))
                .route(web::post().to(receive::handle_for_app)),
        )
        .service(web::resource("/flows/{flow}").route(web::post().to(flow::handle)));
}
