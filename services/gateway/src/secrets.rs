//! Secrets of tenants on their way into the database: sealed for their row, never read back here.

use sb_http::{FieldErrors, Problem};
use sb_ids::{AgentId, NumberId, OrganizationId};
use sb_vault::{Binding, Vault};
use uuid::Uuid;

/// Longest secret; Meta's tokens have a few hundred characters.
const LONGEST: usize = 4096;

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
        .map(sb_vault::SealedSecret::into_bytes)
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
