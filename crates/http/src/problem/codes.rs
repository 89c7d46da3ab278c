//! The stable codes, their statuses and titles. Each has a page in `problems/`, or this does not compile.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// A stable code of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as callers see it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)+
                }
            }

            /// What it says in one line, the same at every occurrence.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }

            /// The page that explains it, in Markdown.
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!("../../problems/", $code, ".md")),)+
                }
            }
        }
    };
}

codes! {
    /// The JSON does not parse.
    RequestMalformedJson = "request.malformed_json", BAD_REQUEST, "The body is not JSON";
    /// A part of the path or of the query does not parse.
    RequestInvalidParameter = "request.invalid_parameter", BAD_REQUEST, "A parameter cannot be read";
    /// A header does not parse.
    RequestInvalidHeader = "request.invalid_header", BAD_REQUEST, "A header cannot be read";
    /// The body was not complete in time.
    RequestTimeout = "request.timeout", REQUEST_TIMEOUT, "The body did not arrive in time";
    /// The body is larger than allowed.
    RequestTooLarge = "request.too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body has a media type that this operation does not take.
    RequestUnsupportedMediaType = "request.unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "The body has the wrong media type";
    /// Fields are missing, unknown or out of range.
    RequestInvalid = "request.invalid", UNPROCESSABLE_ENTITY, "The request is not valid";
    /// A cursor that was not given out for this list.
    CursorInvalid = "cursor.invalid", BAD_REQUEST, "The cursor is not one of this list";
    /// There is nothing at this path.
    RouteNotFound = "route.not_found", NOT_FOUND, "There is nothing at this path";
    /// The path exists, but not for this method.
    RouteMethodNotAllowed = "route.method_not_allowed", METHOD_NOT_ALLOWED,
        "The path does not take this method";
    /// No credential was given.
    AuthMissing = "auth.missing", UNAUTHORIZED, "An API key is needed";
    /// The credential is unknown.
    AuthInvalid = "auth.invalid", UNAUTHORIZED, "The API key is not valid";
    /// The key's time is over.
    AuthExpired = "auth.expired", UNAUTHORIZED, "The API key has expired";
    /// The key was revoked.
    AuthRevoked = "auth.revoked", UNAUTHORIZED, "The API key was revoked";
    /// The key may not do this.
    AccessDenied = "access.denied", FORBIDDEN, "The API key may not do this";
    /// The organization may not use the product.
    OrganizationSuspended = "organization.suspended", FORBIDDEN, "The organization is suspended";
    /// A new key would be mightier than the one that makes it.
    ApiKeyExceedsOwnRights = "api_key.exceeds_own_rights", FORBIDDEN,
        "A key cannot give more than it has";
    /// No such organization.
    OrganizationNotFound = "organization.not_found", NOT_FOUND, "There is no such organization";
    /// No such key.
    ApiKeyNotFound = "api_key.not_found", NOT_FOUND, "There is no such API key";
    /// No such number.
    NumberNotFound = "number.not_found", NOT_FOUND, "There is no such number";
    /// No such agent.
    AgentNotFound = "agent.not_found", NOT_FOUND, "There is no such agent";
    /// No such contact.
    ContactNotFound = "contact.not_found", NOT_FOUND, "There is no such contact";
    /// These two contacts cannot be made one.
    ContactNotMergeable = "contact.not_mergeable", CONFLICT, "These contacts cannot be merged";
    /// No such conversation.
    ConversationNotFound = "conversation.not_found", NOT_FOUND, "There is no such conversation";
    /// No such message.
    MessageNotFound = "message.not_found", NOT_FOUND, "There is no such message";
    /// No such file.
    MediaNotFound = "media.not_found", NOT_FOUND, "There is no such file";
    /// The address of a file is not ours, or too old.
    MediaLinkInvalid = "media.link_invalid", FORBIDDEN, "The address of the file is not valid";
    /// The file is not one that could not be fetched.
    MediaNotFailed = "media.not_failed", CONFLICT, "The file has not failed";
    /// A virus scanner found something in the file.
    MediaInfected = "media.infected", UNPROCESSABLE_ENTITY, "The file is infected";
    /// The bytes asked for are beyond the end of the file.
    MediaRangeInvalid = "media.range_invalid", RANGE_NOT_SATISFIABLE, "The file has no such bytes";
    /// No such flow endpoint.
    FlowEndpointNotFound = "flow_endpoint.not_found", NOT_FOUND, "There is no such flow endpoint";
    /// No such update in quarantine.
    QuarantineNotFound = "quarantine.not_found", NOT_FOUND, "There is no such update in quarantine";
    /// The update left quarantine in another way.
    QuarantineResolved = "quarantine.resolved", CONFLICT, "The update is no longer in quarantine";
    /// The post it came in is no longer kept.
    QuarantineExpired = "quarantine.expired", GONE, "The post of the update is no longer kept";
    /// No such WhatsApp Business Account.
    WabaNotFound = "waba.not_found", NOT_FOUND, "There is no such WhatsApp Business Account";
    /// Neither the number nor the installation has an access token.
    NumberTokenMissing = "number.token_missing", CONFLICT, "There is no access token for this";
    /// Meta no longer accepts the number's access token.
    NumberTokenRejected = "number.token_rejected", CONFLICT, "Meta does not accept the access token";
    /// Meta refused for good.
    MetaRefused = "meta.refused", UNPROCESSABLE_ENTITY, "Meta refused";
    /// Meta cannot be reached, or is too busy.
    MetaUnavailable = "meta.unavailable", SERVICE_UNAVAILABLE, "Meta is not available now";
    /// The number is connected already.
    NumberAlreadyConnected = "number.already_connected", CONFLICT, "The number is connected already";
    /// The account belongs to another app.
    WabaBoundElsewhere = "waba.bound_to_another_app", CONFLICT,
        "The WhatsApp Business Account is bound to another app";
    /// It is not clear which number shall send.
    NumberRequired = "number.required", UNPROCESSABLE_ENTITY, "The sending number must be named";
    /// Free-form content while only templates are allowed.
    ConversationWindowClosed = "conversation.window_closed", UNPROCESSABLE_ENTITY,
        "The customer service window is closed";
    /// The idempotency key was used for another request.
    IdempotencyMismatch = "idempotency.mismatch", CONFLICT,
        "The idempotency key was used for another request";
    /// The first request with this key is still at work.
    IdempotencyInProgress = "idempotency.in_progress", CONFLICT,
        "The first request with this idempotency key is still at work";
    /// The events asked for are no longer kept.
    EventsGone = "events.gone", GONE, "The events are no longer kept";
    /// The key has too many event streams open.
    EventsTooManyStreams = "events.too_many_streams", TOO_MANY_REQUESTS,
        "Too many event streams are open";
    /// Something of ours is not there for the moment.
    ServerUnavailable = "server.unavailable", SERVICE_UNAVAILABLE, "The service is not available now";
    /// Something of ours failed.
    ServerInternal = "server.internal", INTERNAL_SERVER_ERROR, "Something failed on our side";
}

/// The page of a code, in Markdown.
pub fn page(code: &str) -> Option<&'static str> {
    Code::ALL
        .iter()
        .find(|known| known.as_str() == code)
        .map(|known| known.page())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("problems");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let codes: BTreeSet<String> = Code::ALL
            .iter()
            .map(|code| format!("{}.md", code.as_str()))
            .collect();
        assert_eq!(pages, codes);
    }

    #[test]
    fn every_page_begins_with_its_code_and_says_what_to_do() {
        for code in Code::ALL {
            let page = code.page();
            assert!(
                page.starts_with(&format!("# {}\n", code.as_str())),
                "{page}"
            );
            assert!(page.contains("\n**What to do.**"), "{page}");
        }
    }
}
