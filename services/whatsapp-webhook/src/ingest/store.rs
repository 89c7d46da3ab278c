//! Writing a batch of units in one transaction.

mod media;
mod messages;
mod sort;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sb_db::ingest::{FailedReplay, QuarantinedUpdate, ReplayedPlace, Route};
use sb_db::{Db, DbError, SystemReason, SystemTx};
use sb_domain::Clock;
use sb_events::Addressed;
use sb_ids::{OrganizationId, QuarantineId};

use super::announce::Announcer;
use super::plan::{Unit, Update};
use super::resolve::Resolver;
use super::{Disposition, changes, effects, recipients, replays, statuses};

pub(super) use messages::Arrived;
pub(super) use sort::{Addressee, Told};

/// How long a route is believed. Short: a new number must work at once, a moved one soon.
const ROUTE_FRESH: Duration = Duration::from_secs(5);

/// Longest account id that is kept in quarantine, in characters: it comes from outside, and need not be one.
const ID_MAX: usize = 100;

/// How long updates of an account whose rows are locked step aside without another try, unless one that runs again
/// gets through. Each try may take the transaction's whole patience, and others wait for it.
const LOCKED_FOR: Duration = Duration::from_secs(30);

/// Why an update stands in quarantine that will be run again by itself.
pub(crate) const LOCKED: &str = "database.locked";
const REFUSED: &str = "database.refused";

/// What a batch came to.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) events: Vec<Addressed>,
    pub(crate) dispositions: Vec<Disposition>,
    pub(crate) failed_replays: Vec<FailedReplay>,
    /// Files that are still to be recorded; none when a batch is done.
    wanted: Vec<media::Wanted>,
}

impl Stored {
    fn join(mut self, other: Self) -> Self {
        self.events.extend(other.events);
        self.failed_replays.extend(other.failed_replays);
        self.dispositions.extend(other.dispositions);
        self
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
    /// Accounts whose rows somebody held a moment ago.
    locked: Cache<String, ()>,
}

/// Units of one account together, accounts in the order in which they first come.
fn by_account(units: Vec<Unit>) -> Vec<Vec<Unit>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<Vec<Unit>> = Vec::new();
    for unit in units {
        let place = *places
            .entry(unit.waba_id.clone())
            .or_insert_with(|| groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(unit),
            None => groups.push(vec![unit]),
        }
    }
    groups
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
        waba_id: unit.waba_id.chars().take(ID_MAX).collect(),
        phone_number_id: sort::phone_number_id(&unit.update)
            .unwrap_or_default()
            .to_owned(),
        reason,
        place: unit.place.clone(),
        payload,
        source_sequence: unit.source.sequence,
        is_replay: unit.source.is_replay,
    }
}

/// What is kept of a unit that cannot be stored.
fn remains(update: &Update) -> String {
    match update {
        Update::Written(message) => message.raw_json.clone(),
        Update::Changed(change) => change.raw_json.clone(),
        Update::Reported(status) => status.raw_json.clone(),
        Update::Kept(kept) => kept.payload_json.clone(),
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
        let locked = Cache::builder()
            .max_capacity(50_000)
            .time_to_live(LOCKED_FOR)
            .build();
        Self {
            db,
            clock,
            announcer,
            resolver: Resolver::new(),
            routes,
            locked,
        }
    }

    /// Writes units and says what to announce. When the database refuses a batch for what is in it, the
    /// batch is halved until the one unit at fault stands alone in quarantine. When somebody holds rows of an
    /// account, its units step aside, and those of others do not wait.
    ///
    /// # Errors
    /// Only what lies in no update: the database is away, its schema is newer, or it chose this transaction as
    /// a victim. The batch comes again.
    pub(crate) async fn apply(&self, units: Vec<Unit>) -> Result<Stored, DbError> {
        let (aside, units) = self.apart(units);
        let mut waiting = vec![units];
        let mut stored = self.put_aside(&aside, LOCKED).await?;
        while let Some(mut batch) = waiting.pop() {
            if batch.is_empty() {
                continue;
            }
            match self.write(&batch).await {
                Ok(Some(done)) => {
                    for unit in batch.iter().filter(|unit| unit.source.is_set_aside) {
                        self.locked.invalidate(&unit.waba_id);
                    }
                    stored = stored.join(done);
                }
                // Somebody's ids lead elsewhere than was remembered; that is forgotten now.
                Ok(None) => waiting.push(batch),
                Err(error) if error.is_lock_timeout() => {
                    self.resolver.forget();
                    let mut accounts = by_account(batch);
                    if let [account] = accounts.as_slice() {
                        stored = stored.join(self.step_aside(account).await?);
                    } else {
                        accounts.reverse();
                        waiting.extend(accounts);
                    }
                }
                Err(error) if !error.is_about_the_data() => return Err(error),
                Err(error) if batch.len() == 1 => {
                    tracing::error!(
                        error = sb_telemetry::as_error(&error),
                        "an update cannot be stored"
                    );
                    stored = stored.join(self.put_aside(&batch, REFUSED).await?);
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

    /// Units of accounts whose rows were locked a moment ago, and all others. What runs again tries whether they
    /// still are.
    fn apart(&self, units: Vec<Unit>) -> (Vec<Unit>, Vec<Unit>) {
        units
            .into_iter()
            .partition(|unit| !unit.source.is_set_aside && self.locked.contains_key(&unit.waba_id))
    }

    async fn step_aside(&self, account: &[Unit]) -> Result<Stored, DbError> {
        let waba_id = account.first().map(|unit| unit.waba_id.clone());
        let waba_id = waba_id.unwrap_or_default();
        tracing::warn!(
            waba.id = waba_id,
            updates = account.len(),
            "rows of an account are locked, its updates step aside and are run again soon"
        );
        self.locked.insert(waba_id, ());
        self.put_aside(account, LOCKED).await
    }

    async fn put_aside(&self, batch: &[Unit], reason: &'static str) -> Result<Stored, DbError> {
        if batch.is_empty() {
            return Ok(Stored::default());
        }
        let mut tx = self.db.system(SystemReason::Ingest).await?;
        let mut ingest = tx.ingest();
        let routes = self.routes_of(&mut ingest, batch).await?;
        let rows: Vec<QuarantinedUpdate> = batch
            .iter()
            .map(|unit| {
                let owner = sort::routed(unit, &routes).ok().flatten();
                let owner = owner.map(|route| route.organization);
                quarantined(unit, owner, reason, remains(&unit.update))
            })
            .collect();
        ingest.quarantine(&rows, self.clock.now()).await?;
        tx.commit().await?;
        Ok(Stored {
            dispositions: vec![Disposition::Quarantined(reason); batch.len()],
            failed_replays: replays::failed(&rows),
            ..Stored::default()
        })
    }

    /// Closes what was in quarantine and was handled now, after everything of it was.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub(crate) async fn settle(
        &self,
        replayed: &[ReplayedPlace],
        failed: &[FailedReplay],
    ) -> Result<(), DbError> {
        let mut tx = self.db.system(SystemReason::Ingest).await?;
        let now = self.clock.now();
        tx.ingest().settle_replays(replayed, failed, now).await?;
        tx.commit().await
    }

    #[tracing::instrument(name = "ingest.write", skip_all, fields(units = batch.len()))]
    async fn write(&self, batch: &[Unit]) -> Result<Option<Stored>, DbError> {
        let mut tx = self.db.system(SystemReason::Ingest).await?;
        let mut stored = Stored::default();
        let sorted = self.sort(&mut tx.ingest(), batch, &mut stored).await?;
        let written =
            replays::leave_out_known(&mut tx.ingest(), sorted.written, &mut stored).await?;
        let written = self.write_messages(&mut tx, &written, &mut stored).await?;
        let Some((resolution, arrived)) = written else {
            tx.rollback().await?;
            return Ok(None);
        };
        let announcer = &self.announcer;
        let changed = (sorted.changed.as_slice(), arrived.as_slice());
        changes::write(&mut tx.ingest(), announcer, changed, &mut stored).await?;
        statuses::write(&mut tx.ingest(), announcer, &sorted.reported, &mut stored).await?;
        let now = self.clock.now();
        let recipients =
            recipients::observe(&mut tx.ingest(), &self.resolver, &sorted.reported, now).await?;
        self.tell(&mut tx, &sorted.told, &mut stored).await?;
        tx.ingest()
            .quarantine(&sorted.quarantined, self.clock.now())
            .await?;
        tx.commit().await?;
        stored.failed_replays = replays::failed(&sorted.quarantined);
        self.resolver.remember(resolution);
        self.resolver.remember_recipients(recipients);
        Ok(Some(stored))
    }

    async fn tell(
        &self,
        tx: &mut SystemTx,
        told: &[Told<'_>],
        stored: &mut Stored,
    ) -> Result<(), DbError> {
        if told.is_empty() {
            return Ok(());
        }
        let effects = effects::Effects {
            announcer: &self.announcer,
            resolver: &self.resolver,
            now: self.clock.now(),
        };
        effects.write(&mut tx.ingest(), told, stored).await
    }
}
