//! **Role**: the tenants' HTTP API and event stream; the only public API. Also moves the outbox to the bus.
//!
//! **In**: HTTPS under `/v1` (see [`openapi_json`]), described at `/docs`; files under `/media`, by signed addresses; events of `EVENTS` for open streams.
//!
//! **Out**: rows; through the outbox `MessageQueued`, `SendMessage`, `MediaStored`, `FetchMedia`, `ContactChanged`,
//! `ContactMerged` and `ContactUnmerged`.
//!
//! **Tables**: reads and writes organizations, `api_keys`, numbers (with wabas and `number_routes`), agents, contacts (with their identities and merges),
//! conversations, messages, media, `idempotency_keys`, `audit_log`, outbox.
//!
//! **Next**: a queued message goes to `whatsapp-dispatcher`, a stored file to `annotator`.
//!
//! An operation is one file: `handlers/<noun>/<verb>.rs`. `routes.rs` lists them.

mod app;
mod audit;
mod content_schema;
mod docs;
mod event_stream;
mod handlers;
mod housekeeping;
mod interactive_schema;
mod last_event_id;
mod list;
mod media_links;
mod openapi;
mod recipient;
mod routes;
mod secrets;
mod state;

pub use app::{App, NEEDS};
pub use openapi::openapi_json;
