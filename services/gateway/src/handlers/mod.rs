//! The operations: one folder a noun, one file a verb.

pub(crate) mod agents;
pub(crate) mod api_keys;
pub(crate) mod contacts;
pub(crate) mod conversations;
pub(crate) mod events;
pub(crate) mod flow_endpoints;
pub(crate) mod media;
pub(crate) mod messages;
pub(crate) mod numbers;
pub(crate) mod operator_quarantine;
pub(crate) mod organizations;
pub(crate) mod quarantine;

use sb_db::DbError;
use sb_http::{FieldError, Problem};

/// A broken foreign key to an agent: the caller named one that is not there, or not its own.
fn agent_must_exist(field: &'static str) -> impl FnOnce(DbError) -> Problem {
    move |error| {
        let is_agent =
            matches!(&error, DbError::Dangling { constraint } if constraint.contains("agent"));
        if !is_agent {
            return error.into();
        }
        Problem::invalid(vec![FieldError {
            field: field.to_owned(),
            detail: "is not one of your agents".to_owned(),
        }])
    }
}
