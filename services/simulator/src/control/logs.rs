//! What happened: sends, webhooks, totals.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::error::ControlError;
use crate::state::ids::Direction;
use crate::state::messages::{Message, Messages};
use crate::state::{Simulator, UnknownObject};

/// Entries of one answer when no limit is given.
const DEFAULT_LIMIT: usize = 1_000;
/// Longest a call may wait for news.
const MAX_WAIT: Duration = Duration::from_mins(1);

#[derive(Debug, Deserialize)]
pub(crate) struct LogQuery {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
    phone_number_id: Option<String>,
    /// Phone the messages went to.
    to: Option<String>,
    /// Wait this long for the first entry.
    wait_ms: Option<u64>,
}

impl LogQuery {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, 10_000)
    }
}

/// Accepted sends, oldest first.
pub(crate) async fn sent(
    simulator: web::Data<Simulator>,
    query: web::Query<LogQuery>,
) -> HttpResponse {
    let wait = Duration::from_millis(query.wait_ms.unwrap_or(0)).min(MAX_WAIT);
    let deadline = Instant::now() + wait;
    // Listening before looking, so that nothing falls between the two.
    let mut news = simulator.subscribe();
    loop {
        let (entries, next) = read_sent(&simulator, &query);
        let is_late = Instant::now() >= deadline;
        if !entries.is_empty() || is_late {
            return HttpResponse::Ok().json(json!({ "sent": entries, "next": next }));
        }
        // Lagging behind the news is as good as news; the loop looks again.
        let _ = timeout_at(deadline, news.recv()).await;
    }
}

fn read_sent(simulator: &Simulator, query: &LogQuery) -> (Vec<Value>, u64) {
    let is_asked = |message: &&Message| {
        let same =
            |asked: &Option<String>, found: &str| asked.as_ref().is_none_or(|asked| asked == found);
        message.direction == Direction::Outbound
            && same(&query.phone_number_id, &message.number_id)
            && same(&query.to, &message.wa_id)
    };
    simulator.read(|state| {
        let messages = state.messages.after(query.after).filter(is_asked);
        let mut next = query.after;
        let entries = messages
            .take(query.limit())
            .map(|message| {
                next = message.sequence;
                entry(&state.messages, message)
            })
            .collect();
        (entries, next)
    })
}

fn entry(messages: &Messages, message: &Message) -> Value {
    let callback = message.callback_data.as_deref();
    json!({
        "sequence": message.sequence,
        "id": message.id,
        "direction": message.direction,
        "phone_number_id": message.number_id,
        "wa_id": message.wa_id,
        "type": message.kind,
        "at": message.at,
        "status": message.progress.as_str(),
        "biz_opaque_callback_data": callback,
        "callback_count": callback.map(|callback| messages.callback_count(callback)),
        "error": message.error,
        "body": message.json(),
    })
}

/// Callback data that came with more than one accepted send.
pub(crate) async fn repeated(simulator: web::Data<Simulator>) -> HttpResponse {
    let repeated: Vec<Value> = simulator.read(|state| {
        let repeated = state.messages.repeated_callbacks();
        repeated
            .into_iter()
            .map(|(data, count)| json!({ "biz_opaque_callback_data": data, "count": count }))
            .collect()
    });
    HttpResponse::Ok().json(json!({ "repeated": repeated }))
}

/// One message of either direction.
pub(crate) async fn message(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
) -> Result<HttpResponse, ControlError> {
    let id = path.into_inner();
    let found = simulator.read(|state| {
        let message = state.messages.get(&id);
        message
            .map(|message| entry(&state.messages, message))
            .ok_or_else(|| UnknownObject::new("message", &id))
    })?;
    Ok(HttpResponse::Ok().json(found))
}

/// Tries to deliver webhooks, oldest first.
pub(crate) async fn webhooks(
    simulator: web::Data<Simulator>,
    query: web::Query<LogQuery>,
) -> HttpResponse {
    let answer = simulator.read(|state| {
        let attempts = state.deliveries.after(query.after).take(query.limit());
        let attempts: Vec<Value> = attempts.map(|attempt| json!(attempt)).collect();
        json!({
            "attempts": attempts,
            "totals": state.deliveries.totals,
            "trouble": state.deliveries.trouble,
        })
    });
    HttpResponse::Ok().json(answer)
}

/// Makes every waiting retry due now.
pub(crate) async fn retry_now(simulator: web::Data<Simulator>) -> HttpResponse {
    simulator.queue().hurry();
    simulator.work().notify_one();
    HttpResponse::Ok().json(json!({ "success": true }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct PendingQuery {
    /// Wait this long for nothing to be pending or planned.
    wait_ms: Option<u64>,
}

/// Updates that no app has acknowledged yet.
pub(crate) async fn pending(
    simulator: web::Data<Simulator>,
    query: web::Query<PendingQuery>,
) -> HttpResponse {
    let wait = Duration::from_millis(query.wait_ms.unwrap_or(0)).min(MAX_WAIT);
    let deadline = Instant::now() + wait;
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    loop {
        // The plan first: a step that comes due in between shows as pending.
        let (planned, held) =
            simulator.read(|state| (state.schedule.planned(), state.schedule.held()));
        let pending = simulator.queue().pending;
        if pending + planned == 0 || Instant::now() >= deadline {
            return HttpResponse::Ok().json(json!({
                "pending": pending,
                "planned_statuses": planned,
                "held_statuses": held,
            }));
        }
        tick.tick().await;
    }
}

/// Totals and the observed peak throughput of each number.
pub(crate) async fn stats(simulator: web::Data<Simulator>) -> HttpResponse {
    let (pending, overflowed) = {
        let queue = simulator.queue();
        (queue.pending, queue.overflowed)
    };
    let stats = simulator.read(|state| {
        let numbers = state.accounts.numbers.values().map(|number| {
            json!({
                "phone_number_id": number.id,
                "throughput_mps": number.throughput_mps,
                "peak_mps": number.peak_mps,
            })
        });
        json!({
            "accepted": state.messages.accepted,
            "refused": state.refused,
            "messages": state.messages.last_sequence(),
            "phones": state.contacts.len(),
            "numbers": numbers.collect::<Vec<_>>(),
            "webhooks": state.deliveries.totals,
            "pending": pending,
            "overflowed": overflowed,
        })
    });
    HttpResponse::Ok().json(stats)
}

/// The accounts; secrets stay out.
pub(crate) async fn state(simulator: web::Data<Simulator>) -> HttpResponse {
    let shown = simulator.read(|state| {
        let accounts = &state.accounts;
        let apps = accounts.apps.values().map(|app| {
            let url = app.callback.as_ref().map(|callback| callback.url.as_str());
            json!({ "id": app.id, "name": app.name, "webhook_url": url })
        });
        let wabas = accounts.wabas.values().map(|waba| {
            let apps: Vec<&String> = waba.subscribed.keys().collect();
            json!({ "id": waba.id, "name": waba.name, "subscribed_apps": apps })
        });
        let numbers = accounts.numbers.values().map(|number| {
            json!({
                "id": number.id,
                "waba_id": number.waba_id,
                "display_phone_number": number.display,
                "verified_name": number.verified_name,
                "registered": number.registered,
                "throughput_mps": number.throughput_mps,
            })
        });
        json!({
            "apps": apps.collect::<Vec<_>>(),
            "wabas": wabas.collect::<Vec<_>>(),
            "numbers": numbers.collect::<Vec<_>>(),
            "trouble": state.deliveries.trouble,
        })
    });
    HttpResponse::Ok().json(shown)
}
