//! Every operation.

use utoipa_actix_web::scope;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{
    agents, api_keys, contacts, conversations, events, media, messages, numbers, organizations,
};

/// Adds all operations under `/v1`.
pub(crate) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(scope("/v1").configure(operations));
}

fn operations(config: &mut ServiceConfig<'_>) {
    config
        .service(organizations::create::create)
        .service(organizations::list::list)
        .service(organizations::update_status::update_status)
        .service(organizations::get::get)
        .service(organizations::update::update)
        .service(api_keys::create::create)
        .service(api_keys::list::list)
        .service(api_keys::revoke::revoke)
        .service(numbers::create::create)
        .service(numbers::list::list)
        .service(numbers::get::get)
        .service(numbers::update::update)
        .service(agents::create::create)
        .service(agents::list::list)
        .service(agents::get::get)
        .service(agents::update::update)
        .service(agents::delete::delete)
        .service(contacts::list::list)
        .service(contacts::get::get)
        .service(contacts::update::update)
        .service(conversations::list::list)
        .service(conversations::get::get)
        .service(conversations::update::update)
        .service(messages::send::send)
        .service(messages::get::get)
        .service(messages::list::list)
        .service(media::upload::upload)
        .service(media::get::get)
        .service(events::stream::stream);
}
