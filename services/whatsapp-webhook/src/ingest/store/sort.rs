//! Which tenant each unit of a batch belongs to, and what an app may not say.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sb_db::DbError;
use sb_db::ingest::{Ingest, KeptUpdate, QuarantinedUpdate, Route};
use sb_ids::OrganizationId;
use uuid::Uuid;

use super::{Store, Stored, quarantined, remains};
use crate::ingest::Disposition;
use crate::ingest::plan::{Changed, Kept, Reported, Unit, Update, Written};

/// An update with the number and the tenant it belongs to.
pub(crate) struct Addressee<'u, T> {
    pub(crate) unit: &'u Unit,
    pub(crate) route: Arc<Route>,
    pub(crate) update: &'u T,
}

/// A kept update with its tenant.
pub(crate) struct Told<'u> {
    pub(crate) unit: &'u Unit,
    pub(crate) kept: &'u Kept,
    /// The number, when the update names one.
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) row: KeptUpdate,
}

/// The units of a batch by what has to be done with them.
#[derive(Default)]
pub(super) struct Sorted<'u> {
    pub(super) written: Vec<Addressee<'u, Written>>,
    pub(super) changed: Vec<Addressee<'u, Changed>>,
    pub(super) reported: Vec<Addressee<'u, Reported>>,
    pub(super) told: Vec<Told<'u>>,
    pub(super) quarantined: Vec<QuarantinedUpdate>,
}

impl Sorted<'_> {
    fn put_aside(
        &mut self,
        unit: &Unit,
        organization: Option<OrganizationId>,
        reason: &'static str,
        stored: &mut Stored,
    ) {
        let rest = remains(&unit.update);
        self.quarantined
            .push(quarantined(unit, organization, reason, rest));
        stored.dispositions.push(Disposition::Quarantined(reason));
    }
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

    /// The tenant of an account that has one only.
    async fn only(
        &mut self,
        ingest: &mut Ingest<'_>,
        unit: &'u Unit,
    ) -> Result<Option<OrganizationId>, DbError> {
        if unit.waba_id.is_empty() {
            return Ok(None);
        }
        match self.of(ingest, unit).await?.as_slice() {
            [only] => Ok(Some(*only)),
            _ => Ok(None),
        }
    }
}

impl Store {
    /// Finds each unit's tenant, and refuses what an app may not say.
    pub(super) async fn sort<'u>(
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
                    sorted.put_aside(unit, None, reason, stored);
                    continue;
                }
            };
            match (&unit.update, route) {
                (Update::Written(update), Some(route)) => sorted.written.push(Addressee {
                    unit,
                    route,
                    update,
                }),
                (Update::Changed(update), Some(route)) => sorted.changed.push(Addressee {
                    unit,
                    route,
                    update,
                }),
                (Update::Reported(update), Some(route)) => sorted.reported.push(Addressee {
                    unit,
                    route,
                    update,
                }),
                (Update::Kept(kept), route) => {
                    let tenants = match &route {
                        Some(route) => vec![route.organization],
                        None => owners.of(ingest, unit).await?,
                    };
                    sort_kept(unit, kept, (&tenants, route), &mut sorted, stored);
                }
                (Update::Rejected { reason, .. }, route) => {
                    let owner = match route {
                        Some(route) => Some(route.organization),
                        None => owners.only(ingest, unit).await?,
                    };
                    sorted.put_aside(unit, owner, reason, stored);
                }
                // These always name their number.
                (Update::Written(_) | Update::Changed(_) | Update::Reported(_), None) => {}
            }
        }
        Ok(sorted)
    }

    pub(super) async fn routes_of(
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
}

/// The tenant of a unit that names a number, or why the app may not speak for it.
pub(super) fn routed(
    unit: &Unit,
    routes: &HashMap<String, Arc<Route>>,
) -> Result<Option<Arc<Route>>, &'static str> {
    let Some(id) = phone_number_id(&unit.update) else {
        return Ok(None);
    };
    if let Update::Rejected { .. } = unit.update {
        // It goes into quarantine for a reason of its own, to the tenant if there is one to show it to.
        let route = routes.get(id);
        return Ok(route
            .filter(|route| route.app_id == unit.source.app_id)
            .cloned());
    }
    match routes.get(id) {
        None => Err("number.unknown"),
        Some(route) if route.app_id != unit.source.app_id => Err("app.not_bound"),
        Some(route) => Ok(Some(Arc::clone(route))),
    }
}

pub(super) fn phone_number_id(update: &Update) -> Option<&str> {
    match update {
        Update::Written(message) => Some(&message.phone_number_id),
        Update::Changed(change) => Some(&change.phone_number_id),
        Update::Reported(status) => Some(&status.phone_number_id),
        Update::Kept(kept) => kept.phone_number_id.as_deref(),
        Update::Rejected {
            phone_number_id, ..
        } => phone_number_id.as_deref(),
    }
}

fn sort_kept<'u>(
    unit: &'u Unit,
    kept: &'u Kept,
    (tenants, route): (&[OrganizationId], Option<Arc<Route>>),
    sorted: &mut Sorted<'u>,
    stored: &mut Stored,
) {
    if tenants.is_empty() {
        sorted.put_aside(unit, None, "waba.unknown", stored);
        return;
    }
    let id = kept_id(unit, kept);
    sorted.told.extend(tenants.iter().map(|organization| Told {
        unit,
        kept,
        route: route.clone(),
        row: KeptUpdate {
            organization: *organization,
            id,
            waba_id: unit.waba_id.clone(),
            is_recognized: kept.fact.is_some(),
            field: kept.field.clone(),
            payload_json: kept.payload_json.clone(),
            post: unit.source.post,
            received_at: unit.source.received_at,
        },
    }));
}

/// The same update has the same id in whichever post it comes, so that Meta's retries change nothing. One that
/// does not say when it happened may well happen again: then the post tells two of them apart.
fn kept_id(unit: &Unit, kept: &Kept) -> Uuid {
    let mut name = String::with_capacity(kept.payload_json.len() + 64);
    for part in [unit.waba_id.as_str(), &kept.field, &kept.payload_json] {
        name.push_str(part);
        name.push('\n');
    }
    if let Some(seconds) = kept.entry_time {
        name.push_str(&seconds.to_string());
    }
    if kept.entry_time.is_some() || kept.payload_json.contains("\"timestamp\"") {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    } else {
        name.push_str(&unit.place);
        Uuid::new_v5(&unit.source.post.as_uuid(), name.as_bytes())
    }
}
