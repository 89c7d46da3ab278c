//! Messages written elsewhere: who and where, which place, the row, the event.

use std::collections::{HashMap, HashSet};

use sb_db::ingest::{Advance, KnownMessage, MessageSource, NewIngested, Person, Places};
use sb_db::{DbError, SystemTx};
use sb_domain::Clock;
use sb_domain::content::Direction;
use sb_events::Addressed;
use sb_ids::{ConversationId, MessageId, OrganizationId, PostId, Wamid};

use super::{Addressee, Store, Stored};
use crate::ingest::plan::{Shown, Written};
use crate::ingest::resolve::{Party, Resolution};
use crate::ingest::{Disposition, statuses};

/// A message that was not there before.
pub(in crate::ingest) type Arrived = (OrganizationId, String);

impl Store {
    pub(super) async fn write_messages(
        &self,
        tx: &mut SystemTx,
        written: &[Addressee<'_, Written>],
        stored: &mut Stored,
    ) -> Result<(Resolution, Vec<Arrived>), DbError> {
        let mut parties: HashMap<Party, Option<String>> = HashMap::new();
        for message in written {
            let name = parties.entry(party(message)).or_default();
            if message.update.person.profile_name.is_some() {
                name.clone_from(&message.update.person.profile_name);
            }
        }
        let mut ingest = tx.ingest();
        let resolution = self
            .resolver
            .resolve(&mut ingest, parties, self.clock.now())
            .await?;
        let (mut rows, advances) = rows(written, &resolution, stored, &self.clock);
        let places: HashMap<ConversationId, Places> = ingest
            .advance_conversations(&advances)
            .await?
            .into_iter()
            .collect();
        number(&mut rows, &advances, &places);
        let new: HashSet<MessageId> = ingest.insert_messages(&rows).await?.into_iter().collect();
        self.announce_messages(tx, (&rows, written), &new, stored)
            .await?;
        let arrived = rows.iter().filter(|row| new.contains(&row.id));
        let sent: Vec<(OrganizationId, MessageId, Wamid)> = arrived
            .clone()
            .filter(|row| is_sent_elsewhere(row))
            .filter_map(|row| {
                let wamid = Wamid::parse(row.wamid.as_str()).ok()?;
                Some((row.organization, row.id, wamid))
            })
            .collect();
        statuses::adopt(tx, &self.announcer, &sent, stored).await?;
        let arrived = arrived.map(|row| (row.organization, row.wamid.clone()));
        let arrived = arrived.collect();
        Ok((resolution, arrived))
    }

    /// New messages are announced; so are those an earlier run of this batch stored, since nobody knows
    /// whether it came to announce them.
    async fn announce_messages(
        &self,
        tx: &mut SystemTx,
        (rows, written): (&[NewIngested], &[Addressee<'_, Written>]),
        new: &HashSet<MessageId>,
        stored: &mut Stored,
    ) -> Result<(), DbError> {
        // Meta's retry may share the batch with the post that was stored before.
        let mut posts: HashMap<(OrganizationId, &str), HashSet<PostId>> = HashMap::new();
        for message in written {
            let key = (message.route.organization, message.update.wamid.as_str());
            posts
                .entry(key)
                .or_default()
                .insert(message.unit.source.post);
        }
        let refused: Vec<(OrganizationId, String)> = rows
            .iter()
            .filter(|row| !new.contains(&row.id))
            .map(|row| (row.organization, row.wamid.clone()))
            .collect();
        let known: HashMap<(OrganizationId, String), KnownMessage> = tx
            .ingest()
            .find_by_wamid(&refused)
            .await?
            .into_iter()
            .map(|message| ((message.organization, message.wamid.clone()), message))
            .collect();
        for row in rows {
            if new.contains(&row.id) {
                stored.dispositions.push(Disposition::Stored);
                let place = (row.id, row.conversation, row.sequence);
                stored.events.push(self.announcer.written(row, place)?);
                continue;
            }
            stored.dispositions.push(Disposition::Duplicate);
            let key = (row.organization, row.wamid.clone());
            let Some(message) = known.get(&key) else {
                continue;
            };
            if fills(row, message) {
                stored.dispositions.pop();
                stored.dispositions.push(Disposition::Applied);
                stored.events.push(self.fill(tx, row, message).await?);
                continue;
            }
            let posts = posts.get(&(key.0, key.1.as_str()));
            if message
                .post
                .is_some_and(|post| posts.is_some_and(|posts| posts.contains(&post)))
            {
                let place = (message.id, message.conversation, message.sequence);
                stored.events.push(self.announcer.written(row, place)?);
            }
        }
        Ok(())
    }

    /// Puts a file of the past into the place that was kept for it.
    async fn fill(
        &self,
        tx: &mut SystemTx,
        row: &NewIngested,
        known: &KnownMessage,
    ) -> Result<Addressed, DbError> {
        tx.ingest().fill_placeholder(known, row).await?;
        self.announcer.filled(row, known)
    }
}

/// The file of the past for which there was a placeholder.
fn fills(row: &NewIngested, known: &KnownMessage) -> bool {
    row.source == MessageSource::History
        && known.content_type == "media_placeholder"
        && row.content_type != "media_placeholder"
}

const fn is_sent_elsewhere(row: &NewIngested) -> bool {
    matches!(row.direction, Direction::Outgoing)
}

pub(super) fn person(organization: OrganizationId, shown: &Shown) -> Person {
    Person {
        organization,
        wa_id: shown.wa_id.clone(),
        bsuid: shown.bsuid.clone(),
    }
}

fn party(message: &Addressee<'_, Written>) -> Party {
    let person = person(message.route.organization, &message.update.person);
    (message.route.number, person)
}

/// The rows of new messages, without their places yet, and what each conversation gets.
fn rows(
    written: &[Addressee<'_, Written>],
    resolution: &Resolution,
    stored: &mut Stored,
    clock: &Clock,
) -> (Vec<NewIngested>, Vec<Advance>) {
    let mut rows: Vec<NewIngested> = Vec::with_capacity(written.len());
    let mut seen = HashSet::new();
    let mut advances: HashMap<ConversationId, Advance> = HashMap::new();
    for message in written {
        let Some(resolved) = resolution.get(&party(message)) else {
            continue;
        };
        let (organization, update) = (message.route.organization, message.update);
        if !seen.insert((organization, update.wamid.as_str())) {
            stored.dispositions.push(Disposition::Duplicate);
            continue;
        }
        let advance = advances
            .entry(resolved.conversation)
            .or_insert_with(|| Advance {
                organization,
                conversation: resolved.conversation,
                messages: 0,
                past: 0,
                latest_at: update.at,
                incoming_at: None,
                takeover_at: None,
            });
        note(advance, update);
        rows.push(NewIngested {
            organization,
            id: MessageId::new(clock.now()),
            conversation: resolved.conversation,
            number: message.route.number,
            contact: resolved.contact,
            direction: update.direction,
            state: update.state,
            source: update.message_source,
            content_type: update.content_type,
            content_json: update.content_json.clone(),
            wamid: update.wamid.clone(),
            sequence: 0,
            post: message.unit.source.post,
            source_sequence: message.unit.source.sequence,
            received_at: message.unit.source.received_at,
            message_at: update.at,
        });
    }
    let mut advances: Vec<Advance> = advances.into_values().collect();
    advances.sort_by_key(|a| (a.organization, a.conversation));
    (rows, advances)
}

/// What one message does to its conversation.
fn note(advance: &mut Advance, update: &Written) {
    let latest = |known: Option<_>| Some(known.map_or(update.at, |known| update.at.max(known)));
    advance.latest_at = advance.latest_at.max(update.at);
    match update.message_source {
        // The window counts from what was received after the number was connected.
        MessageSource::History => {
            advance.past += 1;
            return;
        }
        MessageSource::Live | MessageSource::Standby => {}
        // A person of the business writes: agents keep silent.
        MessageSource::Echo => advance.takeover_at = latest(advance.takeover_at),
    }
    advance.messages += 1;
    // A notice of WhatsApp's opens no window: the contact did not write it.
    if update.direction == Direction::Incoming && update.content_type != "system" {
        advance.incoming_at = latest(advance.incoming_at);
    }
}

/// Gives each row its place: in the order in which the batch has them, those of the past before all others and
/// by their age.
fn number(
    rows: &mut [NewIngested],
    advances: &[Advance],
    places: &HashMap<ConversationId, Places>,
) {
    let mut next: HashMap<ConversationId, (i64, i64)> = advances
        .iter()
        .filter_map(|advance| {
            let given = places.get(&advance.conversation)?;
            let places = (given.first - 1, given.last - advance.messages);
            Some((advance.conversation, places))
        })
        .collect();
    let mut order: Vec<&mut NewIngested> = rows.iter_mut().collect();
    // Stable: only those of the past are moved, and only among themselves.
    let age = |row: &NewIngested| (row.source == MessageSource::History).then_some(row.message_at);
    order.sort_by_key(|row| age(row));
    for row in order {
        let (past, present) = next.entry(row.conversation).or_default();
        let place = if row.source == MessageSource::History {
            past
        } else {
            present
        };
        *place += 1;
        row.sequence = *place;
    }
}
