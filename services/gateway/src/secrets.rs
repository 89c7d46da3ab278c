//! Secrets of tenants on their way into the database: sealed for their row, never read back here.

use sb_http::{FieldErrors, Problem};
use sb_ids::{AgentId, FlowEndpointId, FlowKeyId, NumberId, OrganizationId};
use sb_vault::{Binding, SealedSecret, Vault};
use uuid::Uuid;

/// Longest secret; Meta's tokens have a few hundred characters.
const LONGEST: usize = 4096;

const FLOW_KEY: (&str, &str) = ("flow_keys", "private_key_sealed");

/// Seals Meta's access token of a number.
pub(crate) fn seal_access_token(
    vault: &Vault,
    organization: OrganizationId,
    number: NumberId,
    token: &str,
) -> Result<Vec<u8>, Problem> {
    seal(
        vault,
        ("numbers", "access_token_sealed"),
        organization,
        number.as_uuid(),
        token,
    )
}

/// Seals the model provider's key of an agent.
pub(crate) fn seal_model_key(
    vault: &Vault,
    organization: OrganizationId,
    agent: AgentId,
    key: &str,
) -> Result<Vec<u8>, Problem> {
    seal(
        vault,
        ("agents", "model_key_sealed"),
        organization,
        agent.as_uuid(),
        key,
    )
}

/// Seals the private key of an account's flow endpoints.
pub(crate) fn seal_flow_key(
    vault: &Vault,
    organization: OrganizationId,
    key: FlowKeyId,
    pem: &str,
) -> Result<Vec<u8>, Problem> {
    seal(vault, FLOW_KEY, organization, key.as_uuid(), pem)
}

/// Seals the private key that a rotation replaces, for the column where it waits for its end.
pub(crate) fn seal_previous_flow_key(
    vault: &Vault,
    organization: OrganizationId,
    key: FlowKeyId,
    sealed: Vec<u8>,
) -> Result<Vec<u8>, Problem> {
    let (owner, row) = (organization.as_uuid(), key.as_uuid());
    let (table, column) = FLOW_KEY;
    let binding = Binding {
        table,
        column,
        organization_id: owner.as_bytes(),
        row_id: row.as_bytes(),
    };
    let opened = SealedSecret::from_bytes(sealed)
        .and_then(|sealed| vault.open(&binding, &sealed))
        .map_err(Problem::internal)?;
    let pem = opened.expose_str().map_err(Problem::internal)?;
    seal(
        vault,
        ("flow_keys", "previous_private_key_sealed"),
        organization,
        row,
        pem,
    )
}

/// Seals the key of our signatures on requests to a flow endpoint's server.
pub(crate) fn seal_signing_secret(
    vault: &Vault,
    organization: OrganizationId,
    endpoint: FlowEndpointId,
    secret: &str,
) -> Result<Vec<u8>, Problem> {
    seal(
        vault,
        ("flow_endpoints", "signing_secret_sealed"),
        organization,
        endpoint.as_uuid(),
        secret,
    )
}

fn seal(
    vault: &Vault,
    (table, column): (&str, &str),
    organization: OrganizationId,
    row: Uuid,
    secret: &str,
) -> Result<Vec<u8>, Problem> {
    let organization = organization.as_uuid();
    let binding = Binding {
        table,
        column,
        organization_id: organization.as_bytes(),
        row_id: row.as_bytes(),
    };
    vault
        .seal(&binding, secret.as_bytes())
        .map(SealedSecret::into_bytes)
        .map_err(Problem::internal)
}

/// A secret goes into a header later: it must be visible ASCII.
pub(crate) fn check(field: &str, secret: &str, errors: &mut FieldErrors) {
    errors.check_length(field, secret, 1..=LONGEST);
    if !secret.bytes().all(|b| b.is_ascii_graphic()) {
        errors.add(
            field,
            "must not contain spaces or characters outside of ASCII",
        );
    }
}
