//! Lines of the audit log.

use std::fmt::Display;

use sb_db::AuditEntry;
use sb_http::{Needs, Tenant};
use serde_json::Value;

/// A change by a tenant's key. `action` is the operation's id, `detail` names what was changed.
pub(crate) fn by_key<N: Needs>(
    tenant: &Tenant<N>,
    action: &'static str,
    target_kind: &'static str,
    target: impl Display,
    detail: Value,
) -> AuditEntry {
    AuditEntry {
        actor_kind: "api_key",
        actor_id: tenant.key().to_string(),
        action,
        target_kind,
        target_id: target.to_string(),
        detail,
    }
}

/// A change by whoever runs the installation.
pub(crate) fn by_operator(
    action: &'static str,
    target_kind: &'static str,
    target: impl Display,
    detail: Value,
) -> AuditEntry {
    AuditEntry {
        actor_kind: "operator",
        actor_id: "operator".to_owned(),
        action,
        target_kind,
        target_id: target.to_string(),
        detail,
    }
}
