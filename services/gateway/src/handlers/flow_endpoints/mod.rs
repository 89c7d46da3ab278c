//! Flow endpoints: where WhatsApp Flows get their screens. Private keys are made here and never leave; the signing
//! secret is shown once.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod rotate_key;
pub(crate) mod update;

use std::time::Duration;

use chrono::{DateTime, Utc};
use sb_cloud_api::flows::FlowPrivateKey;
use sb_db::{FlowEndpoint, FlowHandler};
use sb_http::{FieldErrors, Problem};
use sb_ids::{FlowKeyId, OrganizationId};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::secrets;
use crate::state::Gateway;

/// Longest name in characters.
const NAME_MAX: usize = 200;
/// Longest address of a server.
const URL_MAX: usize = 2_048;
/// How long a request may wait until it is its turn to make a key.
const TURN_TIMEOUT: Duration = Duration::from_secs(20);

/// Who makes the screens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = FlowHandler)]
pub(crate) enum HandlerBody {
    /// A server of yours, called with signed requests.
    #[schema(title = "Server")]
    Http {
        /// Its `https` address.
        #[schema(example = "https://shop.example.com/whatsapp/flows")]
        url: String,
    },
    /// An agent of yours, whose instructions describe the screens.
    #[schema(title = "Agent")]
    Agent {
        /// Which one; null in answers after it was removed.
        #[schema(required)]
        agent_id: Option<Uuid>,
    },
}

impl HandlerBody {
    fn validate(&self, errors: &mut FieldErrors) {
        match self {
            Self::Http { url } => check_url(url, errors),
            Self::Agent { agent_id: Some(_) } => {}
            Self::Agent { agent_id: None } => errors.add("handler.agent_id", "is required"),
        }
    }

    /// What can only be checked with the settings.
    fn check(&self, gateway: &Gateway) -> Result<(), Problem> {
        match self {
            Self::Http { url } if url.starts_with("http:") && !gateway.limits.allows_plain_http => {
                Err(Problem::invalid(Vec::new()).field("handler.url", "must begin with https://"))
            }
            Self::Http { .. } | Self::Agent { .. } => Ok(()),
        }
    }
}

/// Whether the address leads to the inside of our network is looked at whenever it is called.
fn check_url(text: &str, errors: &mut FieldErrors) {
    errors.check_length("handler.url", text, 1..=URL_MAX);
    let is_usable = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    });
    if !is_usable {
        errors.add(
            "handler.url",
            "must be an absolute https address without a user, a password or a fragment",
        );
    }
}

impl From<HandlerBody> for FlowHandler {
    fn from(body: HandlerBody) -> Self {
        match body {
            HandlerBody::Http { url } => Self::Http { url },
            HandlerBody::Agent { agent_id } => Self::Agent {
                agent: agent_id.map(Into::into),
            },
        }
    }
}

impl From<FlowHandler> for HandlerBody {
    fn from(handler: FlowHandler) -> Self {
        match handler {
            FlowHandler::Http { url } => Self::Http { url },
            FlowHandler::Agent { agent } => Self::Agent {
                agent_id: agent.map(Uuid::from),
            },
        }
    }
}

/// A flow endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FlowEndpoint)]
pub(crate) struct FlowEndpointResponse {
    /// Its id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// Meta's id of the account whose flows call it.
    #[schema(example = "102290129340398")]
    waba_id: String,
    /// Meta's id of the app that is connected to the flows.
    #[schema(example = "900000000000001")]
    app_id: String,
    /// The path of the address that flows call, on the host that receives Meta's webhooks.
    #[schema(example = "/flows/019b0000-0000-7000-8000-000000000000")]
    path: String,
    /// Who makes the screens.
    handler: HandlerBody,
    /// The public key to give to Meta, PEM. All endpoints of the account share it.
    public_key_pem: String,
    /// When that key was made.
    key_rotated_at: DateTime<Utc>,
    /// Until when requests for the key before are still read.
    previous_key_valid_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<FlowEndpoint> for FlowEndpointResponse {
    fn from(endpoint: FlowEndpoint) -> Self {
        Self {
            id: endpoint.id.as_uuid(),
            name: endpoint.name,
            waba_id: endpoint.waba.into(),
            app_id: endpoint.app.into(),
            path: format!("/flows/{}", endpoint.id),
            handler: endpoint.handler.into(),
            public_key_pem: endpoint.public_key_pem,
            key_rotated_at: endpoint.key_rotated_at,
            previous_key_valid_until: endpoint.previous_key_valid_until,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

/// A key pair, the private half sealed for its row.
struct MadeKey {
    public_key_pem: String,
    private_key_sealed: Vec<u8>,
}

/// Makes a key pair for a row, one at a time and not on a thread that serves requests.
async fn make_key(
    gateway: &Gateway,
    organization: OrganizationId,
    row: FlowKeyId,
) -> Result<MadeKey, Problem> {
    let turn = tokio::time::timeout(TURN_TIMEOUT, gateway.key_making.acquire());
    let _turn = turn
        .await
        .map_err(Problem::unavailable)?
        .map_err(Problem::internal)?;
    let key = tokio::task::spawn_blocking(FlowPrivateKey::generate)
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)?;
    let pem = key.to_pem().map_err(Problem::internal)?;
    Ok(MadeKey {
        public_key_pem: key.public_key_pem().map_err(Problem::internal)?,
        private_key_sealed: secrets::seal_flow_key(&gateway.vault, organization, row, &pem)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(handler: serde_json::Value) -> Vec<String> {
        let handler: HandlerBody = serde_json::from_value(handler).unwrap();
        let mut errors = FieldErrors::default();
        handler.validate(&mut errors);
        let found = errors.finish().err().unwrap_or_default();
        found.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn servers_have_plain_absolute_addresses() {
        let of = |url: &str| faults(json!({ "kind": "http", "url": url }));
        assert!(of("https://shop.example.com/flows?shop=1").is_empty());
        for url in [
            "/flows",
            "ftp://shop.example.com/",
            "https://me:secret@shop.example.com/",
            "https://shop.example.com/#x",
            "https://",
        ] {
            assert_eq!(of(url), ["handler.url"], "{url}");
        }
        assert_eq!(of("").len(), 2);
    }

    #[test]
    fn an_agent_is_named() {
        assert_eq!(faults(json!({ "kind": "agent" })), ["handler.agent_id"]);
        let unknown = serde_json::from_value::<HandlerBody>(json!({ "kind": "carrier pigeon" }));
        assert!(unknown.is_err());
    }
}
