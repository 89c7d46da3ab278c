//! Whom an update shows, and which ids of theirs changed.

use std::collections::HashMap;

use sb_cloud_api::webhook::{ContactProfile, InboundMessage};
use sb_domain::content::{Part, SystemNotice};
use sb_domain::identity::Ids;
use sb_ids::{Bsuid, WaId};
use serde_json::value::RawValue;

use super::clipped;
use super::unit::Shown;

/// What `contacts` says about a person.
#[derive(Debug, Clone, Default)]
pub(super) struct Profile {
    name: Option<String>,
    ids: Ids,
}

/// Profiles by each id of the person.
pub(super) type Names = HashMap<String, Profile>;

/// Ids as one value.
pub(super) fn ids(phone: Option<&WaId>, user: Option<&Bsuid>, parent: Option<&Bsuid>) -> Ids {
    Ids {
        phone: phone.map(|id| id.as_str().to_owned()),
        bsuid: user.map(|id| id.as_str().to_owned()),
        parent_bsuid: parent.map(|id| id.as_str().to_owned()),
        ..Ids::default()
    }
}

/// Who wrote a message.
pub(super) fn sender(message: &InboundMessage<'_>) -> Ids {
    ids(
        message.from.as_ref(),
        message.from_user_id.as_ref(),
        message.from_parent_user_id.as_ref(),
    )
}

/// Whom the business wrote to.
pub(super) fn addressee(message: &InboundMessage<'_>) -> Ids {
    ids(
        message.to.as_ref(),
        message.to_user_id.as_ref(),
        message.to_parent_user_id.as_ref(),
    )
}

impl Shown {
    /// The person with these ids, if there is one; with what else the update says about it.
    pub(super) fn of(ids: Ids, names: &Names) -> Option<Self> {
        if !ids.names_somebody() {
            return None;
        }
        let by = |id: &Option<String>| id.as_ref().and_then(|id| names.get(id));
        let Some(profile) = by(&ids.phone).or_else(|| by(&ids.bsuid)) else {
            return Some(Self {
                ids,
                ..Self::default()
            });
        };
        let known = profile.ids.clone();
        Some(Self {
            ids: Ids {
                phone: ids.phone.or(known.phone),
                bsuid: ids.bsuid.or(known.bsuid),
                parent_bsuid: ids.parent_bsuid.or(known.parent_bsuid),
                username: known.username,
                group: None,
            },
            becomes: None,
            profile_name: profile.name.clone(),
        })
    }
}

/// The person a notice of WhatsApp's is about: whoever sent it, by the ids of before if it says that they changed.
///
/// # Source
/// Meta, "system messages webhook", changelog of 2026-08-11: `previous_user_id`; `from` is absent for who has no
/// phone number to show. Older versions call a changed number `customer_changed_number`.
pub(super) fn noticed(message: &InboundMessage<'_>) -> Option<Shown> {
    let shown = |ids: Ids| Shown::of(ids, &Names::new());
    let Part::System(notice) = message.content().part else {
        return shown(sender(message));
    };
    let after = after(&notice);
    let mut before = sender(message);
    let changes =
        notice.kind.ends_with("changed_number") || notice.kind.ends_with("changed_user_id");
    if !changes {
        return shown(before).or_else(|| shown(after));
    }
    // The ids of the sender are those of before, unless they are named as the new ones.
    before.bsuid = bsuid(notice.previous_user_id)
        .or_else(|| before.bsuid.filter(|id| Some(id) != after.bsuid.as_ref()));
    before.parent_bsuid = bsuid(notice.previous_parent_user_id).or_else(|| {
        before
            .parent_bsuid
            .filter(|id| Some(id) != after.parent_bsuid.as_ref())
    });
    let Some(person) = shown(before) else {
        return shown(after);
    };
    Some(Shown {
        becomes: after.names_somebody().then(|| Box::new(after)),
        ..person
    })
}

fn bsuid(text: Option<String>) -> Option<String> {
    Bsuid::parse(text?).ok().map(String::from)
}

fn after(notice: &SystemNotice) -> Ids {
    let phone = notice.wa_id.as_deref().unwrap_or_default();
    let phone = WaId::parse(phone.trim_start_matches('+')).ok();
    Ids {
        phone: phone.map(String::from),
        bsuid: bsuid(notice.user_id.clone()),
        parent_bsuid: bsuid(notice.parent_user_id.clone()),
        ..Ids::default()
    }
}

/// Profiles by each id of the person.
pub(super) fn names(contacts: &[&RawValue]) -> Names {
    let mut names = HashMap::with_capacity(contacts.len());
    for raw in contacts {
        let Ok(profile) = ContactProfile::parse(raw) else {
            // Without its name the message is as good.
            continue;
        };
        let (phone, user) = (profile.wa_id.as_ref(), profile.user_id.as_ref());
        let text = |text: Option<&str>| text.map(clipped).filter(|text| !text.is_empty());
        let mut shown = Profile {
            name: text(profile.name.as_deref()),
            ids: ids(phone, user, profile.parent_user_id.as_ref()),
        };
        shown.ids.username = text(profile.username.as_deref());
        let keys = [phone.map(WaId::as_str), user.map(Bsuid::as_str)];
        for key in keys.into_iter().flatten() {
            names.insert(key.to_owned(), shown.clone());
        }
    }
    names
}
