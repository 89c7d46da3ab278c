//! One report about an outgoing message.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, Utc};
use sb_domain::delivery::ReportedStatus;
use sb_ids::{Bsuid, WaId, Wamid};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Malformed, Problem, scalar};
use crate::errors::MetaError;

/// A report about an outgoing message. Reports come late, twice and out of order.
///
/// # Source
/// Meta, "Webhooks, status messages", 2026.
pub struct StatusUpdate<'a> {
    /// The message.
    pub id: Wamid,
    /// Meta's word: `sent`, `delivered`, `read`, `played`, `failed`, or one not known here.
    pub status: Cow<'a, str>,
    /// When it happened.
    pub timestamp: DateTime<Utc>,
    /// The recipient's phone number; a group's id is not one and counts as absent.
    pub recipient_id: Option<WaId>,
    /// The recipient's business-scoped id.
    pub recipient_user_id: Option<Bsuid>,
    /// The recipient's id across an enrolled portfolio.
    pub recipient_parent_user_id: Option<Bsuid>,
    /// In a group: the participant's phone number.
    pub participant_id: Option<WaId>,
    /// In a group: the participant's business-scoped id.
    pub participant_user_id: Option<Bsuid>,
    /// What we gave along when sending: the id of our row.
    pub callback_data: Option<Cow<'a, str>>,
    /// The price, as received.
    pub pricing: Option<&'a RawValue>,
    /// The priced conversation, as received; rare since v24.
    pub conversation: Option<&'a RawValue>,
    /// The whole report as received.
    pub raw: &'a RawValue,
    errors: Vec<&'a RawValue>,
}

impl fmt::Debug for StatusUpdate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusUpdate")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("timestamp", &self.timestamp)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    id: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    status: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    timestamp: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    recipient_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    recipient_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    recipient_parent_user_id: Option<Cow<'a, str>>,
    // Meta's own spelling until 2026-05-05; both may come.
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    parent_recipient_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    recipient_participant_id: Option<Cow<'a, str>>,
    // A second spelling in Meta's samples; both may come.
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    participant_recipient_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    recipient_participant_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    biz_opaque_callback_data: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pricing: Option<&'a RawValue>,
    #[serde(borrow)]
    conversation: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    errors: Vec<&'a RawValue>,
}

impl<'a> StatusUpdate<'a> {
    /// Reads one item of `statuses`.
    ///
    /// # Errors
    /// [`Malformed`] without a usable id, status or timestamp, or with a field of another form.
    pub fn parse(raw: &'a RawValue) -> Result<Self, Malformed> {
        let wire: Wire<'a> =
            serde_json::from_str(raw.get()).map_err(|error| Malformed::json("status", &error))?;
        let malformed = |problem, field| Malformed::field("status", problem, field);
        if wire.status.is_empty() {
            return Err(malformed(Problem::Missing, "status"));
        }
        Ok(Self {
            id: Wamid::parse(wire.id).map_err(|_| malformed(Problem::Invalid, "id"))?,
            status: wire.status,
            timestamp: scalar::instant(&wire.timestamp)
                .ok_or_else(|| malformed(Problem::Invalid, "timestamp"))?,
            recipient_id: scalar::wa_id(wire.recipient_id.as_deref()),
            recipient_user_id: scalar::bsuid(wire.recipient_user_id.as_deref()),
            recipient_parent_user_id: scalar::bsuid(
                wire.recipient_parent_user_id
                    .or(wire.parent_recipient_user_id)
                    .as_deref(),
            ),
            participant_id: scalar::wa_id(
                wire.recipient_participant_id
                    .or(wire.participant_recipient_id)
                    .as_deref(),
            ),
            participant_user_id: scalar::bsuid(wire.recipient_participant_user_id.as_deref()),
            callback_data: wire.biz_opaque_callback_data,
            pricing: wire.pricing,
            conversation: wire.conversation,
            raw,
            errors: wire.errors,
        })
    }

    /// What the report says about the message's life; `None` for a word we do not know.
    pub fn reported(&self) -> Option<ReportedStatus> {
        ReportedStatus::parse(&self.status)
    }

    /// Why a message failed.
    pub fn errors(&self) -> Vec<MetaError> {
        self.errors
            .iter()
            .copied()
            .map(MetaError::from_raw)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn a_failure_names_its_code_and_our_own_id() {
        let json = raw(
            r#"{"id":"wamid.A","status":"failed","timestamp":"1739321024","recipient_id":"16505551234",
            "biz_opaque_callback_data":"m1","errors":[{"code":131026,"title":"Message undeliverable",
            "error_data":{"details":"d"}}]}"#,
        );
        let status = StatusUpdate::parse(&json).unwrap();
        assert_eq!(status.reported(), Some(ReportedStatus::Failed));
        assert_eq!(status.callback_data.as_deref(), Some("m1"));
        let errors = status.errors();
        assert_eq!(errors[0].code, Some(131_026));
        assert_eq!(errors[0].details.as_deref(), Some("d"));
    }

    #[test]
    fn old_spellings_and_unknown_words_are_read() {
        let json = raw(
            r#"{"id":"wamid.A","status":"warning","timestamp":1,"parent_recipient_user_id":"US.ENT.1",
            "participant_recipient_id":"1","recipient_id":"Y2FwaV9ncm91cA","recipient_type":"group"}"#,
        );
        let status = StatusUpdate::parse(&json).unwrap();
        assert_eq!(status.reported(), None);
        assert_eq!(status.status, "warning");
        assert!(status.recipient_parent_user_id.is_some());
        assert!(status.participant_id.is_some());
        assert_eq!(status.recipient_id, None);
    }

    #[test]
    fn a_status_without_its_word_is_refused_by_field() {
        let error = StatusUpdate::parse(&raw(r#"{"id":"wamid.A","timestamp":1}"#)).unwrap_err();
        assert_eq!(
            (error.problem, error.place.as_str()),
            (Problem::Missing, "status")
        );
    }
}
