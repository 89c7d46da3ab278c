//! Every other field: what it says, beside the value that is kept.

use chrono::{DateTime, Utc};
use sb_cloud_api::webhook::fields::{
    CallSignal, CallStatus, CallsValue, ContactSync, FieldUpdate, GroupEvent, IdentityChange,
    NumberUpdate, Preference,
};
use sb_ids::PhoneNumberId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::unit::Fact;
use super::{Place, PostReader};

/// The lists of these fields, and the number they belong to.
#[derive(Deserialize)]
struct Lists<'a> {
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow)]
    user_preferences: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    state_sync: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    user_id_update: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    groups: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    phone_number_id: Option<&'a RawValue>,
}

impl Lists<'_> {
    /// Meta's id of the number; a string here, a number there.
    fn number(&self) -> Option<String> {
        let raw = self.metadata.as_ref()?.phone_number_id?;
        let id = PhoneNumberId::parse(raw.get().trim_matches('"')).ok()?;
        Some(id.as_str().to_owned())
    }
}

impl PostReader<'_> {
    pub(super) fn read_field(&mut self, place: Place<'_>, raw: &RawValue) {
        let path = place.path.to_owned();
        // What has another form than documented is kept like what nobody knows.
        let fact = FieldUpdate::parse(place.field, raw).and_then(Result::ok);
        let number = match &fact {
            Some(FieldUpdate::Handover(handover)) => Some(handover.phone_number_id.clone()),
            Some(FieldUpdate::Number(NumberUpdate::Settings(settings))) => {
                Some(settings.phone_number_settings.phone_number_id.clone())
            }
            _ => None,
        };
        // Events of partners come under a portfolio or `0` and name their account inside.
        let named = match &fact {
            Some(FieldUpdate::Account(event)) => event.waba_info.as_ref(),
            _ => None,
        };
        let named = named.and_then(|info| info.account.clone());
        let fact = fact.map(Fact::Field);
        let place = Place {
            waba_id: named.as_deref().unwrap_or(place.waba_id),
            ..place
        };
        self.keep(place, path, number.as_deref(), ("", raw, fact));
    }

    pub(super) fn read_people(&mut self, place: Place<'_>, raw: &RawValue) {
        let lists = self.lists(place, raw);
        let Some((lists, number)) = lists else { return };
        let preferences = lists.user_preferences.unwrap_or_default();
        for (index, item) in preferences.iter().enumerate() {
            let path = place.item("user_preferences", index);
            let fact = Preference::parse(item).ok().map(Fact::Preference);
            self.keep(place, path, Some(&number), ("", item, fact));
        }
        for (index, item) in lists.state_sync.unwrap_or_default().iter().enumerate() {
            let path = place.item("state_sync", index);
            let fact = ContactSync::parse(item).ok().flatten().map(Fact::Card);
            self.keep(place, path, Some(&number), ("", item, fact));
        }
        for (index, item) in lists.user_id_update.unwrap_or_default().iter().enumerate() {
            let path = place.item("user_id_update", index);
            let fact = IdentityChange::parse(item).ok().map(Fact::Identity);
            self.keep(place, path, Some(&number), ("", item, fact));
        }
    }

    pub(super) fn read_groups(&mut self, place: Place<'_>, raw: &RawValue) {
        let Some((lists, number)) = self.lists(place, raw) else {
            return;
        };
        for (index, item) in lists.groups.unwrap_or_default().iter().enumerate() {
            let path = place.item("groups", index);
            let fact = GroupEvent::parse(item).ok().map(Fact::Group);
            self.keep(place, path, Some(&number), ("", item, fact));
        }
    }

    /// The lists and the number; a value without them is kept whole.
    fn lists<'a>(&mut self, place: Place<'_>, raw: &'a RawValue) -> Option<(Lists<'a>, String)> {
        let lists: Option<Lists<'a>> = serde_json::from_str(raw.get()).ok();
        let read = lists.and_then(|lists| {
            let number = lists.number()?;
            Some((lists, number))
        });
        if read.is_none() {
            self.keep(place, place.path.to_owned(), None, ("", raw, None));
        }
        read
    }

    pub(super) fn read_calls(&mut self, place: Place<'_>, raw: &RawValue) {
        let Ok(value) = CallsValue::parse(raw) else {
            let path = place.path.to_owned();
            return self.reject(path, place.waba_id, "value.malformed", raw.get());
        };
        let number = Some(value.metadata.phone_number_id.as_str());
        for (index, item) in value.calls.iter().enumerate() {
            let path = place.item("calls", index);
            let fact = CallSignal::parse(item, &value.metadata)
                .ok()
                .map(Fact::Call);
            self.keep(place, path, number, ("calls", item, fact));
        }
        for (index, item) in value.statuses.iter().enumerate() {
            let path = place.item("statuses", index);
            let fact = CallStatus::parse(item).ok().map(Fact::CallStatus);
            self.keep(place, path, number, ("statuses", item, fact));
        }
        for (index, item) in value.errors.iter().enumerate() {
            let path = place.item("errors", index);
            self.keep(place, path, number, ("errors", item, Some(Fact::Notice)));
        }
    }
}

/// When a fact says it became true.
pub(super) fn told_at(fact: &Fact) -> Option<DateTime<Utc>> {
    match fact {
        Fact::Identity(change) => Some(change.at),
        Fact::Preference(preference) => Some(preference.at),
        Fact::Card(card) => card.at,
        Fact::Call(signal) => Some(signal.at),
        Fact::CallStatus(status) => Some(status.at),
        Fact::Group(event) => Some(event.at),
        Fact::Field(FieldUpdate::Handover(handover)) => Some(handover.at),
        Fact::Field(FieldUpdate::Number(NumberUpdate::Settings(settings))) => settings
            .timestamp
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        Fact::Field(_) | Fact::HistoryProgress { .. } | Fact::Notice => None,
    }
}
