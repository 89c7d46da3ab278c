//! Looking at the database: scheduled messages and retries that came due, what lost commands left behind, and
//! what killed dispatchers held.
//!
//! Every replica polls. What belongs to a shard of its own it looks at; for any other it nudges the owner.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use sb_db::dispatch::{
    Attempt, AttemptOutcome, ConversationKey, LostMessage, OutgoingRef, SettledUnknown,
};
use sb_db::{DbError, SystemReason, SystemTx};
use sb_domain::delivery::OnUnknown;
use sb_ids::NumberId;
use serde_json::Value;

use super::{Tools, statuses};

const POLL_EVERY: Duration = Duration::from_secs(1);
/// Stale claims, and unknown messages past their deadline.
const RECOVER_EVERY: Duration = Duration::from_secs(5);
/// The whole queue: while there is work in memory, and while there is none.
const SWEEP_EVERY: Duration = Duration::from_secs(15);
const SWEEP_EVERY_IDLE: Duration = Duration::from_secs(5);
/// A row becomes visible when its transaction commits, and clocks of replicas differ.
const OVERLAP: TimeDelta = TimeDelta::seconds(5);
/// Statuses older than this have found their message, or there is none.
const MISSED_STATUSES: TimeDelta = TimeDelta::minutes(10);
const ROWS: i64 = 20_000;
const RECOVERED: i64 = 500;

/// Our code for a send whose process ended before it could record the outcome.
const INTERRUPTED: &str = "send.interrupted";

/// Our code for a message that counts as failed because nothing was ever heard of it.
const NEVER_KNOWN: &str = "send.never_known";

/// How much of the queue is read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sweep {
    None,
    Numbers(Vec<NumberId>),
    All,
}

/// What one poll asks.
#[derive(Debug)]
pub(super) struct Question {
    after: DateTime<Utc>,
    until: DateTime<Utc>,
    sweep: Sweep,
    recovers: bool,
}

/// What one poll found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    until: DateTime<Utc>,
    found: Vec<ConversationKey>,
    rejected: BTreeSet<NumberId>,
    /// Since when the longest waiting message has been due.
    pub(super) oldest_due: Option<DateTime<Utc>>,
    is_sweep: bool,
    recovered: bool,
}

impl Findings {
    /// Conversations to look at.
    pub(super) fn keys(&self) -> impl Iterator<Item = ConversationKey> {
        self.found.iter().copied()
    }
}

/// When to ask what.
#[derive(Debug)]
pub(super) struct Polls {
    is_running: bool,
    next: Instant,
    /// What came due until then is known.
    seen_until: DateTime<Utc>,
    swept: Option<Instant>,
    recovered: Option<Instant>,
    sweeps_all: bool,
    numbers: Vec<NumberId>,
    rejected: BTreeSet<NumberId>,
    has_queued: bool,
}

impl Polls {
    /// The first poll is due at once and looks at everything.
    pub(super) fn new(at: DateTime<Utc>, now: Instant) -> Self {
        Self {
            is_running: false,
            next: now,
            seen_until: at,
            swept: None,
            recovered: None,
            sweeps_all: true,
            numbers: Vec::new(),
            rejected: BTreeSet::new(),
            has_queued: true,
        }
    }

    /// Reads the whole queue as soon as possible.
    pub(super) const fn sweep_all(&mut self) {
        self.sweeps_all = true;
    }

    /// Reads the queues of some numbers with the next poll.
    pub(super) fn sweep_numbers(&mut self, numbers: Vec<NumberId>) {
        self.numbers.extend(numbers);
    }

    /// When the next poll is due; `None` while one is running.
    pub(super) fn next_at(&self) -> Option<Instant> {
        (!self.is_running).then_some(self.next)
    }

    /// The next question, if it is time for one.
    pub(super) fn next(
        &mut self,
        at: DateTime<Utc>,
        now: Instant,
        is_idle: bool,
    ) -> Option<Question> {
        if self.is_running || (now < self.next && !self.sweeps_all) {
            return None;
        }
        self.is_running = true;
        let every = if is_idle {
            SWEEP_EVERY_IDLE
        } else {
            SWEEP_EVERY
        };
        let is_due = |last: Option<Instant>, every| {
            last.is_none_or(|last| now.duration_since(last) >= every)
        };
        let numbers = std::mem::take(&mut self.numbers);
        let sweep = if self.sweeps_all || (self.has_queued && is_due(self.swept, every)) {
            Sweep::All
        } else if numbers.is_empty() {
            Sweep::None
        } else {
            Sweep::Numbers(numbers)
        };
        self.sweeps_all = false;
        Some(Question {
            after: self.seen_until - OVERLAP,
            until: at,
            sweep,
            recovers: is_due(self.recovered, RECOVER_EVERY),
        })
    }

    /// The poll was answered.
    pub(super) fn answered(&mut self, findings: Findings, now: Instant) {
        self.is_running = false;
        self.next = now + POLL_EVERY;
        self.seen_until = findings.until;
        self.has_queued = findings.oldest_due.is_some();
        if findings.is_sweep {
            self.swept = Some(now);
        }
        if findings.recovered {
            self.recovered = Some(now);
        }
        // Numbers that got a new token: their queues are full of what nobody looked at.
        let cleared = self.rejected.difference(&findings.rejected);
        self.numbers.extend(cleared);
        self.rejected = findings.rejected;
    }

    /// The poll failed: the next one asks for everything.
    pub(super) fn failed(&mut self, now: Instant) {
        self.is_running = false;
        self.next = now + POLL_EVERY;
        self.swept = None;
    }
}

/// Asks.
pub(super) async fn poll(tools: &Tools, question: Question) -> Option<Findings> {
    match try_poll(tools, &question).await {
        Ok(findings) => Some(findings),
        Err(error) => {
            tracing::warn!(
                error = sb_telemetry::as_error(&error),
                "the queue could not be read, trying again"
            );
            None
        }
    }
}

async fn try_poll(tools: &Tools, question: &Question) -> Result<Findings, DbError> {
    let mut tx = tools.db.system(SystemReason::Dispatch).await?;
    let mut dispatch = tx.dispatch();
    let mut found = dispatch
        .list_waking(question.after, question.until, ROWS)
        .await?;
    match &question.sweep {
        Sweep::None => {}
        Sweep::Numbers(numbers) => {
            found.extend(dispatch.list_due(question.until, numbers, ROWS).await?);
        }
        Sweep::All => found.extend(dispatch.list_due(question.until, &[], ROWS).await?),
    }
    let rejected = dispatch.list_rejected_numbers().await?;
    let oldest_due = dispatch.oldest_due().await?;
    if question.recovers {
        found.extend(recover(tools, &mut tx, question.until).await?);
    }
    tx.commit().await?;
    Ok(Findings {
        until: question.until,
        found,
        rejected: rejected.into_iter().collect(),
        oldest_due,
        is_sweep: question.sweep == Sweep::All,
        recovered: question.recovers,
    })
}

/// What nobody came back for. Returns conversations that can go on.
async fn recover(
    tools: &Tools,
    tx: &mut SystemTx,
    at: DateTime<Utc>,
) -> Result<Vec<ConversationKey>, DbError> {
    let deadline = at + tools.patience.unknown_deadline;
    let mut dispatch = tx.dispatch();
    let mut found = dispatch.requeue_unprepared(at, RECOVERED).await?;
    let lost = dispatch
        .lose_stale(at, deadline, INTERRUPTED, RECOVERED)
        .await?;
    let attempts: Vec<Attempt> = lost.iter().map(|lost| interrupted(lost, at)).collect();
    dispatch.keep_attempts(&attempts).await?;
    let settled = dispatch.settle_unknown(at, NEVER_KNOWN, RECOVERED).await?;
    let missed = dispatch
        .list_missed_statuses(at - MISSED_STATUSES, RECOVERED)
        .await?;
    let mut events = Vec::new();
    for lost in &lost {
        report_unknown(
            &lost.outgoing,
            "its dispatcher ended before the outcome was recorded",
        );
        let announcer = &tools.announcer;
        let event = announcer.interrupted(&lost.outgoing, lost.attempt, INTERRUPTED, at)?;
        events.push((lost.outgoing.organization, event));
    }
    for unknown in &settled {
        found.extend(settle(unknown));
        if unknown.policy == OnUnknown::Fail {
            let event = tools.announcer.never_known(unknown, NEVER_KNOWN, at)?;
            events.push((unknown.outgoing.organization, event));
        }
    }
    events.extend(statuses::adopt(tools, tx, &missed).await?);
    tx.outbox().append_all(&events, at).await?;
    found.extend(lost.iter().map(|lost| lost.outgoing.key()));
    Ok(found)
}

/// Reports what was done about an unknown message; the conversation to look at, if it is sent once more.
fn settle(unknown: &SettledUnknown) -> Option<ConversationKey> {
    let outgoing = &unknown.outgoing;
    match unknown.policy {
        OnUnknown::Hold => {
            report_unknown(outgoing, "no status came before the deadline, it is held");
            None
        }
        OnUnknown::Fail => {
            report_unknown(
                outgoing,
                "no status came before the deadline, it counts as failed",
            );
            None
        }
        OnUnknown::Resend => {
            report_unknown(
                outgoing,
                "no status came before the deadline, it is sent once more",
            );
            Some(outgoing.key())
        }
    }
}

fn interrupted(lost: &LostMessage, at: DateTime<Utc>) -> Attempt {
    Attempt {
        organization: lost.outgoing.organization,
        message: lost.outgoing.message,
        attempt: lost.attempt,
        started_at: lost.sending_at.unwrap_or(at),
        finished_at: at,
        outcome: AttemptOutcome::AnswerLost,
        error_code: INTERRUPTED.to_owned(),
        error: Value::Null,
    }
}

fn report_unknown(outgoing: &OutgoingRef, why: &'static str) {
    tracing::warn!(
        message.id = %outgoing.message,
        organization.id = %outgoing.organization,
        why,
        "whether a message was sent is unknown"
    );
}

/// Publishes commands that only say: look.
pub(super) async fn nudge(tools: &Tools, keys: &[ConversationKey]) {
    let at = tools.clock.now();
    let commands: Vec<_> = keys
        .iter()
        .filter_map(|key| tools.announcer.nudge(key, at).ok())
        .collect();
    if let Err(error) = tools.publisher.publish(&commands).await {
        tracing::warn!(
            error = sb_telemetry::as_error(&error),
            "owners could not be told of their work, trying again"
        );
    }
}
