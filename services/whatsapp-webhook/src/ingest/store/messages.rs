//! Messages written elsewhere: who and where, which place, the row, the event.

use std::collections::{HashMap, HashSet};

use sb_db::ingest::{Advance, KnownMessage, MessageSource, NewIngested, Person, Places};
use sb_db::{DbError, SystemTx};
use sb_domain::Clock;
use sb_domain::content::Direction;
use sb_domain::identity::Ids;
use sb_events::Addressed;
use sb_ids::{ContactId, ConversationId, MessageId, OrganizationId, PostId, Wamid};

use super::{Addressee, Store, Stored, media};
use crate::ingest::plan::{Shown, Written};
use crate::ingest::resolve::{Parties, Party, Resolution};
use crate::ingest::{Disposition, statuses};

/// A message that was not there before.
pub(in crate::ingest) type Arrived = (OrganizationId, String);

/// Who wrote in groups.
type Authors = HashMap<Person, ContactId>;

impl Store {
    /// Stores messages. `None` when the resolver remembered something that is not so any more: it is forgotten,
    /// and the whole batch has to be written again.
    pub(super) async fn write_messages(
        &self,
        tx: &mut SystemTx,
        written: &[Addressee<'_, Written>],
        stored: &mut Stored,
    ) -> Result<Option<(Resolution, Vec<Arrived>)>, DbError> {
        let (mut parties, mut authors) = (Parties::new(), Parties::new());
        for message in written {
            note_appearance(&mut parties, party(message), message.update);
            if let Some(author) = author(message) {
                let author = (message.route.number, author);
                note_appearance(&mut authors, author, message.update);
            }
        }
        let mut ingest = tx.ingest();
        let now = self.clock.now();
        let resolution = self.resolver.resolve(&mut ingest, parties, now).await?;
        let authors = self.resolver.contacts(&mut ingest, authors, now).await?;
        let (mut rows, advances) = rows(written, (&resolution, &authors), stored, &self.clock);
        let places: HashMap<ConversationId, Places> = ingest
            .advance_conversations(&advances)
            .await?
            .into_iter()
            .collect();
        let stale: HashSet<ConversationId> = advances
            .iter()
            .map(|advance| advance.conversation)
            .filter(|conversation| !places.contains_key(conversation))
            .collect();
        if !stale.is_empty() {
            self.resolver.forget_those(&resolution, &stale);
            return Ok(None);
        }
        number(&mut rows, &advances, &places);
        let new: HashSet<MessageId> = ingest.insert_messages(&rows).await?.into_iter().collect();
        self.announce_messages(tx, (&rows, written), &new, stored)
            .await?;
        media::write(tx, &self.announcer, stored).await?;
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
        Ok(Some((resolution, arrived)))
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
                self.tell_of(row, place, stored)?;
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
                stored.wanted.extend(media::wanted(row, message.id));
                continue;
            }
            let posts = posts.get(&(key.0, key.1.as_str()));
            if message
                .post
                .is_some_and(|post| posts.is_some_and(|posts| posts.contains(&post)))
            {
                let place = (message.id, message.conversation, message.sequence);
                self.tell_of(row, place, stored)?;
            }
        }
        Ok(())
    }

    /// Announces a message and has its file fetched.
    fn tell_of(
        &self,
        row: &NewIngested,
        place: (MessageId, ConversationId, i64),
        stored: &mut Stored,
    ) -> Result<(), DbError> {
        stored.events.push(self.announcer.written(row, place)?);
        stored.wanted.extend(media::wanted(row, place.0));
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

fn person(organization: OrganizationId, shown: &Shown) -> Person {
    Person {
        organization,
        ids: shown.ids.clone(),
        becomes: shown.becomes.clone(),
    }
}

/// The other side of the conversation: the group in a group.
fn party(message: &Addressee<'_, Written>) -> Party {
    let organization = message.route.organization;
    let person = match &message.update.group {
        None => person(organization, &message.update.person),
        Some(group) => Person {
            organization,
            ids: Ids {
                group: Some(group.clone()),
                ..Ids::default()
            },
            becomes: None,
        },
    };
    (message.route.number, person)
}

/// The participant who wrote in a group.
fn author(message: &Addressee<'_, Written>) -> Option<Person> {
    let update = message.update;
    let is_theirs = update.group.is_some() && update.direction == Direction::Incoming;
    (is_theirs && update.person.ids.names_somebody())
        .then(|| person(message.route.organization, &update.person))
}

fn note_appearance(parties: &mut Parties, party: Party, update: &Written) {
    let is_person = party.1.ids.group.is_none();
    let shown = parties.entry(party).or_default();
    shown.at = shown.at.max(update.at);
    // The name is the participant's, not the group's.
    if is_person && update.person.profile_name.is_some() {
        shown.name.clone_from(&update.person.profile_name);
    }
}

/// The rows of new messages, without their places yet, and what each conversation gets.
fn rows(
    written: &[Addressee<'_, Written>],
    (resolution, authors): (&Resolution, &Authors),
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
                reply_to: None,
                link_version: resolved.link_version,
            });
        note(advance, update);
        rows.push(NewIngested {
            organization,
            id: MessageId::new(clock.now()),
            conversation: resolved.conversation,
            number: message.route.number,
            contact: resolved.contact,
            author: author(message).and_then(|author| authors.get(&author).copied()),
            direction: update.direction,
            state: update.state,
            source: update.message_source,
            content_type: update.content_type,
            content_json: media::content(organization, update),
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
        if update.group.is_none() && advance.incoming_at.is_none_or(|known| known <= update.at) {
            advance.reply_to.clone_from(&update.person.ids.phone);
        }
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
