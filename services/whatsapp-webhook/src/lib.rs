//! Accepts Meta's webhooks and turns them into rows and events.
//!
//! - **Role:** `receive` answers Meta 200 only after the signed bytes are durable; `ingest` turns them into
//!   rows and events. One binary, either half can be scaled alone (`webhook.role`).
//! - **In:** `GET` and `POST /webhooks/whatsapp[/{app_id}]`; `POST /flows/{id}`; the `UPDATES` stream.
//! - **Out:** `UPDATES` (raw posts); then on `EVENTS` what happened to messages (`MessageReceived`, `MessageEchoed`,
//!   `MessageImported`, `MessageEdited`, `MessageRevoked`, `MessageStatusChanged`) and to everything else
//!   (`TemplateChanged`, `NumberChanged`, `AccountUpdated`, `ContactPreferenceChanged`, `ConversationHandedOver`,
//!   `CallSignalled`, `GroupChanged`, `UpdateUnrecognized`); through the outbox who turned out to be who
//!   (`ContactChanged`, `ContactMerged`).
//!   To the tenant's server or a model: what a flow asks (`flows/`).
//! - **Tables:** reads `number_routes`, `flow_endpoints`, `flow_keys`, `agents`; writes `contacts`,
//!   `contact_identities`, `contact_merges`, `contact_preferences`, `audit_log`, `outbox`, `conversations`, `messages`, `message_changes`, `message_statuses`,
//!   `templates`, `numbers`, `wabas`, `call_signals`, `groups`, `group_participants`, `raw_updates`, `quarantine`.
//! - **Next:** `agent-client` answers messages; `gateway` shows events to tenants.

mod app;
mod consumers;
mod flows;
mod handlers;
mod ingest;
mod receive;
mod routes;

pub use app::{App, NEEDS};
pub use consumers::consumers;
