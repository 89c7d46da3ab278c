//! Writing a batch of units in one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sb_db::ingest::{Advance, Ingest, KeptUpdate, NewIncoming, QuarantinedUpdate, Route};
use sb_db::{Db, DbError, SystemReason};
use sb_domain::Clock;
use sb_events::Addressed;
use sb_ids::{ConversationId, MessageId, OrganizationId, PostId, QuarantineId};

use super::announce::Announcer;
use super::plan::{Incoming, Reported, Unit, Update};
use super::resolve::{Party, Resolution, Resolver};
use super::{Disposition, statuses};

/// How long a route is believed. Short: a new number must work at once, a moved one soon.
const ROUTE_FRESH: Duration = Duration::from_secs(5);

/// What a batch came to.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) events: Vec<Addressed>,
    pub(crate) dispositions: Vec<Disposition>,
}

impl Stored {
    fn join(mut self, other: Self) -> Self {
        self.events.extend(other.events);
        self.dispositions.extend(other.dispositions);
        self
    }
}

/// A message with the tenant it belongs to.
pub(crate) struct Addressee<'u, T> {
    pub(crate) unit: &'u Unit,
    pub(crate) route: Arc<Route>,
    pub(crate) update: &'u T,
}

/// The units of a batch by what has to be done with them.
#[derive(Default)]
struct Sorted<'u> {
    incoming: Vec<Addressee<'u, Incoming>>,
    reported: Vec<Addressee<'u, Reported>>,
    kept: Vec<KeptUpdate>,
    quarantined: Vec<QuarantinedUpdate>,
}

/// The tenants of accounts, asked once a batch.
#[derive(Default)]
struct Owners<'u>(HashMap<(&'u str, &'u str), Vec<OrganizationId>>);

impl<'u> Owners<'u> {
    async fn of(
        &mut self,
        ingest: &mut Ingest<'_>,
        unit: &'u Unit,
    ) -> Result<Vec<OrganizationId>, DbError> {
        let key = (unit.waba_id.as_str(), unit.source.app_id.as_str());
        if let Some(known) = self.0.get(&key) {
            return Ok(known.clone());
        }
        let found = ingest.organizations_of_waba(key.0, key.1).await?;
        self.0.insert(key, found.clone());
        Ok(found)
    }
}

/// Writes units.
#[derive(Debug)]
pub(crate) struct Store {
    db: Db,
    clock: Clock,
    announcer: Announcer,
    resolver: Resolver,
    routes: Cache<String, Arc<Route>>,
}

fn quarantined(
    unit: &Unit,
    organization: Option<OrganizationId>,
    reason: &'static str,
    payload: String,
) -> QuarantinedUpdate {
    QuarantinedUpdate {
        id: QuarantineId::derive(unit.source.post.as_uuid(), &unit.place),
        organization,
        post: unit.source.post,
        app_id: unit.source.app_id.clone(),
        reason,
        place: unit.place.clone(),
        payload,
        source_sequence: unit.source.sequence,
    }
}

/// What is kept of a unit that cannot be stored.
fn remains(update: &Update) -> String {
    match update {
        Update::Incoming(message) => message.raw_json.clone(),
        Update::Reported(status) => status.raw_json.clone(),
        Update::Kept { payload_json, .. } => payload_json.clone(),
        Update::Rejected { payload, .. } => payload.clone(),
    }
}

impl Store {
    pub(crate) fn new(db: Db, clock: Clock) -> Self {
        let announcer = Announcer::new(db.topology().clone());
        let routes = Cache::builder()
            .max_capacity(50_000)
            .time_to_live(ROUTE_FRESH)
            .build();
        Self {
            db,
            clock,
            announcer,
            resolver: Resolver::new(),
            routes,
        }
    }

    /// Writes units and says what to announce. When the database refuses a batch for what is in it, the
    /// batch is halved until the one unit at fault stands alone in quarantine.
    ///
    /// # Errors
    /// Only what lies in no update: the database is away, its schema is newer, or it chose this transaction as
    /// a victim. The batch comes again.
    pub(crate) async fn apply(&self, units: Vec<Unit>) -> Result<Stored, DbError> {
        let mut waiting = vec![units];
        let mut stored = Stored::default();
        while let Some(mut batch) = waiting.pop() {
            if batch.is_empty() {
                continue;
            }
            match self.write(&batch).await {
                Ok(done) => stored = stored.join(done),
                Err(error) if !error.is_about_the_data() => return Err(error),
                Err(error) if batch.len() == 1 => {
                    tracing::error!(
                        error = sb_telemetry::as_error(&error),
                        "an update cannot be stored"
                    );
                    stored = stored.join(self.put_aside(&batch).await?);
                }
                Err(_) => {
                    self.resolver.forget();
                    let second = batch.split_off(batch.len() / 2);
                    // The first half is written first: order within a conversation is kept.
                    waiting.push(second);
                    waiting.push(batch);
                }
            }
        }
        Ok(stored)
    }

    async fn put_aside(&self, batch: &[Unit]) -> Result<Stored, DbError> {
        const REASON: &str = "database.refused";
        let rows: Vec<QuarantinedUpdate> = batch
            .iter()
            .map(|u| quarantined(u, None, REASON, remains(&u.update)))
            .collect();
        let mut tx = self.db.system(SystemReason::Ingest).await?;
        tx.ingest().quarantine(&rows, self.clock.now()).await?;
        tx.commit().await?;
        Ok(Stored {
            events: Vec::new(),
            dispositions: vec![Disposition::Quarantined(REASON)],
        })
    }

    #[tracing::instrument(name = "ingest.write", skip_all, fields(units = batch.len()))]
    async fn write(&self, batch: &[Unit]) -> Result<Stored, DbError> {
        let mut tx = self.db.system(SystemReason::Ingest).await?;
        let mut ingest = tx.ingest();
        let mut stored = Stored::default();
        let sorted = self.sort(&mut ingest, batch, &mut stored).await?;
        let resolution = self
            .write_messages(&mut ingest, &sorted.incoming, &mut stored)
            .await?;
        statuses::write(&mut ingest, &self.announcer, &sorted.reported, &mut stored).await?;
        ingest.keep(&sorted.kept).await?;
        ingest
            .quarantine(&sorted.quarantined, self.clock.now())
            .await?;
        tx.commit().await?;
        self.resolver.remember(resolution);
        Ok(stored)
    }

    /// Finds each unit's tenant, and refuses what an app may not say.
    async fn sort<'u>(
        &self,
        ingest: &mut Ingest<'_>,
        batch: &'u [Unit],
        stored: &mut Stored,
    ) -> Result<Sorted<'u>, DbError> {
        let routes = self.routes_of(ingest, batch).await?;
        let mut sorted = Sorted::default();
        let mut owners = Owners::default();
        for unit in batch {
            let route = match routed(unit, &routes) {
                Ok(route) => route,
                Err(reason) => {
                    let rest = remains(&unit.update);
                    sorted
                        .quarantined
                        .push(quarantined(unit, None, reason, rest));
                    stored.dispositions.push(Disposition::Quarantined(reason));
                    continue;
                }
            };
            match (&unit.update, route) {
                (Update::Incoming(update), Some(route)) => {
                    sorted.incoming.push(Addressee {
                        unit,
                        route,
                        update,
                    });
                }
                (Update::Reported(update), Some(route)) => {
                    sorted.reported.push(Addressee {
                        unit,
                        route,
                        update,
                    });
                }
                (
                    Update::Kept {
                        field,
                        payload_json,
                        ..
                    },
                    route,
                ) => {
                    let tenants = match route {
                        Some(route) => vec![route.organization],
                        None => owners.of(ingest, unit).await?,
                    };
                    sort_kept(unit, &tenants, (field, payload_json), &mut sorted, stored);
                }
                (Update::Rejected { reason, payload }, _) => {
                    sorted
                        .quarantined
                        .push(quarantined(unit, None, reason, payload.clone()));
                    stored.dispositions.push(Disposition::Quarantined(reason));
                }
                // A message or status always names its number.
                (Update::Incoming(_) | Update::Reported(_), None) => {}
            }
        }
        Ok(sorted)
    }

    async fn routes_of(
        &self,
        ingest: &mut Ingest<'_>,
        batch: &[Unit],
    ) -> Result<HashMap<String, Arc<Route>>, DbError> {
        let mut routes = HashMap::new();
        let mut unknown = HashSet::new();
        for id in batch
            .iter()
            .filter_map(|unit| phone_number_id(&unit.update))
        {
            if routes.contains_key(id) {
                continue;
            }
            match self.routes.get(id) {
                Some(route) => drop(routes.insert(id.to_owned(), route)),
                None => drop(unknown.insert(id.to_owned())),
            }
        }
        if !unknown.is_empty() {
            let unknown: Vec<String> = unknown.into_iter().collect();
            for route in ingest.routes(&unknown).await? {
                let route = Arc::new(route);
                self.routes
                    .insert(route.phone_number_id.clone(), Arc::clone(&route));
                routes.insert(route.phone_number_id.clone(), route);
            }
        }
        Ok(routes)
    }

    async fn write_messages(
        &self,
        ingest: &mut Ingest<'_>,
        incoming: &[Addressee<'_, Incoming>],
        stored: &mut Stored,
    ) -> Result<Resolution, DbError> {
        let mut parties: HashMap<Party, Option<String>> = HashMap::new();
        for message in incoming {
            let name = parties.entry(party(message)).or_default();
            if message.update.profile_name.is_some() {
                name.clone_from(&message.update.profile_name);
            }
        }
        let resolution = self
            .resolver
            .resolve(ingest, parties, self.clock.now())
            .await?;
        let (mut rows, places) = rows(incoming, &resolution, stored, &self.clock);
        let last: HashMap<ConversationId, i64> = ingest
            .advance_conversations(&places)
            .await?
            .into_iter()
            .map(|(_, conversation, sequence)| (conversation, sequence))
            .collect();
        number(&mut rows, &places, &last);
        let new: HashSet<MessageId> = ingest.insert_messages(&rows).await?.into_iter().collect();
        self.announce_messages(ingest, (&rows, incoming), &new, stored)
            .await?;
        Ok(resolution)
    }

    /// New messages are announced; so are those an earlier run of this batch stored, since nobody knows
    /// whether it came to announce them.
    async fn announce_messages(
        &self,
        ingest: &mut Ingest<'_>,
        (rows, incoming): (&[NewIncoming], &[Addressee<'_, Incoming>]),
        new: &HashSet<MessageId>,
        stored: &mut Stored,
    ) -> Result<(), DbError> {
        // Meta's retry may share the batch with the post that was stored before.
        let mut posts: HashMap<(OrganizationId, &str), HashSet<PostId>> = HashMap::new();
        for message in incoming {
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
        let known: HashMap<(OrganizationId, String), _> = ingest
            .find_by_wamid(&refused)
            .await?
            .into_iter()
            .map(|message| ((message.organization, message.wamid.clone()), message))
            .collect();
        for row in rows {
            if new.contains(&row.id) {
                stored.dispositions.push(Disposition::Stored);
                let place = (row.id, row.conversation, row.sequence);
                stored.events.push(self.announcer.received(row, place)?);
                continue;
            }
            stored.dispositions.push(Disposition::Duplicate);
            let key = (row.organization, row.wamid.clone());
            let Some(message) = known.get(&key) else {
                continue;
            };
            let posts = posts.get(&(key.0, key.1.as_str()));
            if message
                .post
                .is_some_and(|post| posts.is_some_and(|posts| posts.contains(&post)))
            {
                let place = (message.id, message.conversation, message.sequence);
                stored.events.push(self.announcer.received(row, place)?);
            }
        }
        Ok(())
    }
}

/// The tenant of a unit that names a number, or why the app may not speak for it.
fn routed(
    unit: &Unit,
    routes: &HashMap<String, Arc<Route>>,
) -> Result<Option<Arc<Route>>, &'static str> {
    let Some(id) = phone_number_id(&unit.update) else {
        return Ok(None);
    };
    match routes.get(id) {
        None => Err("number.unknown"),
        Some(route) if route.app_id != unit.source.app_id => Err("app.not_bound"),
        Some(route) => Ok(Some(Arc::clone(route))),
    }
}

fn phone_number_id(update: &Update) -> Option<&str> {
    match update {
        Update::Incoming(message) => Some(&message.phone_number_id),
        Update::Reported(status) => Some(&status.phone_number_id),
        Update::Kept {
            phone_number_id, ..
        } => phone_number_id.as_deref(),
        Update::Rejected { .. } => None,
    }
}

fn sort_kept(
    unit: &Unit,
    tenants: &[OrganizationId],
    (field, payload_json): (&str, &str),
    sorted: &mut Sorted<'_>,
    stored: &mut Stored,
) {
    if tenants.is_empty() {
        let reason = "waba.unknown";
        sorted
            .quarantined
            .push(quarantined(unit, None, reason, payload_json.to_owned()));
        stored.dispositions.push(Disposition::Quarantined(reason));
        return;
    }
    stored.dispositions.push(Disposition::Kept);
    sorted
        .kept
        .extend(tenants.iter().map(|organization| KeptUpdate {
            organization: *organization,
            id: QuarantineId::derive(unit.source.post.as_uuid(), &unit.place).as_uuid(),
            field: field.to_owned(),
            payload_json: payload_json.to_owned(),
            post: unit.source.post,
            received_at: unit.source.received_at,
        }));
}

fn party(message: &Addressee<'_, Incoming>) -> Party {
    let person = sb_db::ingest::Person {
        organization: message.route.organization,
        wa_id: message.update.wa_id.clone(),
        bsuid: message.update.bsuid.clone(),
    };
    (message.route.number, person)
}

/// The rows of new messages, without their places yet, and what each conversation gets.
fn rows(
    incoming: &[Addressee<'_, Incoming>],
    resolution: &Resolution,
    stored: &mut Stored,
    clock: &Clock,
) -> (Vec<NewIncoming>, Vec<Advance>) {
    let mut rows: Vec<NewIncoming> = Vec::with_capacity(incoming.len());
    let mut seen = HashSet::new();
    let mut advances: HashMap<ConversationId, Advance> = HashMap::new();
    for message in incoming {
        let Some(resolved) = resolution.get(&party(message)) else {
            continue;
        };
        let organization = message.route.organization;
        if !seen.insert((organization, message.update.wamid.as_str())) {
            stored.dispositions.push(Disposition::Duplicate);
            continue;
        }
        let advance = advances
            .entry(resolved.conversation)
            .or_insert_with(|| Advance {
                organization,
                conversation: resolved.conversation,
                messages: 0,
                latest_at: message.update.at,
            });
        advance.messages += 1;
        advance.latest_at = advance.latest_at.max(message.update.at);
        rows.push(NewIncoming {
            organization,
            id: MessageId::new(clock.now()),
            conversation: resolved.conversation,
            number: message.route.number,
            contact: resolved.contact,
            content_type: message.update.content_type,
            content_json: message.update.content_json.clone(),
            wamid: message.update.wamid.clone(),
            sequence: 0,
            post: message.unit.source.post,
            source_sequence: message.unit.source.sequence,
            received_at: message.unit.source.received_at,
            message_at: message.update.at,
        });
    }
    let mut advances: Vec<Advance> = advances.into_values().collect();
    advances.sort_by_key(|a| (a.organization, a.conversation));
    (rows, advances)
}

/// Gives each row its place, in the order in which the batch has them.
fn number(rows: &mut [NewIncoming], advances: &[Advance], last: &HashMap<ConversationId, i64>) {
    let mut next: HashMap<ConversationId, i64> = advances
        .iter()
        .filter_map(|a| Some((a.conversation, last.get(&a.conversation)? - a.messages)))
        .collect();
    for row in rows {
        let place = next.entry(row.conversation).or_default();
        *place += 1;
        row.sequence = *place;
    }
}
