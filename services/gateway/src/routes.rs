//! Every operation.

use utoipa_actix_web::scope;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{
    agents, api_keys, contacts, conversations, events, flow_endpoints, media, messages, numbers,
    operator_quarantine, organizations, quarantine,
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
        .service(flow_endpoints::create::create)
        .service(flow_endpoints::list::list)
        .service(flow_endpoints::get::get)
        .service(flow_endpoints::update::update)
        .service(flow_endpoints::rotate_key::rotate_key)
        .service(flow_endpoints::delete::delete)
        .service(agents::create::create)
        .service(agents::list::list)
        .service(agents::get::get)
        .service(agents::update::update)
        .service(agents::delete::delete)
        .service(contacts::list::list)
        .service(contacts::get::get)
        .service(contacts::update::update)
        .service(contacts::merge::merge)
        .service(contacts::unmerge::unmerge)
        .service(contacts::merges::merges)
        .service(conversations::list::list)
        .service(conversations::get::get)
        .service(conversations::update::update)
        .service(messages::send::send)
        .service(messages::get::get)
        .service(messages::list::list)
        .service(media::upload::upload)
        .service(media::get::get)
        .service(media::retry::retry)
        .service(events::stream::stream)
        .service(quarantine::list::list)
        .service(quarantine::get::get)
        .service(quarantine::replay::replay)
        .service(quarantine::discard::discard)
        .service(operator_quarantine::list::list)
        .service(operator_quarantine::get::get)
        .service(operator_quarantine::replay::replay)
        .service(operator_quarantine::discard::discard);
}
