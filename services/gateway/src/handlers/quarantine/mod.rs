//! Updates of Meta's that could not be handled. A tenant sees those that are known to be its own; the operator's
//! operations on all of them are in `operator_quarantine`.

pub(crate) mod care;
pub(crate) mod discard;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod replay;

use chrono::{DateTime, Utc};
use sb_db::{QuarantineFilter, QuarantineResolution, QuarantinedItem};
use sb_http::{FieldErrors, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Longest note in characters.
const NOTE_MAX: usize = 1_000;

/// An update in quarantine.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuarantinedUpdate)]
pub(crate) struct QuarantinedResponse {
    /// Its id.
    id: Uuid,
    /// The organization it belongs to; null when that is not known.
    organization_id: Option<Uuid>,
    /// `open`, `replaying` (a replay was asked for), `replayed` or `discarded`.
    #[schema(example = "open")]
    state: &'static str,
    /// Why it could not be handled, the last time it was tried: `number.unknown`, `message.malformed`, …
    #[schema(example = "number.unknown")]
    reason: String,
    /// What to do about it.
    advice: &'static str,
    /// Where in its post: `entry[0].changes[0].messages[2]`, or `post`.
    place: String,
    /// The post of Meta's it came in.
    post_id: Uuid,
    /// Meta's id of the app that posted it.
    app_id: String,
    /// Meta's id of the account it names; empty when it names none.
    waba_id: String,
    /// Meta's id of the number it names; empty when it names none.
    phone_number_id: String,
    /// The smallest piece at fault, as Meta sent it; need not be JSON. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// How often it was run again.
    attempts: i32,
    /// When a replay was asked for that has not been run yet.
    replay_requested_at: Option<DateTime<Utc>>,
    /// When a replay was last run.
    last_replayed_at: Option<DateTime<Utc>>,
    /// When it was put into quarantine.
    created_at: DateTime<Utc>,
    /// When it was stored or discarded.
    resolved_at: Option<DateTime<Utc>>,
    /// Who did that: an API key, `operator`, or `ingest` for a replay; empty while it is open.
    resolved_by: String,
    /// What whoever discarded it had to say.
    note: String,
}

impl From<QuarantinedItem> for QuarantinedResponse {
    fn from(item: QuarantinedItem) -> Self {
        let state = match item.resolution {
            Some(resolution) => resolution.as_str(),
            None if item.is_replay_pending() => "replaying",
            None => "open",
        };
        Self {
            id: item.id.as_uuid(),
            organization_id: item.organization.map(Uuid::from),
            state,
            advice: advice(&item),
            reason: item.reason,
            place: item.place,
            post_id: item.post.as_uuid(),
            app_id: item.app_id,
            waba_id: item.waba_id,
            phone_number_id: item.phone_number_id,
            payload: item.payload,
            attempts: item.attempts,
            replay_requested_at: item.replay_requested_at,
            last_replayed_at: item.last_replayed_at,
            created_at: item.created_at,
            resolved_at: item.resolved_at,
            resolved_by: item.resolved_by,
            note: item.note,
        }
    }
}

fn advice(item: &QuarantinedItem) -> &'static str {
    match item.resolution {
        Some(QuarantineResolution::Replayed) => return "nothing: a replay stored it",
        Some(QuarantineResolution::Discarded) => return "nothing: it was discarded",
        None => {}
    }
    match item.reason.as_str() {
        "number.unknown" => "connect the number (POST /v1/numbers), then replay",
        "waba.unknown" => "connect a number of the account (POST /v1/numbers), then replay",
        "app.not_bound" => {
            "another app of yours speaks for this number: subscribe its own app at Meta, then discard"
        }
        "post.expired" => "its post is no longer kept: see to `payload` by hand, then discard",
        "database.locked" => "nothing: it is run again by itself in a few seconds",
        "database.refused" | "post.panicked" => {
            "a fault of Switchboard's: report it, update, then replay"
        }
        _ => "not what Meta documents: update Switchboard, then replay; or discard",
    }
}

/// Which updates are wanted.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateFilter {
    /// Those that wait for somebody.
    Open,
    /// Those that were stored or discarded.
    Resolved,
}

impl StateFilter {
    const fn is_open(self) -> bool {
        matches!(self, Self::Open)
    }
}

/// Which updates are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Only those that are `open`, or `resolved`.
    #[param(inline)]
    state: Option<StateFilter>,
    /// Only those put aside for this reason.
    reason: Option<String>,
    /// Only those that name this number, by Meta's id.
    phone_number_id: Option<String>,
}

impl Filter {
    pub(crate) fn of_anybody(&self) -> QuarantineFilter {
        QuarantineFilter {
            open: self.state.map(StateFilter::is_open),
            reason: self.reason.clone(),
            phone_number_id: self.phone_number_id.clone(),
            organization: None,
        }
    }
}

/// Why an update is not needed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DiscardQuarantined)]
pub(crate) struct DiscardRequest {
    /// For whoever looks at it later, up to 1000 characters.
    #[serde(default)]
    #[schema(example = "a test message to a number we gave up")]
    pub(crate) note: String,
}

impl Validate for DiscardRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        errors.check_length("note", &self.note, 0..=NOTE_MAX);
    }
}
