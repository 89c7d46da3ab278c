//! One request to Meta.

use chrono::{DateTime, Utc};
use sb_cloud_api::graph::SendBody;
use sb_config::Secret;
use sb_db::dispatch::{ClaimedMessage, OutgoingRef};
use sb_domain::content::StoredFile;
use sb_events::Origin;
use sb_ids::PhoneNumberId;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::Tools;
use super::uploads::UploadError;
use crate::metrics::NO_CLASS;
use crate::rules::{
    Cleared, Effect, Learned, Stop, Verdict, clear, file_is_uploaded_again, file_waits, judge,
    judge_upload, learned, stopped, token_unreadable,
};

/// A message that is ready to go.
pub(super) struct Prepared {
    message: ClaimedMessage,
    from: PhoneNumberId,
    token: Secret,
    letter: Letter,
    uses_fallback: bool,
}

/// What is sent.
enum Letter {
    Ready(SendBody),
    /// Meta needs its files first.
    WithFiles(Box<Cleared>, Vec<StoredFile>),
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
    /// The template for a closed window went.
    pub(super) used_fallback: bool,
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
            used_fallback: false,
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
    let (uses_fallback, letter) = match clear(&message, now).and_then(letter) {
        Ok(letter) => letter,
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
            letter,
            uses_fallback,
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

/// Whether it is the template for a closed window, and what is sent.
fn letter(cleared: Cleared) -> Result<(bool, Letter), Stop> {
    let (uses_fallback, files) = (cleared.uses_fallback, cleared.files());
    let letter = if files.is_empty() {
        Letter::Ready(cleared.body()?)
    } else {
        Letter::WithFiles(Box::new(cleared), files)
    };
    Ok((uses_fallback, letter))
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
        letter,
        uses_fallback,
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
    tools.metrics.waited(tools.clock.now() - message.due_since);
    let outcome = match letter {
        Letter::Ready(body) => post(tools, &message, (&from, &token), &body, &span).await,
        Letter::WithFiles(cleared, files) => {
            let work = with_files(tools, &message, (&from, &token), (cleared, &files), &span);
            work.instrument(span.clone()).await
        }
    };
    Finished {
        used_fallback: uses_fallback,
        ..finish(tools, message, outcome)
    }
}

/// What came of an attempt.
struct Outcome {
    started_at: DateTime<Utc>,
    verdict: Verdict,
    effect: Effect,
    learned: Option<Learned>,
}

fn finish(tools: &Tools, message: ClaimedMessage, outcome: Outcome) -> Finished {
    let Outcome {
        started_at,
        verdict,
        effect,
        learned,
    } = outcome;
    Finished {
        learned,
        ..Finished::new(tools, message, started_at, verdict, effect)
    }
}

async fn post(
    tools: &Tools,
    message: &ClaimedMessage,
    (from, token): (&PhoneNumberId, &Secret),
    body: &SendBody,
    span: &Span,
) -> Outcome {
    let started_at = tools.clock.now();
    let started = Instant::now();
    let answer = tools
        .graph
        .send_message(token, from, body)
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
    let (verdict, effect) = judge(message, answer, tools.clock.now(), tools.patience);
    span.record("outcome", verdict.as_str());
    tools.metrics.outcome(&verdict, class);
    Outcome {
        started_at,
        verdict,
        effect,
        learned,
    }
}

/// Gives Meta the message's files, then sends it.
async fn with_files(
    tools: &Tools,
    message: &ClaimedMessage,
    sender: (&PhoneNumberId, &Secret),
    (mut cleared, files): (Box<Cleared>, &[StoredFile]),
    span: &Span,
) -> Outcome {
    let started_at = tools.clock.now();
    let copies = match tools.uploads.copies(tools, message, sender, files).await {
        Ok(copies) => copies,
        Err(error) => return not_uploaded(tools, message, &error, started_at),
    };
    cleared.name_files(&copies.ids);
    let body = match cleared.body() {
        Ok(body) => body,
        Err(stop) => return not_uploaded(tools, message, &UploadError::Stop(stop), started_at),
    };
    let mut outcome = post(tools, message, sender, &body, span).await;
    if copies.are_remembered && is_about_a_file(&outcome.verdict) {
        forget(tools, message, files).await;
        outcome.verdict = file_is_uploaded_again(message, outcome.verdict, tools.clock.now());
    }
    outcome
}

/// Meta does not have a remembered file any more: the next attempt uploads it again.
async fn forget(tools: &Tools, message: &ClaimedMessage, files: &[StoredFile]) {
    match tools.uploads.forget(tools, message, files).await {
        Ok(()) => tracing::info!("meta refused a remembered file, it is uploaded again"),
        Err(error) => tracing::warn!(
            error = sb_telemetry::as_error(&error),
            "a file that meta does not have could not be forgotten"
        ),
    }
}

/// Meta's words for a file that is not there any more.
const FILE_GONE: [&str; 4] = ["meta.100", "meta.131009", "meta.131052", "meta.131053"];

fn is_about_a_file(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Failed(failure) if FILE_GONE.contains(&failure.code.as_str()))
}

fn not_uploaded(
    tools: &Tools,
    message: &ClaimedMessage,
    error: &UploadError,
    started_at: DateTime<Utc>,
) -> Outcome {
    tracing::info!(
        error = sb_telemetry::as_error(error),
        "a message's files are not at Meta"
    );
    let now = tools.clock.now();
    let (verdict, effect) = match error {
        UploadError::Stop(stop) => {
            report_stop(message, *stop);
            (stopped(*stop), Effect::None)
        }
        UploadError::Later { code } => (file_waits(message, code, now), Effect::None),
        UploadError::Meta(error) => judge_upload(message, error, now),
        // Nothing is recorded of a claim that is somebody else's.
        UploadError::TakenOver | UploadError::Database(_) => {
            (file_waits(message, "database.away", now), Effect::None)
        }
    };
    tools.metrics.outcome(&verdict, NO_CLASS);
    Outcome {
        started_at,
        verdict,
        effect,
        learned: None,
    }
}
