//! Statements of ingest: everything takes a whole batch, of any tenants, and may be repeated.
//!
//! Each table is written with one `UNNEST` statement a batch. Rows are sorted by their keys before they are
//! written, so that two replicas take locks in the same order; a deadlock that happens all the same is
//! transient and the batch runs again.

mod contacts;
mod kept;
mod messages;
mod routes;
mod statuses;

use sqlx::PgConnection;

pub use contacts::{ContactRow, Identity, IdentityKind, Person};
pub use kept::{KeptUpdate, QuarantinedUpdate};
pub use messages::{Advance, KnownMessage, NewIncoming};
pub use routes::Route;
pub use statuses::{AppliedStatus, KnownStatus, NewStatus, StatusChange};

use crate::SystemTx;

/// Writes what Meta's updates say.
#[derive(Debug)]
pub struct Ingest<'t> {
    connection: &'t mut PgConnection,
}

impl SystemTx {
    /// The statements of ingest.
    pub fn ingest(&mut self) -> Ingest<'_> {
        Ingest {
            connection: self.connection(),
        }
    }
}

/// One column of a batch, for `unnest`.
fn column<R, T>(rows: &[R], pick: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(pick).collect()
}
