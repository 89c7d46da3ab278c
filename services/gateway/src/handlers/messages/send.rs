use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use chrono::{DateTime, TimeDelta, Utc};
use sb_db::{Conversation, NewOutgoing, PageRequest, TenantTx};
use sb_domain::content::{MessageContent, Part, TemplatePart};
use sb_domain::delivery::OnUnknown;
use sb_domain::outgoing;
use sb_events::Origin;
use sb_http::{
    Code, FieldErrors, IdempotencyKey, Problem, Problems, Tenant, ValidJson, Validate, needs,
};
use sb_ids::{MessageId, NumberId, PhoneNumberId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::MessageResponse;
use super::compose::{self, TextOptions};
use crate::content_schema::{ContentSchema, TemplateSchema};
use crate::state::Gateway;
use crate::{audit, recipient};

/// Longest time a message may wait: 30 days.
const TTL_MAX_SECONDS: u32 = 2_592_000;

/// A message to be sent: to a person, or into a conversation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SendMessage, example = json!({
    "to": "+15550100001", "content": { "type": "text", "body": "Your order is ready." }
}))]
pub(crate) struct SendMessageRequest {
    /// A phone number, with or without `+`, or a business-scoped user id.
    #[schema(example = "+15550100001")]
    to: Option<String>,
    /// The conversation, instead of `to` and `from`.
    conversation_id: Option<Uuid>,
    /// Your number: its id or Meta's `phone_number_id`. Not needed when you have only one.
    from: Option<String>,
    /// What to send.
    #[schema(value_type = ContentSchema)]
    content: MessageContent,
    /// Not before.
    send_at: Option<DateTime<Utc>>,
    /// Not after; a message that could not be sent by then fails.
    expires_at: Option<DateTime<Utc>>,
    /// The same as a time from `send_at`, or from now, in seconds.
    #[schema(minimum = 1, maximum = 2_592_000)]
    ttl_seconds: Option<u32>,
    /// What goes in its place when the customer service window is closed by the time it is sent.
    #[schema(value_type = Option<TemplateSchema>)]
    fallback: Option<TemplatePart>,
    /// What happens when the answer of Meta was lost and no status tells within an hour whether the contact has it.
    #[serde(default)]
    on_unknown: OnUnknownSchema,
    /// `content.body`, or the caption, is Markdown: it is rewritten in WhatsApp's own marks.
    #[serde(default)]
    markdown: bool,
    /// A text that is longer than one message may be becomes several, cut where a reader would pause.
    #[serde(default)]
    split: bool,
}

/// What happens to a message of which nobody knows whether Meta has it.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OnUnknown)]
pub(crate) enum OnUnknownSchema {
    /// It stays `unknown`.
    #[default]
    Hold,
    /// It is sent once more: the contact may get it twice.
    Resend,
    /// It counts as failed: the contact may have it all the same.
    Fail,
}

impl From<OnUnknownSchema> for OnUnknown {
    fn from(policy: OnUnknownSchema) -> Self {
        match policy {
            OnUnknownSchema::Hold => Self::Hold,
            OnUnknownSchema::Resend => Self::Resend,
            OnUnknownSchema::Fail => Self::Fail,
        }
    }
}

/// A message that is queued.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SentMessage)]
pub(crate) struct SentMessageResponse {
    #[serde(flatten)]
    message: MessageResponse,
    /// The messages after the first one, when the text was split.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    following: Vec<Uuid>,
}

impl Validate for SendMessageRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        match (&self.to, self.conversation_id) {
            (Some(_), Some(_)) | (None, None) => {
                errors.add("to", "or `conversation_id` must be given, not both");
            }
            (Some(to), None) if recipient::parse(to).is_none() => {
                errors.add(
                    "to",
                    "is neither a phone number nor a business-scoped user id",
                );
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        if self.conversation_id.is_some() && self.from.is_some() {
            errors.add("from", "is the conversation's number; leave it out");
        }
        if self
            .from
            .as_deref()
            .is_some_and(|from| Sender::parse(from).is_none())
        {
            errors.add(
                "from",
                "is neither the id of a number nor a phone_number_id",
            );
        }
        compose::check(&self.content, self.options(), errors);
        if let Some(fallback) = &self.fallback {
            compose::check_fallback(fallback, errors);
        }
        match (self.ttl_seconds, self.expires_at) {
            (Some(_), Some(_)) => {
                errors.add("ttl_seconds", "or `expires_at` may be given, not both");
            }
            (Some(ttl), None) if !(1..=TTL_MAX_SECONDS).contains(&ttl) => {
                errors.add("ttl_seconds", format!("must be 1 to {TTL_MAX_SECONDS}"));
            }
            (Some(_) | None, _) => {}
        }
        if let (Some(send_at), Some(expires_at)) = (self.send_at, self.expires_at)
            && expires_at <= send_at
        {
            errors.add("expires_at", "must be after `send_at`");
        }
    }
}

impl SendMessageRequest {
    const fn options(&self) -> TextOptions {
        TextOptions {
            markdown: self.markdown,
            split: self.split,
        }
    }
}

/// A number as the caller names it.
#[derive(Debug, PartialEq, Eq)]
enum Sender {
    Row(NumberId),
    Meta(PhoneNumberId),
}

impl Sender {
    fn parse(text: &str) -> Option<Self> {
        match PhoneNumberId::parse(text) {
            Ok(id) => Some(Self::Meta(id)),
            Err(_) => NumberId::parse(text).ok().map(Self::Row),
        }
    }
}

/// Send a message
///
/// Queues it: the answer comes before the message is sent, and events tell what becomes of it. Contact and
/// conversation are made when they are new. Takes an `Idempotency-Key`.
#[utoipa::path(
    operation_id = "messages.send",
    tag = "messages",
    security(("api_key" = ["messages:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key send nothing new.")),
    request_body = SendMessageRequest,
    responses((status = 202, description = "Queued.", body = SentMessageResponse), Problems),
)]
#[post("/messages")]
pub(crate) async fn send(
    tenant: Tenant<needs::MessagesWrite>,
    gateway: Data<Gateway>,
    idempotency: IdempotencyKey,
    body: ValidJson<SendMessageRequest>,
) -> Result<HttpResponse, Problem> {
    let now = gateway.clock.now();
    let expires_at = expiry(&body, now)?;
    let once = idempotency.bind(&body, gateway.limits.idempotency_lifetime);
    let body = body.into_inner();
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    if let Some(replay) = once.claim(tx.idempotency(), now).await? {
        return Ok(replay);
    }
    let answer = match queue(&tenant, &mut tx, body, (now, expires_at)).await {
        Ok(answer) => answer,
        Err(refusal) => {
            // The idempotency key is free again before the caller hears of the refusal.
            tx.rollback().await?;
            return Err(refusal);
        }
    };
    once.remember(tx.idempotency(), StatusCode::ACCEPTED, &answer, now)
        .await?;
    tx.commit().await?;
    Ok(HttpResponse::Accepted().json(answer))
}

/// Queues what is asked for, in one transaction.
async fn queue(
    tenant: &Tenant<needs::MessagesWrite>,
    tx: &mut TenantTx,
    body: SendMessageRequest,
    (now, expires_at): (DateTime<Utc>, Option<DateTime<Utc>>),
) -> Result<SentMessageResponse, Problem> {
    let conversation = find_or_open(tx, &body, now).await?;
    let (options, send_at, on_unknown) = (body.options(), body.send_at, body.on_unknown.into());
    let (mut content, fallback) = (body.content, body.fallback);
    compose::check_files(tx, &mut content, "content").await?;
    if let Some(template) = &fallback {
        let mut template = MessageContent::of(Part::Template(template.clone()));
        compose::check_files(tx, &mut template, "fallback").await?;
    }
    let mut sent = Vec::new();
    for content in compose::pieces(content, options) {
        let id = MessageId::new(now);
        let new = NewOutgoing {
            id,
            conversation: conversation.id,
            content,
            agent: None,
            turn: None,
            api_key: Some(tenant.key()),
            send_at,
            expires_at,
            on_unknown,
            fallback: fallback.clone(),
            origin: Origin::start(id.as_uuid()),
        };
        tx.queue().send(&new, now).await?;
        let detail = json!({ "conversation_id": conversation.id });
        let entry = audit::by_key(tenant, "messages.send", "message", id, detail);
        tx.audit().append(&entry, now).await?;
        sent.push(id);
    }
    let mut sent = sent.into_iter();
    let first = match sent.next() {
        Some(first) => tx.messages().find(first).await?,
        None => None,
    };
    let first = first.ok_or_else(|| Problem::internal("a message is gone after it was queued"))?;
    Ok(SentMessageResponse {
        message: MessageResponse::from(first),
        following: sent.map(Uuid::from).collect(),
    })
}

/// Until when the message may be sent.
fn expiry(body: &SendMessageRequest, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Problem> {
    let from = body.send_at.map_or(now, |at| at.max(now));
    let after = |seconds: u32| from + TimeDelta::seconds(i64::from(seconds));
    let expires_at = body.expires_at.or_else(|| body.ttl_seconds.map(after));
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Problem::invalid(Vec::new()).field("expires_at", "must be in the future"));
    }
    Ok(expires_at)
}

/// Only templates may be sent when the contact has not written for a day; what counts is when it is sent.
fn check_window(
    conversation: &Conversation,
    body: &SendMessageRequest,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let sent_at = body.send_at.map_or(now, |at| at.max(now));
    if body.fallback.is_some()
        || !outgoing::needs_open_window(&body.content)
        || conversation.window(sent_at).is_open()
    {
        return Ok(());
    }
    Err(Problem::new(Code::ConversationWindowClosed)
        .detail("the contact has not written within 24 hours before the message is to be sent"))
}

/// The conversation the message goes to, if it may go there now.
async fn find_or_open(
    tx: &mut TenantTx,
    body: &SendMessageRequest,
    now: DateTime<Utc>,
) -> Result<Conversation, Problem> {
    if let Some(id) = body.conversation_id {
        let found = tx.conversations().find(id.into()).await?;
        let mut found = found.ok_or_else(|| Problem::not_found(Code::ConversationNotFound))?;
        if let Some(live) = found.merged_into {
            let live = tx.conversations().find(live).await?;
            found = live.ok_or_else(|| Problem::not_found(Code::ConversationNotFound))?;
        }
        check_window(&found, body, now)?;
        return Ok(found);
    }
    let to = body.to.as_deref().and_then(recipient::parse);
    let to = to.ok_or_else(|| Problem::invalid(Vec::new()).field("to", "is required"))?;
    let number = choose_number(tx, body.from.as_deref()).await?;
    let opened = tx.conversations().open(number, &to, now).await?;
    check_window(&opened, body, now)?;
    Ok(opened)
}

async fn choose_number(tx: &mut TenantTx, from: Option<&str>) -> Result<NumberId, Problem> {
    let found = match from.and_then(Sender::parse) {
        Some(Sender::Row(id)) => tx.numbers().find(id).await?,
        Some(Sender::Meta(id)) => tx.numbers().find_by_phone_number_id(&id).await?,
        None => return only_number(tx).await,
    };
    found
        .map(|number| number.id)
        .ok_or_else(|| Problem::invalid(Vec::new()).field("from", "is not one of your numbers"))
}

async fn only_number(tx: &mut TenantTx) -> Result<NumberId, Problem> {
    let two = PageRequest {
        limit: 2,
        after: None,
    };
    let numbers = tx.numbers().list(two).await?.items;
    match numbers.as_slice() {
        [only] => Ok(only.id),
        [] => Err(Problem::new(Code::NumberRequired).detail("you have not connected a number yet")),
        _ => Err(Problem::new(Code::NumberRequired)
            .detail("you have several numbers: name one in `from`")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn fields(body: Value) -> Vec<String> {
        let body: SendMessageRequest = serde_json::from_value(body).unwrap();
        let mut errors = FieldErrors::default();
        body.validate(&mut errors);
        let found = errors.finish().err().unwrap_or_default();
        found.into_iter().map(|error| error.field).collect()
    }

    fn text(with: &Value) -> Value {
        let mut body = json!({ "content": { "type": "text", "body": "hi" } });
        body.as_object_mut()
            .unwrap()
            .extend(with.as_object().unwrap().clone());
        body
    }

    #[test]
    fn a_message_goes_to_a_person_or_into_a_conversation() {
        assert!(fields(text(&json!({ "to": "+1 555 010 0001" }))).is_empty());
        assert!(
            fields(text(
                &json!({ "to": "US.1349" , "from": "106540352242922" })
            ))
            .is_empty()
        );
        let id = Uuid::nil();
        assert!(fields(text(&json!({ "conversation_id": id }))).is_empty());
        assert_eq!(fields(text(&json!({}))), ["to"]);
        assert_eq!(
            fields(text(&json!({ "to": "1555010000", "conversation_id": id }))),
            ["to"]
        );
        assert_eq!(fields(text(&json!({ "to": "nobody" }))), ["to"]);
        assert_eq!(
            fields(text(&json!({ "to": "15550100001", "from": "x" }))),
            ["from"]
        );
        assert_eq!(
            fields(text(&json!({ "conversation_id": id, "from": "1" }))),
            ["from"]
        );
    }

    #[test]
    fn what_only_contacts_send_is_refused() {
        let body = json!({
            "to": "15550100001",
            "content": {
                "type": "text", "body": "", "forwarded": "once", "reply_to": "a b",
                "artifacts": [{ "kind": "description", "text": "t" }],
            },
        });
        assert_eq!(
            fields(body),
            [
                "content.body",
                "content.reply_to",
                "content.forwarded",
                "content.artifacts"
            ]
        );
        let note = json!({ "to": "15550100001", "content": { "type": "note", "text": "n" } });
        assert_eq!(fields(note), ["content.type"]);
    }

    #[test]
    fn a_message_expires_at_one_time_only() {
        let both =
            json!({ "to": "15550100001", "ttl_seconds": 5, "expires_at": "2030-01-01T00:00:00Z" });
        assert_eq!(fields(text(&both)), ["ttl_seconds"]);
        assert_eq!(
            fields(text(&json!({ "to": "15550100001", "ttl_seconds": 0 }))),
            ["ttl_seconds"]
        );
        let order = json!({
            "to": "15550100001", "send_at": "2030-01-02T00:00:00Z", "expires_at": "2030-01-01T00:00:00Z",
        });
        assert_eq!(fields(text(&order)), ["expires_at"]);
    }

    #[test]
    fn a_lifetime_counts_from_when_the_message_may_be_sent() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let later = now + TimeDelta::hours(1);
        let body = |with: Value| serde_json::from_value(text(&with)).unwrap();
        let expires = expiry(&body(json!({ "ttl_seconds": 60, "send_at": later })), now).unwrap();
        assert_eq!(expires, Some(later + TimeDelta::seconds(60)));
        let past = now - TimeDelta::hours(1);
        assert!(expiry(&body(json!({ "expires_at": past })), now).is_err());
    }
}
