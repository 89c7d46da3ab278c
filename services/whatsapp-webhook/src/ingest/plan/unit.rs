//! What a post is made of.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sb_cloud_api::webhook::fields::{
    CallSignal, CallStatus, ContactSync, FieldUpdate, GroupEvent, IdentityChange, Preference,
};
use sb_db::ingest::{MessageSource, ReplayedPlace};
use sb_domain::content::Direction;
use sb_domain::delivery::ReportedStatus;
use sb_domain::identity::Ids;
use sb_ids::{MessageId, PostId};
use serde_json::Value;

/// Where a unit comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) post: PostId,
    pub(crate) app_id: String,
    pub(crate) received_at: DateTime<Utc>,
    /// The envelope's place in `UPDATES`.
    pub(crate) sequence: i64,
    /// An earlier post that is run again.
    pub(crate) is_replay: bool,
    /// What runs again had stepped aside: what was stored of it may not have been announced.
    pub(crate) is_set_aside: bool,
}

/// One update of a post.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) source: Arc<Source>,
    /// `entry[0].changes[1].messages[2]`.
    pub(crate) place: String,
    /// The account the entry names.
    pub(crate) waba_id: String,
    pub(crate) update: Update,
}

/// What an update is.
#[derive(Debug, Clone)]
pub(crate) enum Update {
    Written(Written),
    Changed(Changed),
    Reported(Reported),
    /// Everything that is kept as it came, with what it means if this version knows it.
    Kept(Kept),
    /// Not readable, or not storable.
    Rejected {
        reason: &'static str,
        payload: String,
        /// The number, when at least that can be read.
        phone_number_id: Option<String>,
    },
}

/// What a batch holds.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) units: Vec<Unit>,
    /// What of it is run again.
    pub(crate) replayed: Vec<ReplayedPlace>,
}

/// A person as an update shows it; at least one id is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) ids: Ids,
    /// The ids that take their place, when the update says so.
    pub(crate) becomes: Option<Box<Ids>>,
    pub(crate) profile_name: Option<String>,
}

/// A message that was written elsewhere: by a contact, or by the business without us.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) phone_number_id: String,
    pub(crate) wamid: String,
    /// Who wrote it, or to whom the business wrote.
    pub(crate) person: Shown,
    /// The group it was written in.
    pub(crate) group: Option<String>,
    pub(crate) direction: Direction,
    pub(crate) message_source: MessageSource,
    /// `received`, or how far a message of the business is known to have come.
    pub(crate) state: &'static str,
    pub(crate) at: DateTime<Utc>,
    pub(crate) content_type: &'static str,
    pub(crate) content_json: String,
    /// The message as Meta sent it, for quarantine.
    pub(crate) raw_json: String,
}

/// An edit or a revocation.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    pub(crate) phone_number_id: String,
    /// The message that is changed.
    pub(crate) wamid: String,
    pub(crate) change_wamid: String,
    /// The new content; `None` for a revocation.
    pub(crate) content: Option<(&'static str, String)>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) raw_json: String,
}

/// A status of a message of ours.
#[derive(Debug, Clone)]
pub(crate) struct Reported {
    pub(crate) phone_number_id: String,
    pub(crate) wamid: String,
    pub(crate) status: String,
    pub(crate) known: Option<ReportedStatus>,
    /// Our message's id, when Meta echoed one.
    pub(crate) echoed: Option<MessageId>,
    pub(crate) recipient: String,
    /// The ids of the recipient, when there are several: they are one person's.
    pub(crate) recipient_ids: Option<Box<Ids>>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) raw_json: String,
}

/// An update that is kept as it came.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// The number it names, if it names one by Meta's id.
    pub(crate) phone_number_id: Option<String>,
    /// Meta's name of the field, with the list inside of it.
    pub(crate) field: String,
    pub(crate) payload_json: String,
    /// When it happened, if it says so; otherwise when it arrived.
    pub(crate) at: DateTime<Utc>,
    /// When the entry says it happened, in unix seconds.
    pub(crate) entry_time: Option<i64>,
    /// What it means; `None` for what this version does not know.
    pub(crate) fact: Option<Fact>,
}

/// What a kept update means.
#[derive(Debug, Clone)]
pub(crate) enum Fact {
    /// A value of its own field.
    Field(FieldUpdate),
    /// Ids of a person that others take the place of.
    Identity(IdentityChange),
    /// A contact's decision.
    Preference(Preference),
    /// A card of the business's address book.
    Card(ContactSync),
    /// A signal of a call.
    Call(CallSignal),
    /// How our call is received.
    CallStatus(CallStatus),
    /// Something about a group.
    Group(GroupEvent),
    /// How far the import of the past is.
    HistoryProgress {
        progress: Option<i64>,
        error: Option<Value>,
    },
    /// A problem of the number or account, or a click: known, and without an effect.
    Notice,
}
