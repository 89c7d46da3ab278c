//! Options of the commands that look after updates of Meta's: `quarantine` and `replay`.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use sb_ids::{OrganizationId, QuarantineId};

use super::GatewayArgs;

/// What to do with updates in quarantine.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List updates, the latest first.
    List(ListArgs),
    /// Show one update with the piece at fault.
    Show(ShowArgs),
    /// Run updates again, and wait for what becomes of them.
    Replay(ReplayQuarantinedArgs),
    /// Discard updates that are not needed.
    Discard(DiscardArgs),
}

/// Whose updates.
#[derive(Debug, Args)]
pub(crate) struct CaretakerArgs {
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
    /// Look after the updates of all organizations and of none, with the operator's key
    /// (`gateway.operator_key`, or `--api-key`).
    #[arg(long)]
    pub(crate) operator: bool,
}

/// Which updates.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only those put aside for this reason, `number.unknown`.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Only those that name this number, by Meta's id.
    #[arg(long)]
    pub(crate) phone_number_id: Option<String>,
    /// Only those of this organization; for the operator.
    #[arg(long, requires = "operator")]
    pub(crate) organization: Option<OrganizationId>,
}

/// Options of `quarantine list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) caretaker: CaretakerArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Those that were stored or discarded instead of those that are open.
    #[arg(long)]
    pub(crate) resolved: bool,
    /// Updates at most.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    /// Print JSON, one line for each.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `quarantine show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) caretaker: CaretakerArgs,
    /// The update.
    pub(crate) id: QuarantineId,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `quarantine replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayQuarantinedArgs {
    #[command(flatten)]
    pub(crate) caretaker: CaretakerArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The updates.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) ids: Vec<QuarantineId>,
    /// Everything that is open, as far as the other options do not narrow it.
    #[arg(long)]
    pub(crate) all: bool,
    /// How long to wait for the outcome, in seconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) wait: u64,
}

/// Options of `quarantine discard`.
#[derive(Debug, Args)]
pub(crate) struct DiscardArgs {
    #[command(flatten)]
    pub(crate) caretaker: CaretakerArgs,
    /// The updates.
    #[arg(required = true)]
    pub(crate) ids: Vec<QuarantineId>,
    /// Why, for whoever looks at it later.
    #[arg(long, default_value = "")]
    pub(crate) note: String,
}

/// Options of `replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The first moment, `2026-11-27T08:00:00Z`.
    #[arg(long, value_parser = moment)]
    pub(crate) from: DateTime<Utc>,
    /// The moment after the last one.
    #[arg(long, value_parser = moment)]
    pub(crate) to: DateTime<Utc>,
    /// Go on behind this place, which an interrupted run printed.
    #[arg(long, value_name = "PLACE")]
    pub(crate) after: Option<u64>,
    /// Only posts that mention this number, by Meta's id; may be given several times.
    #[arg(long)]
    pub(crate) phone_number_id: Vec<String>,
    /// Only posts that mention a number or an account of this organization.
    #[arg(long)]
    pub(crate) organization: Option<OrganizationId>,
    /// Count what would be run again, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|error| format!("{error}; write it as 2026-11-27T08:00:00Z"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::{Cli, Command};

    #[test]
    fn moments_are_read_with_their_offset() {
        let line = [
            "switchboard",
            "replay",
            "--from",
            "2026-11-27T08:00:00+02:00",
            "--to",
            "2026-11-27T08:00:00Z",
        ];
        let Ok(Command::Replay(args)) = Cli::try_parse_from(line).map(|cli| cli.command) else {
            panic!("not read");
        };
        assert_eq!((args.to - args.from).num_hours(), 2);
        let mut line = line;
        line[3] = "yesterday";
        assert!(Cli::try_parse_from(line).is_err());
    }

    #[test]
    fn a_replay_names_updates_or_takes_all() {
        const ID: &str = "019b0000-0000-7000-8000-000000000000";
        let parses = |rest: &[&str]| {
            let line = ["switchboard", "quarantine", "replay"].iter().chain(rest);
            Cli::try_parse_from(line).is_ok()
        };
        assert!(parses(&[ID]));
        assert!(parses(&["--all", "--reason", "number.unknown"]));
        assert!(!parses(&[]));
        assert!(!parses(&[ID, "--all"]));
        assert!(
            !parses(&["--all", "--organization", ID]),
            "a tenant has one"
        );
    }
}
