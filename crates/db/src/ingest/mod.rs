//! Statements of ingest: everything takes a whole batch, of any tenants, and may be repeated.
//!
//! Each table is written with one `UNNEST` statement a batch. Rows are sorted by their keys before they are
//! written, so that two replicas take locks in the same order; a deadlock that happens all the same is
//! transient and the batch runs again.

mod accounts;
mod calls;
mod changes;
mod contacts;
mod groups;
mod kept;
mod media;
mod messages;
mod numbers;
mod people;
mod replays;
mod reports;
mod routes;
mod statuses;
mod templates;

use sb_events::Topology;
use sqlx::PgConnection;

pub use accounts::AccountFact;
pub use calls::NewCallSignal;
pub use changes::{AppliedChange, NewChange};
pub use contacts::{ContactRow, OpenConversation, Person, WantedConversation};
pub use groups::GroupFact;
pub use kept::{Kept, KeptUpdate, QuarantinedUpdate, Seen};
pub use media::NewFile;
pub use messages::{Advance, KnownMessage, MessageSource, NewIngested, Places};
pub use numbers::{NumberFact, NumberName};
pub use people::{NewPreference, OwnerChange, SyncedCard};
pub use replays::{FailedReplay, ReplayedPlace};
pub use reports::{Report, StatusChange, StatusChanges};
pub use routes::Route;
pub use statuses::{AppliedStatus, KnownStatus, NewStatus};
pub use templates::{TemplateFact, TemplateKey};

use crate::SystemTx;

/// Writes what Meta's updates say.
#[derive(Debug)]
pub struct Ingest<'t> {
    connection: &'t mut PgConnection,
    topology: &'t Topology,
}

impl SystemTx {
    /// The statements of ingest.
    pub fn ingest(&mut self) -> Ingest<'_> {
        let (connection, topology) = self.parts();
        Ingest {
            connection,
            topology,
        }
    }
}

/// One column of a batch, for `unnest`.
fn column<R, T>(rows: &[R], pick: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(pick).collect()
}
