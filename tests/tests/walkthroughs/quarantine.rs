//! An update that could not be handled is looked at and run again by the operator, on the command line.

use anyhow::{Context, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use e2e::{Account, CommandOutput, InProcess, Onboarding, Post, Tenant, run_switchboard, until};
use sb_domain::Clock;
use sb_ids::ConversationId;
use serde_json::Value;

use crate::looking::{PATIENCE, messages, messages_once, only_conversation, words};

const PHONE: &str = "491511234567";
const SILENT: &str = "nothing is left";

struct Stage {
    all: InProcess,
    variables: Vec<(String, String)>,
}

impl Stage {
    async fn start() -> anyhow::Result<Self> {
        let all = InProcess::start().await?;
        let settings = &all.settings;
        let operator_key = settings.gateway.operator_key.expose();
        let url = all.gateway().url("");
        let variables = [
            ("RUST_LOG", "warn"),
            ("SWITCHBOARD_URL", &url),
            ("SWITCHBOARD__GATEWAY__OPERATOR_KEY", operator_key),
            ("DATABASE_URL", settings.database.url.as_str()),
            ("NATS_URL", settings.nats.url.as_str()),
            ("SWITCHBOARD__NATS__PREFIX", &settings.nats.prefix),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self {
            variables: variables.to_vec(),
            all,
        })
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<CommandOutput> {
        let output = run_switchboard(arguments, &self.variables).await?;
        ensure!(output.is_success, "{arguments:?}: {}", output.stderr);
        Ok(output)
    }

    /// Lines of `quarantine list --json`.
    async fn listed(&self, more: &[&str]) -> anyhow::Result<Vec<Value>> {
        let list = ["quarantine", "list", "--operator", "--json"];
        let arguments: Vec<&str> = list.iter().chain(more).copied().collect();
        let output = self.run(&arguments).await?;
        let lines = output.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
            .collect()
    }

    async fn until_listed(&self, count: usize) -> anyhow::Result<Vec<Value>> {
        let what = format!("{count} updates are in quarantine");
        until(&what, PATIENCE, async || {
            Ok(self.listed(&[]).await?.len() == count)
        })
        .await?;
        self.listed(&[]).await
    }

    async fn replay_range(&self, from: DateTime<Utc>, more: &[&str]) -> anyhow::Result<Value> {
        let to = Clock::system().now() + TimeDelta::seconds(1);
        let (from, to) = (from.to_rfc3339(), to.to_rfc3339());
        let range = ["replay", "--from", &from, "--to", &to, "--json"];
        let arguments: Vec<&str> = range.iter().chain(more).copied().collect();
        let output = self.run(&arguments).await?;
        serde_json::from_str(&output.stdout).with_context(|| output.stdout.clone())
    }
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

async fn said(tenant: &Tenant, conversation: ConversationId) -> anyhow::Result<Vec<String>> {
    let said = messages(tenant, conversation).await?;
    let said = said
        .iter()
        .map(|message| words(&message.content).to_owned());
    Ok(said.collect())
}

/// Somebody writes to a number that is not connected yet. The operator finds the message, connects the number and runs
/// the message again: it is stored and answered once, however often it is run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaying_what_was_in_quarantine() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let began = Clock::system().now();
    let account = Account::SECOND;
    stage.all.meta.put_account(account).await?;
    let number = account.phone_number_id;
    stage
        .all
        .meta
        .phone_writes(PHONE, number, "Anybody there?")
        .await?;
    let aside = stage.until_listed(1).await?;
    let update = aside.first().context(SILENT)?;
    ensure!(text(update, "reason") == "number.unknown", "{update}");
    ensure!(text(update, "phone_number_id") == number, "{update}");
    let id = text(update, "id");
    let shown = stage
        .run(&["quarantine", "show", "--operator", id])
        .await?
        .stdout;
    ensure!(shown.contains("Anybody there?"), "{shown}");
    let doctor = run_switchboard(&["doctor"], &stage.variables).await?;
    ensure!(doctor.stdout.contains("1 number.unknown"), "{doctor:?}");

    // Too early: it stays, with one more run.
    let early = ["quarantine", "replay", "--operator", id];
    let refused = run_switchboard(&early, &stage.variables).await?;
    ensure!(!refused.is_success, "{refused:?}");
    ensure!(refused.stdout.contains("connect the number"), "{refused:?}");

    let tenant = Onboarding::echoing("Late", account);
    let tenant = stage.all.tenant(&tenant).await?;
    let reason = ["--all", "--reason", "number.unknown"];
    let replay = ["quarantine", "replay", "--operator"];
    let replay: Vec<&str> = replay.iter().chain(&reason).copied().collect();
    let output = stage.run(&replay).await?;
    ensure!(output.stdout.contains("replayed"), "{output:?}");
    let conversation = only_conversation(&tenant).await?.id;
    messages_once(&tenant, conversation, 2).await?;
    ensure!(stage.listed(&[]).await?.is_empty(), "it is still open");
    let resolved = stage.listed(&["--resolved"]).await?;
    let resolved = resolved.first().context(SILENT)?;
    ensure!(text(resolved, "state") == "replayed", "{resolved}");
    let before = said(&tenant, conversation).await?;

    // Everything once more, and once more: nothing happens.
    let dry = stage.replay_range(began, &["--dry-run"]).await?;
    ensure!(dry.get("posts").and_then(Value::as_u64) > Some(0), "{dry}");
    for _ in 0..2 {
        let summary = stage.replay_range(began, &[]).await?;
        let left_out = summary.pointer("/left_out/replays");
        ensure!(left_out.and_then(Value::as_u64) > Some(0), "{summary}");
    }
    let one = stage
        .replay_range(began, &["--phone-number-id", "1234567890"])
        .await?;
    ensure!(one.get("posts") == Some(&Value::from(0)), "{one}");
    stage.all.meta.phone_writes(PHONE, number, "Still?").await?;
    messages_once(&tenant, conversation, 4).await?;
    let after = said(&tenant, conversation).await?;
    ensure!(after.len() == 4 && after.starts_with(&before), "{after:?}");
    Ok(())
}

/// What is no update at all can only be discarded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discarding_what_is_not_needed() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let secret = &stage.all.settings.simulator.app_secret;
    let post = Post::signed_bytes(secret, b"{\"entry\":".to_vec());
    let url = stage.all.webhook_url();
    post.to(&stage.all.http, &url).await?.expect(200)?;
    let aside = stage.until_listed(1).await?;
    let id = text(aside.first().context(SILENT)?, "id");
    let note = ["--note", "a test of ours"];
    let discard = ["quarantine", "discard", "--operator", id];
    let discard: Vec<&str> = discard.iter().chain(&note).copied().collect();
    stage.run(&discard).await?;
    stage.run(&discard).await?;
    ensure!(stage.listed(&[]).await?.is_empty(), "it is still open");
    let resolved = stage.listed(&["--resolved"]).await?;
    let resolved = resolved.first().context(SILENT)?;
    ensure!(text(resolved, "note") == "a test of ours", "{resolved}");
    let replay = ["quarantine", "replay", "--operator", id];
    let refused = run_switchboard(&replay, &stage.variables).await?;
    ensure!(!refused.is_success, "{refused:?}");
    Ok(())
}
