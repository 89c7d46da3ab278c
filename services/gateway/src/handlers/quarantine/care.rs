//! Running updates again and discarding them, on behalf of a tenant or of the operator.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sb_db::{
    AuditEntry, DbError, Quarantine, QuarantineResolution, QuarantinedItem, SystemReason, SystemTx,
    TenantTx,
};
use sb_events::proto::update::v1::{RawPost, Replay};
use sb_http::{Code, Needs, Problem, Tenant};
use sb_ids::{ApiKeyId, EventId, OrganizationId, QuarantineId};
use serde_json::json;

use crate::state::Gateway;

/// How long a replay that was asked for counts as under way; ingest needs milliseconds, unless it is down.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(1);
/// How long reading and publishing a post may take, each.
const BUS_TIMEOUT: Duration = Duration::from_secs(8);

/// Who looks after updates: a tenant after its own, the operator after all.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Caretaker {
    Tenant(OrganizationId, ApiKeyId),
    Operator,
}

impl<N: Needs> From<&Tenant<N>> for Caretaker {
    fn from(tenant: &Tenant<N>) -> Self {
        Self::Tenant(tenant.organization(), tenant.key())
    }
}

impl Caretaker {
    fn name(self) -> String {
        match self {
            Self::Tenant(_, key) => key.to_string(),
            Self::Operator => "operator".to_owned(),
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Tenant(..) => "api_key",
            Self::Operator => "operator",
        }
    }

    async fn begin(self, gateway: &Gateway) -> Result<CareTx, DbError> {
        Ok(match self {
            Self::Tenant(organization, _) => CareTx::Tenant(gateway.db.tenant(organization).await?),
            Self::Operator => CareTx::System(gateway.db.system(SystemReason::Quarantine).await?),
        })
    }
}

enum CareTx {
    Tenant(TenantTx),
    System(SystemTx),
}

impl CareTx {
    fn quarantine(&mut self) -> Quarantine<'_> {
        match self {
            Self::Tenant(tx) => tx.quarantine(),
            Self::System(tx) => tx.quarantine(),
        }
    }

    /// What belongs to nobody is in nobody's audit log: the update itself and the log tell of it.
    async fn audit(
        &mut self,
        entry: AuditEntry,
        organization: Option<OrganizationId>,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        tracing::info!(
            quarantine.id = entry.target_id,
            action = entry.action,
            actor = entry.actor_kind,
            "an update in quarantine is looked after"
        );
        match (self, organization) {
            (Self::Tenant(tx), _) => tx.audit().append(&entry, at).await,
            (Self::System(tx), Some(owner)) => tx.audit(owner).append(&entry, at).await,
            (Self::System(_), None) => Ok(()),
        }
    }

    async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Tenant(tx) => tx.commit().await,
            Self::System(tx) => tx.commit().await,
        }
    }
}

fn entry(caretaker: Caretaker, action: &'static str, item: &QuarantinedItem) -> AuditEntry {
    AuditEntry {
        actor_kind: caretaker.kind(),
        actor_id: caretaker.name(),
        action,
        target_kind: "quarantine",
        target_id: item.id.to_string(),
        detail: json!({ "reason": item.reason, "post_id": item.post }),
    }
}

/// Finds an update, with its payload.
pub(crate) async fn find(
    gateway: &Gateway,
    caretaker: Caretaker,
    id: QuarantineId,
) -> Result<QuarantinedItem, Problem> {
    let mut tx = caretaker.begin(gateway).await?;
    let found = tx.quarantine().find(id).await?;
    tx.commit().await?;
    found.ok_or_else(|| Problem::not_found(Code::QuarantineNotFound))
}

/// Publishes the update's post again, so that ingest tries everything open of it that the caretaker sees once
/// more. Repeating it is harmless: a replay under way is not published twice, and ingest stores nothing twice.
pub(crate) async fn replay(
    gateway: &Gateway,
    (caretaker, action): (Caretaker, &'static str),
    id: QuarantineId,
) -> Result<QuarantinedItem, Problem> {
    let item = find(gateway, caretaker, id).await?;
    let now = gateway.clock.now();
    match item.resolution {
        Some(QuarantineResolution::Replayed) => return Ok(item),
        Some(QuarantineResolution::Discarded) => return Err(resolved("it was discarded")),
        None => {}
    }
    let asked = item.replay_requested_at;
    if asked.is_some_and(|asked| now - asked < UNDER_WAY) {
        return Ok(item);
    }
    let post = post_of(gateway, &item).await?;
    let mut tx = caretaker.begin(gateway).await?;
    let request = tx.quarantine().request_replay(item.post, now).await?;
    let entry = entry(caretaker, action, &item);
    tx.audit(entry, item.organization, now).await?;
    tx.commit().await?;
    // Without places everything in the post would run, also what others see.
    if !request.places.is_empty() {
        let replay = Replay {
            replay_id: EventId::new(now).to_string(),
            places: request.places,
            set_aside: false,
        };
        let post = RawPost {
            replay: Some(replay),
            ..post
        };
        let publisher = gateway.bus.publisher().with_deadline(BUS_TIMEOUT);
        if let Err(error) = publisher.publish_raw_posts(vec![post]).await {
            withdraw(gateway, caretaker, &item, now).await;
            return Err(Problem::unavailable(error));
        }
    }
    find(gateway, caretaker, id).await
}

async fn post_of(gateway: &Gateway, item: &QuarantinedItem) -> Result<RawPost, Problem> {
    let sequence = u64::try_from(item.source_sequence).unwrap_or_default();
    let reading = gateway.bus.find_post(sequence, item.post);
    let found = tokio::time::timeout(BUS_TIMEOUT, reading)
        .await
        .map_err(Problem::unavailable)?
        .map_err(Problem::unavailable)?;
    found.ok_or_else(|| {
        Problem::new(Code::QuarantineExpired).detail(format!(
            "post {} is no longer kept; the piece at fault is in `payload`, discard the update when it is dealt with",
            item.post
        ))
    })
}

/// So that the caller can ask again at once. When this fails too, it can after a minute.
async fn withdraw(
    gateway: &Gateway,
    caretaker: Caretaker,
    item: &QuarantinedItem,
    at: DateTime<Utc>,
) {
    let withdrawn = async {
        let mut tx = caretaker.begin(gateway).await?;
        tx.quarantine().withdraw_replay(item.post, at).await?;
        tx.commit().await
    };
    if let Err(error) = withdrawn.await {
        tracing::warn!(
            error = sb_telemetry::as_error(&error),
            quarantine.id = %item.id,
            "a replay that was not published is still noted as under way"
        );
    }
}

/// Discards an open update. Repeating it is harmless: what is discarded stays as it is.
pub(crate) async fn discard(
    gateway: &Gateway,
    (caretaker, action): (Caretaker, &'static str),
    id: QuarantineId,
    note: &str,
) -> Result<QuarantinedItem, Problem> {
    let now = gateway.clock.now();
    let mut tx = caretaker.begin(gateway).await?;
    let by = caretaker.name();
    let Some(item) = tx.quarantine().discard(id, (&by, note), now).await? else {
        tx.commit().await?;
        let item = find(gateway, caretaker, id).await?;
        return match item.resolution {
            Some(QuarantineResolution::Replayed) => Err(resolved("a replay stored it")),
            Some(QuarantineResolution::Discarded) | None => Ok(item),
        };
    };
    let entry = entry(caretaker, action, &item);
    tx.audit(entry, item.organization, now).await?;
    tx.commit().await?;
    Ok(item)
}

fn resolved(how: &str) -> Problem {
    Problem::new(Code::QuarantineResolved).detail(how)
}
