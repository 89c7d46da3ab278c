use std::fmt;

use chrono::{DateTime, Utc};
use sb_ids::{AgentId, FlowEndpointId, MetaAppId, WabaId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Who makes the screens of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FlowHandler {
    /// A server, called with signed requests.
    Http {
        /// Its address.
        url: String,
    },
    /// An agent.
    Agent {
        /// Which one; none after it was removed.
        agent_id: Option<AgentId>,
    },
}

/// Where WhatsApp Flows get their screens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FlowEndpoint {
    /// Its id.
    pub id: FlowEndpointId,
    /// What people call it.
    pub name: String,
    /// The account whose flows call it.
    pub waba_id: WabaId,
    /// The app that is connected to the flows.
    pub app_id: MetaAppId,
    /// The path of the address that flows call, on the host that receives Meta's webhooks.
    pub path: String,
    /// Who makes the screens.
    pub handler: FlowHandler,
    /// The public key to give to Meta, PEM.
    pub public_key_pem: String,
    /// When that key was made.
    pub key_rotated_at: DateTime<Utc>,
    /// Until when requests for the key before are still read.
    pub previous_key_valid_until: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A flow endpoint to be made.
#[derive(Debug, Clone, Serialize)]
pub struct CreateFlowEndpoint {
    /// What people call it.
    pub name: String,
    /// The account whose flows call it.
    pub waba_id: WabaId,
    /// The app that is connected to the flows; the account's app when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_id: Option<MetaAppId>,
    /// Who makes the screens.
    pub handler: FlowHandler,
}

/// A new flow endpoint.
#[derive(Clone, Deserialize)]
pub struct CreatedFlowEndpoint {
    /// What is known about it.
    #[serde(flatten)]
    pub endpoint: FlowEndpoint,
    /// The key with which requests to the server are signed, shown only here.
    pub signing_secret: SecretString,
}

impl fmt::Debug for CreatedFlowEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CreatedFlowEndpoint")
            .field(&self.endpoint)
            .finish()
    }
}

/// What to change; `None` leaves a field alone.
#[derive(Clone, Default, Serialize)]
pub struct UpdateFlowEndpoint {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Another maker of the screens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<FlowHandler>,
    /// A new signing secret, `whsec_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
}

impl fmt::Debug for UpdateFlowEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateFlowEndpoint")
            .field("name", &self.name)
            .field("handler", &self.handler)
            .finish_non_exhaustive()
    }
}

/// How to rotate a key pair.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct RotateFlowKey {
    /// How long requests for the replaced key are still read, in hours; a day when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_valid_hours: Option<u16>,
}
