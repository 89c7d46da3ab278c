use chrono::{DateTime, Utc};
use sb_ids::{OrganizationId, PostId, QuarantineId};
use serde::{Deserialize, Serialize};

/// An update of Meta's that could not be handled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuarantinedUpdate {
    /// Its id.
    pub id: QuarantineId,
    /// The organization it belongs to, when that is known.
    pub organization_id: Option<OrganizationId>,
    /// `open`, `replaying`, `replayed` or `discarded`.
    pub state: String,
    /// Why it could not be handled, the last time it was tried.
    pub reason: String,
    /// What to do about it.
    pub advice: String,
    /// Where in its post.
    pub place: String,
    /// The post it came in.
    pub post_id: PostId,
    /// Meta's id of the app that posted it.
    pub app_id: String,
    /// Meta's id of the account it names; empty when it names none.
    pub waba_id: String,
    /// Meta's id of the number it names; empty when it names none.
    pub phone_number_id: String,
    /// The smallest piece at fault, as Meta sent it; `None` in lists. Personal.
    #[serde(default)]
    pub payload: Option<String>,
    /// How often it was run again.
    pub attempts: u32,
    /// When a replay was asked for that has not been run yet.
    pub replay_requested_at: Option<DateTime<Utc>>,
    /// When a replay was last run.
    pub last_replayed_at: Option<DateTime<Utc>>,
    /// When it was put into quarantine.
    pub created_at: DateTime<Utc>,
    /// When it was stored or discarded.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Who did that; empty while it is open.
    pub resolved_by: String,
    /// What whoever discarded it had to say.
    pub note: String,
}

/// Whether an update waits for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineState {
    /// It waits.
    Open,
    /// It was stored or discarded.
    Resolved,
}

/// Which updates are wanted; `None` is any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QuarantineFilter {
    /// Those that wait, or those that do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<QuarantineState>,
    /// Those put aside for one reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Those that name one number, by Meta's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<String>,
    /// Those of one organization; for the operator only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
}
