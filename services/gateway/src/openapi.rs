//! The description of the API.

use actix_web::App;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_actix_web::AppExt as _;

use crate::{event_stream, routes};

/// What is said once for all operations.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Switchboard API",
        description = "Send and receive WhatsApp messages, let AI agents answer, and follow everything that happens.\n\n\
            Authenticate with `Authorization: Bearer sb_live_…`. Errors are RFC 9457 problems: decide by `code`. Lists \
            come in pages: pass `paging.after` as `after`. `POST` operations that say so take an `Idempotency-Key`. \
            Every answer carries an `X-Request-Id`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "messages", description = "Sending, and what was sent and received."),
        (name = "conversations", description = "The threads between a number and a contact."),
        (name = "contacts", description = "The people who talk to you."),
        (name = "media", description = "Files."),
        (name = "events", description = "Everything that happens, as it happens."),
        (name = "numbers", description = "Your business phone numbers."),
        (name = "flow-endpoints", description = "Where your WhatsApp Flows get their screens."),
        (name = "agents", description = "AI agents that answer."),
        (name = "quarantine", description = "What Meta sent and could not be handled: look at it, run it again, or discard it."),
        (name = "organization", description = "Your organization."),
        (name = "api-keys", description = "Credentials of your programs."),
        (name = "operator", description = "For whoever runs the installation."),
    ),
    components(schemas(sb_http::ProblemDocument, sb_http::FieldError, event_stream::EventDocument)),
)]
struct Base;

/// The document without its operations.
pub(crate) fn base() -> OpenApi {
    let mut document = Base::openapi();
    let bearer = |description: &str| {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some(description.to_owned());
        SecurityScheme::Http(scheme)
    };
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "api_key",
        bearer("An API key of an organization. The words listed at an operation are the scopes it needs."),
    );
    components.add_security_scheme(
        "operator",
        bearer("The operator's key (`gateway.operator_key`)."),
    );
    document
}

/// The whole document.
pub(crate) fn document() -> OpenApi {
    App::new()
        .into_utoipa_app()
        .openapi(base())
        .configure(routes::configure)
        .split_for_parts()
        .1
}

/// The whole document as it is served and committed.
pub fn openapi_json() -> String {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_the_current_one() {
        let committed = include_str!("../openapi.json");
        assert!(
            committed == openapi_json(),
            "services/gateway/openapi.json is not what the handlers say; run `make generate`"
        );
    }

    #[test]
    fn every_operation_has_an_id_a_summary_a_tag_and_a_credential() {
        let mut ids = std::collections::BTreeSet::new();
        for (path, item) in document().paths.paths {
            let operations = [item.get, item.post, item.put, item.patch, item.delete];
            for operation in operations.into_iter().flatten() {
                let id = operation.operation_id.unwrap();
                assert!(id.contains('.'), "{path}: {id} is not <noun>.<verb>");
                assert!(operation.summary.is_some_and(|s| !s.is_empty()), "{id}");
                assert_eq!(operation.tags.unwrap_or_default().len(), 1, "{id}");
                assert_eq!(operation.security.unwrap_or_default().len(), 1, "{id}");
                assert!(ids.insert(id.clone()), "{id} twice");
            }
        }
        assert!(ids.len() >= 29, "{ids:?}");
    }
}
