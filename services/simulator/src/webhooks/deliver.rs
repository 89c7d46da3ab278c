//! Posts what waits in the queue, many at a time, until it is acknowledged.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use sb_egress::Egress;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::queue::{Retry, Update, Work};
use super::{build, encode, sign};
use crate::state::Simulator;
use crate::state::deliveries::{Attempt, Outcome};

/// Largest post.
///
/// # Source
/// Meta, "Webhooks overview": payloads can be up to 3 MB.
const MAX_POST_BYTES: usize = 3 * 1024 * 1024;
/// A receiver that takes longer has failed.
const POST_TIMEOUT: Duration = Duration::from_secs(20);
/// What is read of an answer.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// How the posts name their sender.
const USER_AGENT: &str = "facebookexternalua";

/// One of the workers: takes a post, sends it, records what came of it.
pub(crate) async fn worker(simulator: Simulator, egress: Egress, stopping: CancellationToken) {
    loop {
        let taken = {
            let mut queue = simulator.queue();
            queue.take().map(|work| (work, queue.epoch))
        };
        let Some((work, epoch)) = taken else {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = simulator.work().notified() => continue,
            }
        };
        // There may be more; a worker that finds nothing goes back to sleep.
        simulator.work().notify_one();
        let delivered = deliver(&simulator, &egress, work, epoch);
        tokio::select! {
            () = stopping.cancelled() => return,
            () = delivered => {}
        }
    }
}

/// Moves delayed updates and retries into their lines when they are due.
pub(crate) async fn timekeeper(simulator: Simulator, stopping: CancellationToken) {
    loop {
        let (moved, next) = simulator.queue().ripen(Instant::now());
        if moved {
            simulator.work().notify_one();
        }
        let sleep = async {
            match next {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = simulator.retimed().notified() => {}
            () = sleep => {}
        }
    }
}

async fn deliver(simulator: &Simulator, egress: &Egress, work: Work, epoch: u64) {
    match work {
        Work::Again(retry) => {
            let app_id = retry.app_id.clone();
            post(simulator, egress, retry, epoch).await;
            simulator.queue().finish(&app_id, []);
        }
        Work::Fresh(updates) => {
            let Some(first) = updates.first() else { return };
            let app_id = first.app_id.clone();
            let threads: BTreeSet<String> =
                updates.iter().map(|update| update.thread.clone()).collect();
            for (body, part) in bodies(&updates) {
                let retry = Retry {
                    id: simulator.change(|state, _| state.deliveries.begin()),
                    app_id: app_id.clone(),
                    waba_id: part.first.waba_id.clone(),
                    number_id: part.first.number_id.clone(),
                    body,
                    updates: part.updates.len(),
                    messages: messages(part.updates),
                    attempts: 0,
                    first_at: Instant::now(),
                };
                post(simulator, egress, retry, epoch).await;
            }
            let threads = threads.iter().map(String::as_str);
            simulator.queue().finish(&app_id, threads);
        }
    }
    // Finishing may have made a chat's next update ready.
    simulator.work().notify_one();
}

struct Part<'a> {
    first: &'a Update,
    updates: &'a [Update],
}

/// Ids of the inbound messages among updates.
fn messages(updates: &[Update]) -> Vec<String> {
    let ids = updates.iter().filter_map(|update| match &update.change {
        build::Change::Message { message, .. } => message.get("id")?.as_str().map(str::to_owned),
        build::Change::Status { .. } | build::Change::Raw { .. } => None,
    });
    ids.collect()
}

/// Encodes updates into as few posts as the size limit allows.
fn bodies(updates: &[Update]) -> Vec<(Bytes, Part<'_>)> {
    let mut posts = Vec::new();
    let mut parts = vec![updates];
    while let Some(part) = parts.pop() {
        let Some(first) = part.first() else { continue };
        // A `Value` always encodes.
        let body = encode::encode(&build::envelope(part)).unwrap_or_default();
        if body.len() > MAX_POST_BYTES && part.len() > 1 {
            let (head, tail) = part.split_at(part.len() / 2);
            parts.extend([tail, head]);
            continue;
        }
        let part = Part {
            first,
            updates: part,
        };
        posts.push((Bytes::from(body), part));
    }
    posts
}

/// What one try came to.
struct Answer {
    status: Option<u16>,
    error: Option<String>,
    took: Duration,
}

async fn post(simulator: &Simulator, egress: &Egress, mut retry: Retry, epoch: u64) {
    let target = simulator.read(|state| {
        let number_id = retry.number_id.as_deref();
        let callback = state
            .accounts
            .callback(&retry.app_id, &retry.waba_id, number_id)?;
        let app = state.accounts.apps.get(&retry.app_id)?;
        Some((callback.url.clone(), sign::sign(&app.secret, &retry.body)))
    });
    let Some((url, signature)) = target else {
        simulator.queue().settle(retry.updates);
        return;
    };
    retry.attempts += 1;
    let answer = send(egress, &url, signature, retry.body.clone()).await;
    let mut queue = simulator.queue();
    if queue.epoch != epoch {
        return;
    }
    let wait = queue
        .rules
        .schedule
        .wait(retry.attempts, retry.first_at.elapsed());
    let outcome = match (answer.status, wait) {
        (Some(200), _) => Outcome::Delivered,
        (_, Some(_)) => Outcome::Retrying,
        (_, None) => Outcome::GivenUp,
    };
    let record = attempt(&retry, url, answer, outcome, simulator);
    let mut received = Vec::new();
    match (outcome, wait) {
        (Outcome::Retrying, Some(wait)) => queue.retry(retry, Instant::now() + wait),
        (Outcome::Delivered, _) => {
            queue.settle(retry.updates);
            received = retry.messages;
        }
        _ => queue.settle(retry.updates),
    }
    drop(queue);
    if outcome == Outcome::Retrying {
        simulator.retimed().notify_one();
    }
    simulator.change(|state, fx| {
        state.business_received(fx, &received);
        if state.deliveries.record(record) {
            fx.tell("webhook", serde_json::json!({}));
        }
    });
}

fn attempt(
    retry: &Retry,
    url: String,
    answer: Answer,
    outcome: Outcome,
    simulator: &Simulator,
) -> Attempt {
    Attempt {
        sequence: 0,
        delivery: retry.id,
        tries: retry.attempts,
        at: simulator.now(),
        app_id: retry.app_id.clone(),
        url,
        updates: retry.updates,
        size_bytes: retry.body.len(),
        status: answer.status,
        error: answer.error,
        duration_ms: u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
        outcome,
    }
}

async fn send(egress: &Egress, url: &str, signature: String, body: Bytes) -> Answer {
    let started = Instant::now();
    let sent = egress
        .post(url)
        .header("Content-Type", "application/json")
        .header("User-Agent", USER_AGENT)
        .header(sign::HEADER, &signature)
        .body(body)
        .timeout(POST_TIMEOUT)
        .trusted()
        .send("simulator.webhook.post")
        .await;
    let (status, error) = match sent {
        Ok(response) => {
            let status = response.status().as_u16();
            // Reading to the end is what lets the connection be used again.
            let _ = response.bytes_limited(MAX_ANSWER_BYTES).await;
            (Some(status), None)
        }
        Err(error) => (None, Some(chain(&error))),
    };
    Answer {
        status,
        error,
        took: started.elapsed(),
    }
}

/// An error with its causes, for the page and the log of attempts.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
