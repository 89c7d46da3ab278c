//! Recording outcomes: one transaction for many messages, with the events that announce them.

use std::collections::BTreeSet;
use std::time::Duration;

use sb_db::dispatch::{Acceptance, Attempt, Refusal, RejectedToken};
use sb_db::{DbError, Sighting, SystemReason, SystemTx};
use sb_domain::delivery::DeliveryState;
use sb_domain::identity::Observation;
use sb_events::Addressed;
use sb_ids::{MessageId, OrganizationId, Wamid};

use super::sends::Finished;
use super::{Tools, statuses};
use crate::events::Fact;
use crate::rules::{Effect, Failure, Verdict};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

type Announced = Vec<(OrganizationId, Addressed)>;

/// Records until it is done, however long the database is away; returns what was given. An outcome that the
/// database refuses for good is left to the poll, which makes it `unknown`.
pub(super) async fn record(tools: &Tools, mut batch: Vec<Finished>) -> Vec<Finished> {
    // One order of locks for everybody who writes many messages.
    batch.sort_by_key(|finished| (finished.outgoing.organization, finished.outgoing.message));
    let error = match persist(tools, &batch).await {
        Ok(()) => {
            learn(tools, &batch).await;
            return batch;
        }
        Err(error) => error,
    };
    if batch.len() == 1 {
        report_lost(batch.first(), &error);
        return batch;
    }
    // One of them is at fault: the others must not suffer.
    for finished in &batch {
        if let Err(error) = persist(tools, std::slice::from_ref(finished)).await {
            report_lost(Some(finished), &error);
        }
    }
    batch
}

/// Records what answers say about people, after what became of the messages: that must not fail for it. When it
/// fails, statuses teach the same later.
async fn learn(tools: &Tools, batch: &[Finished]) {
    let sightings: Vec<Sighting> = batch.iter().filter_map(sighting).collect();
    if sightings.is_empty() {
        return;
    }
    let learning = async {
        let mut tx = tools.db.system(SystemReason::Dispatch).await?;
        tx.identities()
            .observe(&sightings, tools.clock.now())
            .await?;
        tx.commit().await
    };
    if let Err(error) = learning.await {
        tracing::warn!(
            error = sb_telemetry::as_error(&error),
            "what meta says about recipients could not be recorded"
        );
    }
}

fn sighting(finished: &Finished) -> Option<Sighting> {
    let learned = finished.learned.clone()?;
    Some(Sighting {
        organization: finished.outgoing.organization,
        observation: Observation {
            ids: learned.ids,
            becomes: None,
            also: learned.also,
            at: finished.ended_at,
            is_metas: true,
            makes_contact: false,
        },
    })
}

fn report_lost(finished: Option<&Finished>, error: &DbError) {
    tracing::error!(
        message.id = finished.map(|finished| tracing::field::display(finished.outgoing.message)),
        error = sb_telemetry::as_error(error),
        "the outcome of a send cannot be recorded, the message will be unknown"
    );
}

/// Writes a batch; only an error that would come again ends it.
async fn persist(tools: &Tools, batch: &[Finished]) -> Result<(), DbError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match write(tools, batch).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error),
        };
        tracing::warn!(
            error = sb_telemetry::as_error(&error),
            messages = batch.len(),
            "outcomes could not be recorded, trying again"
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn write(tools: &Tools, batch: &[Finished]) -> Result<(), DbError> {
    let at = tools.clock.now();
    let mut tx = tools.db.system(SystemReason::Dispatch).await?;
    let mut events = Vec::new();
    accept(tools, &mut tx, batch, &mut events).await?;
    refuse(tools, &mut tx, batch, &mut events).await?;
    let rejected: Vec<RejectedToken> = batch.iter().filter_map(rejected_token).collect();
    for (organization, number) in tx.dispatch().reject_tokens(&rejected, at).await? {
        tracing::error!(
            number.id = %number,
            organization.id = %organization,
            "meta refused a number's token, its messages wait for a new one"
        );
        let event = tools.announcer.token_rejected(organization, number, at)?;
        events.push((organization, event));
    }
    tx.outbox().append_all(&events, at).await?;
    tx.commit().await
}

async fn accept(
    tools: &Tools,
    tx: &mut SystemTx,
    batch: &[Finished],
    events: &mut Announced,
) -> Result<(), DbError> {
    let accepted: Vec<(&Finished, &Wamid)> = batch
        .iter()
        .filter_map(|finished| match &finished.verdict {
            Verdict::Accepted(wamid) => Some((finished, wamid)),
            Verdict::Again { .. } | Verdict::Failed(_) | Verdict::Unknown { .. } => None,
        })
        .collect();
    let rows: Vec<Acceptance> = accepted
        .iter()
        .map(|(finished, wamid)| Acceptance {
            outgoing: finished.outgoing,
            wamid: (*wamid).clone(),
            at: finished.ended_at,
            used_fallback: finished.used_fallback,
        })
        .collect();
    let news = tx.dispatch().accept(&rows).await?;
    let mut matched = Vec::new();
    for (finished, wamid) in accepted {
        let outgoing = &finished.outgoing;
        if news.contains(&outgoing.message) {
            let event = tools.announcer.accepted(fact(finished), wamid)?;
            events.push((outgoing.organization, event));
            matched.push((outgoing.organization, outgoing.message, wamid.clone()));
        }
    }
    events.extend(statuses::adopt(tools, tx, &matched).await?);
    Ok(())
}

async fn refuse(
    tools: &Tools,
    tx: &mut SystemTx,
    batch: &[Finished],
    events: &mut Announced,
) -> Result<(), DbError> {
    let refused: Vec<(&Finished, Refusal)> = batch
        .iter()
        .filter_map(|finished| Some((finished, refusal(finished)?)))
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    let rows: Vec<Refusal> = refused.iter().map(|(_, row)| row.clone()).collect();
    let attempts: Vec<Attempt> = refused
        .iter()
        .filter_map(|(finished, row)| attempt(finished, row))
        .collect();
    let news: BTreeSet<MessageId> = tx.dispatch().refuse(&rows).await?;
    tx.dispatch().keep_attempts(&attempts).await?;
    for (finished, row) in refused {
        if row.state != DeliveryState::Queued && news.contains(&finished.outgoing.message) {
            let event = tools.announcer.failed(fact(finished), &row)?;
            events.push((finished.outgoing.organization, event));
        }
    }
    Ok(())
}

const fn fact(finished: &Finished) -> Fact {
    Fact {
        outgoing: finished.outgoing,
        attempt: finished.attempt,
        origin: finished.origin,
        at: finished.ended_at,
    }
}

/// The row of what was not accepted.
fn refusal(finished: &Finished) -> Option<Refusal> {
    let (state, next_attempt_at, is_postponed, failure) = match &finished.verdict {
        Verdict::Accepted(_) => return None,
        Verdict::Again {
            at,
            is_postponed,
            failure,
        } => (DeliveryState::Queued, Some(*at), *is_postponed, failure),
        Verdict::Failed(failure) => (DeliveryState::Failed, None, false, failure),
        Verdict::Unknown { deadline, failure } => {
            (DeliveryState::Unknown, Some(*deadline), false, failure)
        }
    };
    Some(Refusal {
        outgoing: finished.outgoing,
        attempt: finished.attempt,
        state,
        next_attempt_at,
        is_postponed,
        error_code: failure.code.clone(),
        error: failure.error.clone(),
        at: finished.ended_at,
    })
}

/// The attempt, if there was a request.
fn attempt(finished: &Finished, row: &Refusal) -> Option<Attempt> {
    let Failure { outcome, .. } = match &finished.verdict {
        Verdict::Accepted(_) => return None,
        Verdict::Again { failure, .. }
        | Verdict::Failed(failure)
        | Verdict::Unknown { failure, .. } => failure,
    };
    Some(Attempt {
        organization: finished.outgoing.organization,
        message: finished.outgoing.message,
        attempt: finished.attempt,
        started_at: finished.started_at,
        finished_at: finished.ended_at,
        outcome: (*outcome)?,
        error_code: row.error_code.clone(),
        error: row.error.clone(),
    })
}

fn rejected_token(finished: &Finished) -> Option<RejectedToken> {
    if finished.effect != Effect::RejectToken {
        return None;
    }
    Some(RejectedToken {
        organization: finished.outgoing.organization,
        number: finished.outgoing.number,
        access_token_sealed: finished.access_token_sealed.clone()?,
    })
}
