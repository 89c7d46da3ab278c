//! What a tenant can do through the repositories, and with SQL of its own.

use std::pin::Pin;

use chrono::{DateTime, TimeDelta, Utc};
use sb_db::{
    ActivityKey, AgentChange, AuditEntry, ConversationChange, ConversationFilter, DbError,
    FetchedFile, FlowEndpointChange, FlowHandler, HeldTurn, Identity, MediaUpload, NewFlowEndpoint,
    NewFlowKey, NewMedia, NewOutgoing, NumberChange, NumberProfile, Order, OrganizationChange,
    PageRequest, QuarantineFilter, RotatedFlowKey, SequenceKey, TenantTx, TurnKey,
};
use sb_domain::Clock;
use sb_domain::content::{Artifact, ArtifactKind, MediaKind, MessageContent, StoredFile};
use sb_domain::delivery::OnUnknown;
use sb_events::Origin;
use sb_ids::{
    AgentId, ApiKeyId, ContactId, ConversationId, FlowEndpointId, FlowKeyId, MediaId, MessageId,
    MetaAppId, NumberId, OrganizationId, PhoneNumberId, PostId, QuarantineId, WabaId,
};
use serde_json::json;
use sqlx::types::Uuid;

/// What one needs to know of a tenant to ask for its things.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) organization: OrganizationId,
    pub(crate) number: NumberId,
    pub(crate) phone_number_id: PhoneNumberId,
    pub(crate) waba: WabaId,
    pub(crate) agent: AgentId,
    pub(crate) api_key: ApiKeyId,
    pub(crate) contact: ContactId,
    pub(crate) identity: Identity,
    pub(crate) conversation: ConversationId,
    pub(crate) message: MessageId,
    pub(crate) media: MediaId,
    pub(crate) flow_endpoint: FlowEndpointId,
    pub(crate) flow_key: FlowKeyId,
    /// Stands in its texts; nobody else knows it.
    pub(crate) mark: &'static str,
}

impl Known {
    /// The ids that another tenant's operations write into its own rows, where no reference is checked.
    pub(crate) fn planted(&self) -> [Uuid; 3] {
        [
            self.number.as_uuid(),
            self.api_key.as_uuid(),
            self.message.as_uuid(),
        ]
    }

    /// A post of Meta's.
    pub(crate) fn post(&self) -> PostId {
        PostId::derive(self.organization.as_uuid(), "post")
    }

    /// An update of that post that could not be handled.
    pub(crate) fn quarantined(&self) -> QuarantineId {
        QuarantineId::derive(self.organization.as_uuid(), "quarantined")
    }

    /// The ids that a step against this tenant may name.
    pub(crate) fn ids(&self) -> [Uuid; 12] {
        [
            self.organization.as_uuid(),
            self.number.as_uuid(),
            self.agent.as_uuid(),
            self.api_key.as_uuid(),
            self.contact.as_uuid(),
            self.conversation.as_uuid(),
            self.message.as_uuid(),
            self.media.as_uuid(),
            self.flow_endpoint.as_uuid(),
            self.flow_key.as_uuid(),
            self.post().as_uuid(),
            self.quarantined().as_uuid(),
        ]
    }
}

type Outcome<'a> = Pin<Box<dyn Future<Output = Result<String, DbError>> + Send + 'a>>;

/// An operation of the caller (first) on somebody's things (second).
type Run = for<'a> fn(&'a mut TenantTx, &'a Known, &'a Known) -> Outcome<'a>;

/// Whether a tenant that does it to its own things has to take it back, so that later steps find them.
type IsUndone = bool;

pub(crate) fn now() -> DateTime<Utc> {
    Clock::system().now()
}

fn first<K>() -> PageRequest<K> {
    PageRequest {
        limit: 200,
        after: None,
    }
}

fn outgoing(mine: &Known, conversation: ConversationId) -> NewOutgoing {
    NewOutgoing {
        id: MessageId::new(now()),
        conversation,
        content: MessageContent::text(format!("{} writes", mine.mark)),
        agent: None,
        turn: None,
        api_key: None,
        send_at: None,
        expires_at: None,
        on_unknown: OnUnknown::Hold,
        fallback: None,
        origin: Origin::default(),
    }
}

pub(crate) fn media(mine: &Known, message: MessageId) -> NewMedia {
    let id = MediaId::new(now());
    NewMedia {
        id,
        message: Some(message),
        kind: MediaKind::Document,
        sha256: "00".repeat(32),
        storage_key: format!("{}/{id}", mine.mark),
        thumbnail_key: Some(format!("{}/{id}/small", mine.mark)),
        mime_type: "text/plain".to_owned(),
        declared_mime_type: Some("text/html".to_owned()),
        filename: format!("{}.txt", mine.mark),
        size_bytes: 1,
    }
}

fn fetched(mine: &Known) -> FetchedFile {
    FetchedFile {
        sha256: "00".repeat(32),
        storage_key: mine.mark.to_owned(),
        thumbnail_key: None,
        mime_type: "text/plain".to_owned(),
        declared_mime_type: None,
        size_bytes: 1,
    }
}

/// An endpoint of the caller's, for somebody's account.
pub(crate) fn flow_endpoint(mine: &Known, of: &Known) -> NewFlowEndpoint {
    NewFlowEndpoint {
        id: FlowEndpointId::new(now()),
        name: format!("{} asks", mine.mark),
        waba: of.waba.clone(),
        app: MetaAppId::parse("1").unwrap(),
        handler: FlowHandler::Agent {
            agent: Some(of.agent),
        },
        signing_secret_sealed: mine.mark.as_bytes().to_vec(),
    }
}

/// A key pair for somebody's account.
pub(crate) fn flow_key(mine: &Known, of: &Known) -> NewFlowKey {
    NewFlowKey {
        id: FlowKeyId::new(now()),
        waba: of.waba.clone(),
        public_key_pem: mine.mark.to_owned(),
        private_key_sealed: mine.mark.as_bytes().to_vec(),
    }
}

fn rotated_flow_key(mine: &Known) -> RotatedFlowKey {
    RotatedFlowKey {
        public_key_pem: mine.mark.to_owned(),
        private_key_sealed: mine.mark.as_bytes().to_vec(),
        previous: Some((mine.mark.as_bytes().to_vec(), now())),
    }
}

fn stored_file(of: &Known) -> StoredFile {
    StoredFile {
        id: of.media,
        kind: MediaKind::Document,
        voice: false,
    }
}

fn media_upload(of: &Known, mark: &str) -> MediaUpload {
    MediaUpload {
        media: of.media,
        voice: false,
        meta_media_id: mark.to_owned(),
        expires_at: now() + TimeDelta::days(1),
    }
}

fn artifacts(mine: &Known) -> Vec<Artifact> {
    vec![Artifact {
        kind: ArtifactKind::Description,
        text: format!("{} describes", mine.mark),
    }]
}

fn held(of: &Known) -> HeldTurn {
    HeldTurn {
        key: TurnKey {
            organization: of.organization,
            conversation: of.conversation,
        },
        epoch: 1,
    }
}

/// Makes a row of the table from `|tx, mine, of| expression`.
macro_rules! operations {
    ($($name:literal $undone:literal |$tx:ident, $mine:ident, $of:ident| $work:expr;)+) => {
        /// Every operation a tenant has.
        pub(crate) const OPERATIONS: &[(&str, IsUndone, Run)] = &[$(
            ($name, $undone, |$tx, $mine, $of| Box::pin(async move {
                let _ = ($mine, $of);
                $work.await.map(|value| format!("{value:?}"))
            })),
        )+];
    };
}

operations! {
    "organizations.get" false |tx, mine, of| tx.organizations().get();
    "organizations.update" false |tx, mine, of| tx.organizations().update(
        &OrganizationChange { name: Some(mine.mark.to_owned()), default_agent: Some(Some(of.agent)),
            ..OrganizationChange::default() }, now());
    "numbers.list" false |tx, mine, of| tx.numbers().list(first());
    "numbers.find" false |tx, mine, of| tx.numbers().find(of.number);
    "numbers.find_by_phone_number_id" false |tx, mine, of| tx.numbers().find_by_phone_number_id(&of.phone_number_id);
    "numbers.update" false |tx, mine, of| tx.numbers().update(
        of.number, &NumberChange { agent: Some(Some(of.agent)), ..NumberChange::default() }, now());
    "number_profiles.find_source" false |tx, mine, of| tx.number_profiles().find_source(of.number);
    "number_profiles.find_account" false |tx, mine, of| tx.number_profiles().find_account(&of.waba);
    "number_profiles.save" false |tx, mine, of| tx.number_profiles().save(
        of.number,
        &NumberProfile { verified_name: Some(mine.mark.to_owned()), ..NumberProfile::default() }, None, now());
    "number_profiles.hold" false |tx, mine, of| tx.number_profiles().hold(of.number, now());
    "number_profiles.reject_token" false |tx, mine, of| tx.number_profiles().reject_token(of.number, b"token", now());
    "number_profiles.mark_subscribed" false |tx, mine, of| tx.number_profiles().mark_subscribed(&of.waba, now());
    "agents.list" false |tx, mine, of| tx.agents().list(first());
    "agents.find" false |tx, mine, of| tx.agents().find(of.agent);
    "agents.update" false |tx, mine, of| tx.agents().update(
        of.agent, &AgentChange { name: Some(mine.mark.to_owned()), ..AgentChange::default() }, now());
    "agents.delete" true |tx, mine, of| tx.agents().delete(of.agent);
    "api_keys.list" false |tx, mine, of| tx.api_keys().list(first());
    "api_keys.find" false |tx, mine, of| tx.api_keys().find(of.api_key);
    "api_keys.revoke" false |tx, mine, of| tx.api_keys().revoke(of.api_key, now());
    "contacts.list" false |tx, mine, of| tx.contacts().list(Some(&of.identity), first());
    "contacts.find" false |tx, mine, of| tx.contacts().find(of.contact);
    "contacts.update_name" false |tx, mine, of| tx.contacts().update_name(of.contact, mine.mark, now());
    "contacts.merge" false |tx, mine, of| tx.contacts().merge(mine.contact, of.contact, (mine.mark, now()));
    "contacts.unmerge" false |tx, mine, of| tx.contacts().unmerge(of.contact, (mine.mark, now()));
    "contacts.merges" false |tx, mine, of| tx.contacts().merges(of.contact, first());
    "conversations.list" false |tx, mine, of| tx.conversations().list(
        ConversationFilter { contact: Some(of.contact), ..ConversationFilter::default() }, first::<ActivityKey>());
    "conversations.find" false |tx, mine, of| tx.conversations().find(of.conversation);
    "conversations.open" false |tx, mine, of| tx.conversations().open(of.number, &of.identity, now());
    "conversations.open_own_number" false |tx, mine, of| tx.conversations().open(mine.number, &of.identity, now());
    "conversations.update" false |tx, mine, of| tx.conversations().update(
        of.conversation,
        ConversationChange { agent: Some(Some(of.agent)), archived: Some(true), ..ConversationChange::default() },
        now());
    "messages.find" false |tx, mine, of| tx.messages().find(of.message);
    "messages.list" false |tx, mine, of| tx.messages().list(
        of.conversation, Order::NewestFirst, first::<SequenceKey>());
    "queue.send" false |tx, mine, of| tx.queue().send(&outgoing(mine, of.conversation), now());
    "queue.note" false |tx, mine, of| tx.queue().note(&outgoing(mine, of.conversation), now());
    "media.insert" false |tx, mine, of| tx.media().insert(&media(mine, of.message), now());
    "media.find" false |tx, mine, of| tx.media().find(of.media);
    "media_fetches.find" false |tx, mine, of| tx.media_fetches().find(of.media);
    "media_fetches.confirm" false |tx, mine, of| tx.media_fetches().confirm(of.media, &fetched(mine));
    "media_fetches.fail" false |tx, mine, of| tx.media_fetches().fail(of.media, mine.mark);
    "media_fetches.want_again" false |tx, mine, of| tx.media_fetches().want_again(of.media, now(), now());
    "media_uploads.find" false |tx, mine, of| async {
        let found = tx.media_uploads().find(of.number, &[stored_file(of)], now()).await?;
        Ok::<_, DbError>(found.into_iter().map(|upload| upload.meta_media_id).collect::<Vec<_>>())
    };
    "media_uploads.save" false |tx, mine, of| tx.media_uploads().save(of.number, &media_upload(of, mine.mark), now());
    "media_uploads.forget" false |tx, mine, of| tx.media_uploads().forget(of.number, &[stored_file(of)]);
    "annotations.save_done" false |tx, mine, of| tx.annotations().save_done(of.media, &artifacts(mine), now());
    "annotations.save_failed" false |tx, mine, of| tx.annotations().save_failed(of.media, mine.mark, now());
    "annotations.attach" false |tx, mine, of| tx.annotations().attach(of.message, &artifacts(mine));
    "turns.find" false |tx, mine, of| tx.turns().find(of.conversation);
    "turns.finish" false |tx, mine, of| tx.turns().finish(held(of), 1, now());
    "turns.drop_turn" false |tx, mine, of| tx.turns().drop_turn(held(of), now());
    "turns.fail" false |tx, mine, of| tx.turns().fail(held(of), mine.mark, now());
    "turns.retry" false |tx, mine, of| tx.turns().retry(held(of), mine.mark, now(), now());
    "turns.release" false |tx, mine, of| tx.turns().release(held(of), now());
    "agent_contexts.answering" false |tx, mine, of| tx.agent_contexts().answering(of.conversation, now());
    "agent_contexts.messages" false |tx, mine, of| tx.agent_contexts().messages(of.conversation, 200, now());
    "agent_contexts.has_outgoing" false |tx, mine, of| tx.agent_contexts().has_outgoing(of.conversation);
    "flow_keys.get_for_update" false |tx, mine, of| tx.flow_keys().get_for_update(&of.waba);
    "flow_keys.insert" false |tx, mine, of| tx.flow_keys().insert(&flow_key(mine, of), now());
    "flow_keys.rotate" false |tx, mine, of| tx.flow_keys().rotate(of.flow_key, &rotated_flow_key(mine), now());
    "flow_endpoints.insert" false |tx, mine, of| tx.flow_endpoints().insert(&flow_endpoint(mine, of), now());
    "flow_endpoints.list" false |tx, mine, of| tx.flow_endpoints().list(first());
    "flow_endpoints.find" false |tx, mine, of| tx.flow_endpoints().find(of.flow_endpoint);
    "flow_endpoints.update" false |tx, mine, of| tx.flow_endpoints().update(
        of.flow_endpoint,
        &FlowEndpointChange {
            name: Some(mine.mark.to_owned()),
            handler: Some(FlowHandler::Agent { agent: Some(of.agent) }),
            ..FlowEndpointChange::default()
        },
        now());
    "flow_endpoints.delete" true |tx, mine, of| tx.flow_endpoints().delete(of.flow_endpoint);
    "quarantine.list" false |tx, mine, of| tx.quarantine().list(
        &QuarantineFilter { organization: Some(of.organization), ..QuarantineFilter::default() }, first::<ActivityKey>());
    "quarantine.find" false |tx, mine, of| async {
        let found = tx.quarantine().find(of.quarantined()).await?;
        Ok::<_, DbError>(found.map(|item| (item.id, item.payload)))
    };
    "quarantine.search" false |tx, mine, of| async {
        let found = tx.quarantine().search(of.mark).await?;
        Ok::<_, DbError>(found.into_iter().map(|item| (item.id, item.place)).collect::<Vec<_>>())
    };
    "quarantine.request_replay" false |tx, mine, of| tx.quarantine().request_replay(of.post(), now());
    "quarantine.withdraw_replay" false |tx, mine, of| tx.quarantine().withdraw_replay(of.post(), now());
    "quarantine.discard" true |tx, mine, of| tx.quarantine().discard(of.quarantined(), ("key", mine.mark), now());
    "idempotency.claim" false |tx, mine, of| tx.idempotency().claim("the same key", b"hash", now());
    "idempotency.remember" false |tx, mine, of| tx.idempotency().remember(
        "the same key", b"hash", (200, &json!({ "mark": mine.mark })), (now(), now() + TimeDelta::days(1)));
    "audit.append" false |tx, mine, of| tx.audit().append(
        &AuditEntry {
            actor_kind: "api_key", actor_id: of.api_key.to_string(), action: "numbers.create",
            target_kind: "number", target_id: of.number.to_string(), detail: json!({}),
        },
        now());
}

/// Statements a tenant might bring in. `T` is a table, `C` its tenant column, `O` the organization they are aimed at,
/// `V` a conversation of it. Statements that change role or organization are no part of this: whoever can say
/// them is not held by row security, and the product lets nobody say them.
pub(crate) const STATEMENTS: &[(&str, IsUndone)] = &[
    ("SELECT to_jsonb(t)::text FROM T t", false),
    ("SELECT to_jsonb(t)::text FROM T t WHERE C = 'O'", false),
    (
        "SELECT to_jsonb(t)::text FROM T t WHERE C = 'O' FOR UPDATE",
        false,
    ),
    (
        "UPDATE T SET C = C WHERE C = 'O' RETURNING to_jsonb(T)::text",
        false,
    ),
    ("UPDATE T SET C = 'O' RETURNING to_jsonb(T)::text", false),
    (
        "DELETE FROM T WHERE C = 'O' RETURNING to_jsonb(T)::text",
        true,
    ),
    (
        "WITH gone AS (DELETE FROM T WHERE C = 'O' RETURNING *) SELECT to_jsonb(gone)::text FROM gone",
        true,
    ),
    (
        "INSERT INTO T SELECT (jsonb_populate_record(t, '{\"C\": \"O\"}')).* FROM T t RETURNING C::text",
        true,
    ),
    (
        "SELECT count(*)::text FROM (SELECT DISTINCT C FROM T) organizations WHERE C = 'O'",
        false,
    ),
    (
        "SELECT a.agent_id::text FROM sb_answering_agent('O', 'V', now()) a",
        false,
    ),
    ("SELECT id::text FROM sb_tenants_with_due_turns() id", false),
    (
        "SELECT string_agg(to_jsonb(t)::text, ' ') FROM T t HAVING count(*) > 0",
        false,
    ),
];
