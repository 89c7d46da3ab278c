//! Options of `contacts`.

use clap::{Args, Subcommand};
use sb_ids::ContactId;

use super::GatewayArgs;

/// What to do with contacts.
#[derive(Debug, Subcommand)]
pub(crate) enum ContactsCommand {
    /// Show a contact with its identities and merges.
    Show(ShowContactArgs),
    /// Merge a contact into another one: both are one person.
    Merge(MergeContactArgs),
    /// Take contacts out of those they were merged into.
    Unmerge(UnmergeContactArgs),
}

/// Options of `contacts show`.
#[derive(Debug, Args)]
pub(crate) struct ShowContactArgs {
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
    /// The contact's id, phone number or business-scoped user id.
    pub(crate) who: String,
}

/// Options of `contacts merge`.
#[derive(Debug, Args)]
pub(crate) struct MergeContactArgs {
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
    /// The contact that stands for both.
    pub(crate) contact: ContactId,
    /// The contact that becomes part of it.
    pub(crate) other: ContactId,
}

/// Options of `contacts unmerge`.
#[derive(Debug, Args)]
pub(crate) struct UnmergeContactArgs {
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
    /// The contacts that stand for themselves again.
    #[arg(required = true)]
    pub(crate) contacts: Vec<ContactId>,
}
