//! Accepts Meta's webhooks and turns them into rows and events.
//!
//! - **Role:** `receive` answers Meta 200 only after the signed bytes are durable; `ingest` turns them into
//!   rows and events; `media` gets the files of messages. One binary, each part can be scaled alone
//!   (`webhook.role`).
//! - **In:** `GET` and `POST /webhooks/whatsapp[/{app_id}]`; `POST /flows/{id}`; the `UPDATES` stream; `FetchMedia` on
//!   `MEDIA`; files from Meta.
//! - **Out:** `UPDATES` (raw posts); then on `EVENTS` what happened to messages (`MessageReceived`, `MessageEchoed`,
//!   `MessageImported`, `MessageEdited`, `MessageRevoked`, `MessageStatusChanged`) and to everything else
//!   (`TemplateChanged`, `NumberChanged`, `AccountUpdated`, `ContactPreferenceChanged`, `ConversationHandedOver`,
//!   `CallSignalled`, `GroupChanged`, `UpdateUnrecognized`); `FetchMedia` on `MEDIA`; through the outbox what became of
//!   files (`MediaStored`, `MediaFailed`) and who turned out to be who (`ContactChanged`, `ContactMerged`).
//!   To the tenant's server or a model: what a flow asks (`flows/`).
//! - **Tables:** reads `number_routes`, `flow_endpoints`, `flow_keys`, `agents`; writes `contacts`,
//!   `contact_identities`, `contact_merges`, `contact_preferences`, `audit_log`, `outbox`, `conversations`, `messages`,
//!   `message_changes`, `message_statuses`, `templates`, `numbers`, `wabas`, `call_signals`, `groups`,
//!   `group_participants`, `raw_updates`, `quarantine`, `media`.
//! - **Next:** `agent-client` answers messages; `annotator` reads files; `gateway` shows events to tenants.

mod app;
mod consumers;
mod flows;
mod handlers;
mod ingest;
mod media;
mod receive;
mod routes;

pub use app::{App, NEEDS};
pub use consumers::consumers;
