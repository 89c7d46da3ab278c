//! Contacts, conversations, calls and groups.

use sb_cloud_api::webhook::fields::{
    GroupEvent, Handover, IdentityChange, Participant, SyncAction,
};
use sb_db::DbError;
use sb_db::ingest::{
    GroupFact, Ingest, NewCallSignal, NewPreference, OwnerChange, Person, SyncedCard,
};
use sb_domain::identity::Ids;
use sb_events::micros;
use sb_events::proto::call::v1::CallSignalled;
use sb_events::proto::contact::v1::ContactPreferenceChanged;
use sb_events::proto::conversation::v1::ConversationHandedOver;
use sb_events::proto::group::v1::GroupChanged;
use sb_ids::{Bsuid, ContactId, ConversationId, WaId};

use super::super::announce::bounded;
use super::super::plan::Fact;
use super::super::resolve::{Appearance, Parties, Party};
use super::{Effects, FieldUpdate, Stored, Told, fact};

/// The role in which we own a conversation when Meta does not say which app has it: we answer customers.
const OUR_ROLES: &[&str] = &["customer_service", "escalation"];

/// A person that an update names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Who {
    contact: ContactId,
    /// Only where the update is about one: an address book alone makes no conversations.
    conversation: Option<ConversationId>,
}

/// The persons that updates name, one for one.
pub(super) async fn resolve(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    told: &[Told<'_>],
) -> Result<Vec<Option<Who>>, DbError> {
    let named: Vec<Option<Party>> = told.iter().map(party).collect();
    let (mut talking, mut mentioned) = (Parties::new(), Parties::new());
    for (told, party) in told.iter().zip(&named) {
        let Some(party) = party else { continue };
        let parties = if is_about_a_conversation(told) {
            &mut talking
        } else {
            &mut mentioned
        };
        let shown: &mut Appearance = parties.entry(party.clone()).or_default();
        shown.at = shown.at.max(told.kept.at);
    }
    let resolution = effects
        .resolver
        .resolve_anew(ingest, talking, effects.now)
        .await?;
    let contacts = effects
        .resolver
        .contacts(ingest, mentioned, effects.now)
        .await?;
    Ok(named
        .into_iter()
        .map(|party| {
            let party = party?;
            if let Some(resolved) = resolution.get(&party) {
                return Some(Who {
                    contact: resolved.contact,
                    conversation: Some(resolved.conversation),
                });
            }
            Some(Who {
                contact: *contacts.get(&party.1)?,
                conversation: None,
            })
        })
        .collect())
}

const fn is_about_a_conversation(told: &Told<'_>) -> bool {
    matches!(
        told.kept.fact,
        Some(Fact::Call(_) | Fact::CallStatus(_) | Fact::Field(FieldUpdate::Handover(_)))
    )
}

fn party(told: &Told<'_>) -> Option<Party> {
    let (wa_id, bsuid): (Option<&WaId>, Option<&Bsuid>) = match told.kept.fact.as_ref()? {
        Fact::Preference(preference) => (preference.wa_id.as_ref(), preference.user_id.as_ref()),
        Fact::Card(card) => (card.wa_id.as_ref(), card.user_id.as_ref()),
        Fact::Call(signal) => (signal.wa_id.as_ref(), signal.user_id.as_ref()),
        Fact::CallStatus(status) => (status.wa_id.as_ref(), status.user_id.as_ref()),
        Fact::Field(FieldUpdate::Handover(handover)) => {
            (handover.wa_id.as_ref(), handover.user_id.as_ref())
        }
        Fact::Identity(change) => return changed_party(told, change),
        Fact::Field(_) | Fact::Group(_) | Fact::HistoryProgress { .. } | Fact::Notice => {
            return None;
        }
    };
    if wa_id.is_none() && bsuid.is_none() {
        return None;
    }
    let route = told.route.as_ref()?;
    let person = Person {
        organization: route.organization,
        ids: Ids {
            phone: wa_id.map(|id| id.as_str().to_owned()),
            bsuid: bsuid.map(|id| id.as_str().to_owned()),
            ..Ids::default()
        },
        becomes: None,
    };
    Some((route.number, person))
}

/// A person whose ids changed.
fn changed_party(told: &Told<'_>, change: &IdentityChange) -> Option<Party> {
    let route = told.route.as_ref()?;
    let id = |id: Option<&Bsuid>| id.map(|id| id.as_str().to_owned());
    let parent = change.parent_user_id.as_ref();
    let before = Ids {
        phone: change.wa_id.as_ref().map(|id| id.as_str().to_owned()),
        bsuid: id(change.user_id.previous.as_ref()),
        parent_bsuid: id(parent.and_then(|parent| parent.previous.as_ref())),
        ..Ids::default()
    };
    let after = Ids {
        bsuid: id(change.user_id.current.as_ref()),
        parent_bsuid: id(parent.and_then(|parent| parent.current.as_ref())),
        ..Ids::default()
    };
    let person = Person {
        organization: route.organization,
        ids: before,
        becomes: Some(Box::new(after)),
    };
    Some((route.number, person))
}

pub(super) async fn apply(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    (told, who): (&Told<'_>, Option<Who>),
    stored: &mut Stored,
) -> Result<(), DbError> {
    match (&told.kept.fact, who) {
        (Some(Fact::Preference(preference)), Some(who)) => {
            let new = NewPreference {
                organization: told.row.organization,
                contact: who.contact,
                category: preference.category.clone(),
                value: preference.value.clone(),
                detail: preference.detail.clone().unwrap_or_default(),
                decided_at: preference.at,
            };
            // A later decision is known: tenants have heard of that one.
            if !ingest.save_preference(&new).await? {
                return Ok(());
            }
            let event = ContactPreferenceChanged {
                meta: Some(fact(told, "contact.preference_changed")),
                contact_id: who.contact.to_string(),
                category: new.category,
                value: new.value,
                decided_at_us: micros(new.decided_at),
            };
            stored.events.push(effects.announcer.told(&event)?);
        }
        (Some(Fact::Card(card)), Some(who)) => {
            let name = match card.action {
                SyncAction::Saved => card.name.clone().unwrap_or_default(),
                SyncAction::Removed => String::new(),
            };
            let synced = SyncedCard {
                organization: told.row.organization,
                contact: who.contact,
                name,
                at: told.kept.at,
            };
            ingest.save_card(&synced).await?;
        }
        (Some(Fact::Call(signal)), who) => {
            let direction = signal.direction.clone().unwrap_or_default();
            let call = (&signal.id, signal.event.clone(), direction);
            call_signal(effects, ingest, (told, who, call), stored).await?;
            let conversation = who.and_then(|who| who.conversation);
            if let Some(conversation) = conversation.filter(|_| signal.opens_window()) {
                let organization = told.row.organization;
                ingest
                    .open_window(organization, conversation, signal.at)
                    .await?;
            }
        }
        (Some(Fact::CallStatus(status)), who) => {
            let signal = status.status.to_ascii_lowercase();
            let call = (&status.id, signal, String::new());
            call_signal(effects, ingest, (told, who, call), stored).await?;
        }
        _ => {}
    }
    Ok(())
}

type Call<'c> = (&'c String, String, String);

async fn call_signal(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    (told, who, (call_id, signal, direction)): (&Told<'_>, Option<Who>, Call<'_>),
    stored: &mut Stored,
) -> Result<(), DbError> {
    let Some(route) = &told.route else {
        return Ok(());
    };
    let new = NewCallSignal {
        organization: told.row.organization,
        id: told.row.id,
        call_id: call_id.clone(),
        number: route.number,
        party: who.and_then(|who| Some((who.contact, who.conversation?))),
        signal,
        direction,
        signalled_at: told.kept.at,
        payload_json: told.row.payload_json.clone(),
        received_at: told.row.received_at,
    };
    ingest.insert_call_signal(&new).await?;
    let event = CallSignalled {
        meta: Some(fact(told, "call.signalled")),
        call_id: new.call_id,
        number_id: route.number.to_string(),
        contact_id: who.map(|who| who.contact.to_string()).unwrap_or_default(),
        conversation_id: who
            .and_then(|who| who.conversation)
            .map(|id| id.to_string())
            .unwrap_or_default(),
        signal: new.signal,
        direction: new.direction,
        signalled_at_us: micros(new.signalled_at),
        signal_json: bounded(&new.payload_json),
    };
    stored.events.push(effects.announcer.told(&event)?);
    Ok(())
}

/// Who answers from now on.
pub(super) async fn handover(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    (told, handover, who): (&Told<'_>, &Handover, Option<Who>),
    stored: &mut Stored,
) -> Result<(), DbError> {
    let party = who.and_then(|who| Some((who.contact, who.conversation?)));
    let (Some((contact, conversation)), Some(route)) = (party, &told.route) else {
        return effects
            .updated(told, &handover.kind)
            .map(|event| stored.events.push(event));
    };
    let change = OwnerChange {
        organization: told.row.organization,
        conversation,
        is_ours: is_ours(handover, &told.unit.source.app_id),
        role: handover.new_owner_role.clone().unwrap_or_default(),
        at: handover.at,
    };
    // A later change is known: tenants have heard of that one.
    if !ingest.change_owner(&change).await? {
        return Ok(());
    }
    let event = ConversationHandedOver {
        meta: Some(fact(told, "conversation.handed_over")),
        conversation_id: conversation.to_string(),
        contact_id: contact.to_string(),
        number_id: route.number.to_string(),
        is_ours: change.is_ours,
        previous_owner_role: handover.previous_owner_role.clone().unwrap_or_default(),
        new_owner_role: change.role,
    };
    stored.events.push(effects.announcer.told(&event)?);
    Ok(())
}

/// By the app where Meta still names one, otherwise by the role.
fn is_ours(handover: &Handover, app_id: &str) -> bool {
    if let Some(owner) = &handover.new_owner_app_id {
        return owner == app_id;
    }
    let role = handover.new_owner_role.as_deref().unwrap_or_default();
    OUR_ROLES.contains(&role)
}

pub(super) async fn group(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    (told, event): (&Told<'_>, &GroupEvent),
    stored: &mut Stored,
) -> Result<(), DbError> {
    let Some(route) = &told.route else {
        return Ok(());
    };
    let ids = |people: &[Participant]| -> Vec<String> {
        let id = |person: &Participant| {
            let user = person.user_id.as_ref().map(|id| id.as_str().to_owned());
            user.or_else(|| person.wa_id.as_ref().map(|id| id.as_str().to_owned()))
        };
        people.iter().filter_map(id).collect()
    };
    // What failed changed nothing.
    if event.errors.is_empty() {
        let group = GroupFact {
            organization: told.row.organization,
            number: route.number,
            group_id: event.group_id.clone(),
            subject: event.subject.clone(),
            description: event.description.clone(),
            status: match event.kind.as_str() {
                "group_create" | "group_suspend_cleared" => Some("active"),
                "group_suspend" => Some("suspended"),
                "group_delete" => Some("deleted"),
                _ => None,
            },
            joined: ids(&event.added),
            left: ids(&event.removed),
            at: event.at,
        };
        ingest.tell_group(&group).await?;
    }
    let event = GroupChanged {
        meta: Some(fact(told, "group.changed")),
        number_id: route.number.to_string(),
        group_id: event.group_id.clone(),
        change: event.kind.clone(),
        value_json: bounded(&told.row.payload_json),
    };
    stored.events.push(effects.announcer.told(&event)?);
    Ok(())
}
