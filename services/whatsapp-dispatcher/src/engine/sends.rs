//! One request to Meta.

use chrono::{DateTime, Utc};
use sb_cloud_api::graph::SendBody;
use sb_config::Secret;
use sb_db::dispatch::{ClaimedMessage, OutgoingRef};
use sb_events::Origin;
use sb_ids::PhoneNumberId;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Tools;
use crate::metrics::NO_CLASS;
use crate::rules::{
    Effect, Learned, Stop, Verdict, judge, learned, ready, stopped, token_unreadable,
};

/// A message that is ready to go.
pub(super) struct Prepared {
    message: ClaimedMessage,
    from: PhoneNumberId,
    token: Secret,
    body: SendBody,
}

/// A message with its outcome, which is not recorded yet.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    pub(super) outgoing: OutgoingRef,
    pub(super) attempt: i32,
    pub(super) has_more: bool,
    pub(super) origin: Origin,
    /// The token that was used.
    pub(super) access_token_sealed: Option<Vec<u8>>,
    pub(super) started_at: DateTime<Utc>,
    pub(super) ended_at: DateTime<Utc>,
    pub(super) verdict: Verdict,
    pub(super) effect: Effect,
    /// What the answer says about who gets it.
    pub(super) learned: Option<Learned>,
}

impl Finished {
    fn new(
        tools: &Tools,
        message: ClaimedMessage,
        started_at: DateTime<Utc>,
        verdict: Verdict,
        effect: Effect,
    ) -> Self {
        Self {
            outgoing: message.outgoing,
            attempt: message.attempt,
            has_more: message.has_more,
            origin: tools.origins.of(message.outgoing.message),
            access_token_sealed: message.number.access_token_sealed,
            started_at,
            ended_at: tools.clock.now(),
            verdict,
            effect,
            learned: None,
        }
    }
}

/// The last look at a message, and its number's token.
///
/// # Errors
/// The outcome, when the message does not go.
pub(super) fn prepare(tools: &Tools, message: ClaimedMessage) -> Result<Prepared, Box<Finished>> {
    let now = tools.clock.now();
    let halt = |message, verdict: Verdict| {
        tools.metrics.outcome(&verdict, NO_CLASS);
        Box::new(Finished::new(tools, message, now, verdict, Effect::None))
    };
    let body = match ready(&message, now) {
        Ok(body) => body,
        Err(stop) => {
            report_stop(&message, stop);
            return Err(halt(message, stopped(stop)));
        }
    };
    let number = &message.number;
    let (Some(from), Some(sealed)) = (&number.phone_number_id, &number.access_token_sealed) else {
        return Err(halt(message, stopped(Stop::TokenMissing)));
    };
    let from = from.clone();
    match tools
        .tokens
        .open(message.outgoing.organization, number.id, sealed)
    {
        Ok(token) => Ok(Prepared {
            message,
            from,
            token,
            body,
        }),
        Err(error) => {
            tracing::error!(
                number.id = %number.id,
                error = sb_telemetry::as_error(&error),
                "a number's token cannot be opened, its messages wait; check vault.keys"
            );
            Err(halt(message, token_unreadable(now)))
        }
    }
}

fn report_stop(message: &ClaimedMessage, stop: Stop) {
    tracing::info!(
        message.id = %message.outgoing.message,
        organization.id = %message.outgoing.organization,
        code = stop.code(),
        "a message is not sent"
    );
}

/// Sends a message and judges the answer.
pub(super) async fn send(tools: &Tools, prepared: Prepared) -> Finished {
    let Prepared {
        message,
        from,
        token,
        body,
    } = prepared;
    let span = tracing::info_span!(
        "dispatch.message.send",
        message.id = %message.outgoing.message,
        organization.id = %message.outgoing.organization,
        attempt = message.attempt,
        outcome = tracing::field::Empty,
    );
    tools
        .origins
        .continue_trace(message.outgoing.message, &span);
    let started_at = tools.clock.now();
    tools.metrics.waited(started_at - message.due_since);
    let started = Instant::now();
    let answer = tools
        .graph
        .send_message(&token, &from, &body)
        .instrument(span.clone())
        .await;
    tools
        .metrics
        .graph_answered(started.elapsed(), answer.is_ok());
    let class = match &answer {
        Ok(_) => NO_CLASS,
        Err(error) => {
            let _entered = span.enter();
            tracing::info!(
                error = sb_telemetry::as_error(error),
                class = error.class().as_str(),
                advice = error.advice(),
                "a message was not accepted"
            );
            error.class().as_str()
        }
    };
    let learned = answer
        .as_ref()
        .ok()
        .and_then(|receipt| learned(message.address.as_ref(), receipt));
    let (verdict, effect) = judge(&message, answer, tools.clock.now(), tools.patience);
    span.record("outcome", verdict.as_str());
    tools.metrics.outcome(&verdict, class);
    Finished {
        learned,
        ..Finished::new(tools, message, started_at, verdict, effect)
    }
}
