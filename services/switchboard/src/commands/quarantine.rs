//! `switchboard quarantine`: updates of Meta's that could not be handled.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use anyhow::bail;
use sb_client::{
    Client, ClientError, List, PageOptions, QuarantineFilter, QuarantineState, QuarantinedUpdate,
};
use sb_config::Settings;
use sb_ids::{PostId, QuarantineId};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{gateway, print};
use crate::cli::updates::{
    CaretakerArgs, DiscardArgs, FilterArgs, ListArgs, QuarantineCommand, ReplayQuarantinedArgs,
    ShowArgs,
};

/// Updates of one page.
const PAGE: u16 = 100;
/// How often the outcome of a replay is looked for.
const LOOK: Duration = Duration::from_millis(200);

/// Does what the command line asks for.
pub(super) async fn run(command: &QuarantineCommand, settings: &Settings) -> anyhow::Result<()> {
    match command {
        QuarantineCommand::List(args) => list(args, settings).await,
        QuarantineCommand::Show(args) => show(args, settings).await,
        QuarantineCommand::Replay(args) => replay(args, settings).await,
        QuarantineCommand::Discard(args) => discard(args, settings).await,
    }
}

/// The gateway's operations, those of a tenant or those of the operator.
struct Caretaker {
    client: Client,
    is_operator: bool,
}

impl Caretaker {
    fn connect(args: &CaretakerArgs, settings: &Settings) -> anyhow::Result<Self> {
        let client = if args.operator {
            gateway::connect_as_operator(&args.gateway, settings)?
        } else {
            gateway::connect(&args.gateway, settings)?
        };
        Ok(Self {
            client,
            is_operator: args.operator,
        })
    }

    async fn list(
        &self,
        filter: &QuarantineFilter,
        page: &PageOptions,
    ) -> Result<List<QuarantinedUpdate>, ClientError> {
        if self.is_operator {
            self.client.operator_list_quarantine(filter, page).await
        } else {
            self.client.list_quarantine(filter, page).await
        }
    }

    async fn get(&self, id: QuarantineId) -> Result<QuarantinedUpdate, ClientError> {
        if self.is_operator {
            self.client.operator_quarantined(id).await
        } else {
            self.client.quarantined(id).await
        }
    }

    async fn replay(&self, id: QuarantineId) -> Result<QuarantinedUpdate, ClientError> {
        if self.is_operator {
            self.client.operator_replay_quarantined(id).await
        } else {
            self.client.replay_quarantined(id).await
        }
    }

    async fn discard(
        &self,
        id: QuarantineId,
        note: &str,
    ) -> Result<QuarantinedUpdate, ClientError> {
        if self.is_operator {
            self.client.operator_discard_quarantined(id, note).await
        } else {
            self.client.discard_quarantined(id, note).await
        }
    }
}

fn filter(args: &FilterArgs, state: QuarantineState) -> QuarantineFilter {
    QuarantineFilter {
        state: Some(state),
        reason: args.reason.clone(),
        phone_number_id: args.phone_number_id.clone(),
        organization_id: args.organization,
    }
}

fn first_page() -> PageOptions {
    PageOptions {
        limit: Some(PAGE),
        after: None,
    }
}

async fn list(args: &ListArgs, settings: &Settings) -> anyhow::Result<()> {
    let caretaker = Caretaker::connect(&args.caretaker, settings)?;
    let state = if args.resolved {
        QuarantineState::Resolved
    } else {
        QuarantineState::Open
    };
    let filter = filter(&args.filter, state);
    let mut left = args.limit;
    let mut next = Some(first_page());
    while let Some(page) = next.filter(|_| left > 0) {
        let found = caretaker.list(&filter, &page).await?;
        next = page.next(&found);
        for update in found.data.into_iter().take(left) {
            left -= 1;
            print(&if args.json {
                to_json(&update).to_string()
            } else {
                to_line(&update)
            });
        }
    }
    if left == args.limit && !args.json {
        print("nothing");
    }
    Ok(())
}

async fn show(args: &ShowArgs, settings: &Settings) -> anyhow::Result<()> {
    let caretaker = Caretaker::connect(&args.caretaker, settings)?;
    let update = caretaker.get(args.id).await?;
    print(&if args.json {
        serde_json::to_string_pretty(&to_json(&update))?
    } else {
        to_text(&update)
    });
    Ok(())
}

async fn discard(args: &DiscardArgs, settings: &Settings) -> anyhow::Result<()> {
    let caretaker = Caretaker::connect(&args.caretaker, settings)?;
    for id in &args.ids {
        let update = caretaker.discard(*id, &args.note).await?;
        print(&format!("{} {}", update.id, update.state));
    }
    Ok(())
}

/// What replays came to.
#[derive(Debug, Default)]
struct Tally {
    replayed: usize,
    failed: usize,
}

async fn replay(args: &ReplayQuarantinedArgs, settings: &Settings) -> anyhow::Result<()> {
    let caretaker = Caretaker::connect(&args.caretaker, settings)?;
    let wait = Duration::from_secs(args.wait);
    let mut tally = Tally::default();
    if args.all {
        let filter = filter(&args.filter, QuarantineState::Open);
        let mut next = Some(first_page());
        while let Some(page) = next {
            let found = caretaker.list(&filter, &page).await?;
            next = page.next(&found);
            replay_these(&caretaker, found.data, wait, &mut tally).await?;
            // Nothing depends on it: standard error may be closed.
            let _ = writeln!(
                std::io::stderr(),
                "{} replayed, {} not",
                tally.replayed,
                tally.failed
            );
        }
    } else {
        let mut updates = Vec::with_capacity(args.ids.len());
        for id in &args.ids {
            updates.push(caretaker.get(*id).await?);
        }
        replay_these(&caretaker, updates, wait, &mut tally).await?;
    }
    if tally.failed > 0 {
        bail!(
            "{} of {} updates were not replayed",
            tally.failed,
            tally.failed + tally.replayed
        );
    }
    Ok(())
}

/// Asks for a replay of each post once, and waits for what becomes of the updates.
async fn replay_these(
    caretaker: &Caretaker,
    updates: Vec<QuarantinedUpdate>,
    wait: Duration,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let mut posts: HashSet<PostId> = HashSet::new();
    let mut asked = Vec::with_capacity(updates.len());
    for update in updates {
        // One replay runs everything of a post.
        if !posts.insert(update.post_id) {
            asked.push(update.id);
            continue;
        }
        match caretaker.replay(update.id).await {
            Ok(_) => asked.push(update.id),
            Err(error) if error.code() == Some("quarantine.expired") => {
                posts.remove(&update.post_id);
                tally.failed += 1;
                print(&format!(
                    "{} expired: its post is no longer kept",
                    update.id
                ));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let until = Instant::now() + wait;
    for id in asked {
        let update = outcome(caretaker, id, until).await?;
        if update.state == "replayed" {
            tally.replayed += 1;
            print(&format!("{} replayed", update.id));
        } else {
            tally.failed += 1;
            let (state, reason, advice) = (&update.state, &update.reason, &update.advice);
            print(&format!("{} {state}: {reason} → {advice}", update.id));
        }
    }
    Ok(())
}

/// The update once it is no longer under way; as it is when that takes too long.
async fn outcome(
    caretaker: &Caretaker,
    id: QuarantineId,
    until: Instant,
) -> Result<QuarantinedUpdate, ClientError> {
    loop {
        let update = caretaker.get(id).await?;
        if update.state != "replaying" || Instant::now() >= until {
            return Ok(update);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn to_json(update: &QuarantinedUpdate) -> Value {
    json!({
        "id": update.id,
        "organization_id": update.organization_id,
        "state": update.state,
        "reason": update.reason,
        "advice": update.advice,
        "place": update.place,
        "post_id": update.post_id,
        "app_id": update.app_id,
        "waba_id": update.waba_id,
        "phone_number_id": update.phone_number_id,
        "payload": update.payload,
        "attempts": update.attempts,
        "replay_requested_at": update.replay_requested_at,
        "last_replayed_at": update.last_replayed_at,
        "created_at": update.created_at,
        "resolved_at": update.resolved_at,
        "resolved_by": update.resolved_by,
        "note": update.note,
    })
}

fn to_line(update: &QuarantinedUpdate) -> String {
    format!(
        "{}  {}  {:<9}  {:<18}  number {}  {}",
        update.id,
        update.created_at.format("%Y-%m-%d %H:%M:%S"),
        update.state,
        update.reason,
        or_dash(&update.phone_number_id),
        update.place,
    )
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn to_text(update: &QuarantinedUpdate) -> String {
    let owner = update.organization_id.map(|id| id.to_string());
    let times = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string())
    };
    let mut text = format!(
        "update {}: {} ({})\n  → {}\n",
        update.id, update.state, update.reason, update.advice
    );
    let lines = [
        ("organization", owner),
        ("post", Some(update.post_id.to_string())),
        ("place", Some(update.place.clone())),
        ("app", Some(update.app_id.clone())),
        ("account", Some(update.waba_id.clone())),
        ("number", Some(update.phone_number_id.clone())),
        ("put aside", times(Some(update.created_at))),
        ("runs", Some(update.attempts.to_string())),
        ("last run", times(update.last_replayed_at)),
        ("resolved", times(update.resolved_at)),
        ("by", Some(update.resolved_by.clone())),
        ("note", Some(update.note.clone())),
    ];
    for (name, value) in lines {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<12} {value}");
        }
    }
    if let Some(payload) = &update.payload {
        let _ = writeln!(text, "\n{payload}");
    }
    text
}
