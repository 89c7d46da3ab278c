//! Groups: made, changed, joined, left.

use chrono::{DateTime, Utc};
use sb_ids::{Bsuid, WaId};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::missing;
use crate::webhook::{Malformed, scalar};

/// Something happened to a group.
///
/// # Source
/// Meta, "Groups API › webhooks", 2026; older spellings of types are read as the present ones.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupEvent {
    /// Meta's id of the group.
    pub group_id: String,
    /// `group_create`, `group_participants_add`, `group_suspend`, …
    pub kind: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The name, when it was given or changed.
    pub subject: Option<String>,
    /// The description, when it was given or changed.
    pub description: Option<String>,
    /// Who joined.
    pub added: Vec<Participant>,
    /// Who left.
    pub removed: Vec<Participant>,
    /// Why it failed, as received.
    pub errors: Vec<Value>,
}

/// A person in a group.
#[derive(Clone, PartialEq, Eq)]
pub struct Participant {
    /// Phone number in digits.
    pub wa_id: Option<WaId>,
    /// Business-scoped id.
    pub user_id: Option<Bsuid>,
}

#[derive(Deserialize)]
struct WireParticipant {
    #[serde(default, deserialize_with = "scalar::word")]
    wa_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    user_id: Option<String>,
    // What the request to add or remove the person said.
    #[serde(default, deserialize_with = "scalar::word")]
    input: Option<String>,
}

impl From<WireParticipant> for Participant {
    fn from(wire: WireParticipant) -> Self {
        let input = wire.input.as_deref();
        Self {
            wa_id: scalar::wa_id(wire.wa_id.as_deref()).or_else(|| scalar::wa_id(input)),
            user_id: scalar::bsuid(wire.user_id.as_deref()).or_else(|| scalar::bsuid(input)),
        }
    }
}

impl std::fmt::Debug for Participant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Participant").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default, deserialize_with = "scalar::word")]
    group_id: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "scalar::word")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    timestamp: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    subject: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    description: Option<String>,
    #[serde(default)]
    group_subject: Option<Setting>,
    #[serde(default)]
    group_description: Option<Setting>,
    #[serde(default, deserialize_with = "scalar::list")]
    added_participants: Vec<WireParticipant>,
    #[serde(default, deserialize_with = "scalar::list")]
    removed_participants: Vec<WireParticipant>,
    #[serde(default, deserialize_with = "scalar::list")]
    errors: Vec<Value>,
}

#[derive(Deserialize)]
struct Setting {
    #[serde(default, deserialize_with = "scalar::word")]
    text: Option<String>,
    #[serde(default)]
    update_successful: Option<bool>,
}

impl Setting {
    fn applied(self) -> Option<String> {
        self.text.filter(|_| self.update_successful.unwrap_or(true))
    }
}

impl GroupEvent {
    /// Reads one item of `groups`.
    ///
    /// # Errors
    /// [`Malformed`] without group, kind or time.
    pub fn parse(raw: &RawValue) -> Result<Self, Malformed> {
        let wire: Wire = super::read("groups", raw)?;
        let kind = wire.kind.ok_or_else(|| missing("type"))?;
        Ok(Self {
            group_id: wire.group_id.ok_or_else(|| missing("group_id"))?,
            kind: match kind.as_str() {
                "group_add_participants" => "group_participants_add".to_owned(),
                "group_remove_participants" => "group_participants_remove".to_owned(),
                _ => kind,
            },
            at: wire
                .timestamp
                .as_deref()
                .and_then(scalar::instant)
                .ok_or_else(|| missing("timestamp"))?,
            subject: wire
                .subject
                .or_else(|| wire.group_subject.and_then(Setting::applied)),
            description: wire
                .description
                .or_else(|| wire.group_description.and_then(Setting::applied)),
            added: wire
                .added_participants
                .into_iter()
                .map(Participant::from)
                .collect(),
            removed: wire
                .removed_participants
                .into_iter()
                .map(Participant::from)
                .collect(),
            errors: wire.errors,
        })
    }
}
