//! `switchboard bench ingest`: what the webhook takes and stores, next to a bare server on the same machine.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::ensure;
use sb_db::{Db, SystemReason};
use sb_ids::OrganizationId;

use super::children::{Service, free_address};
use super::costs::Costs;
use super::load::{self, Load};
use super::report::Report;
use super::tenant::Stage;
use super::webhooks;
use crate::cli::BenchArgs;

const PATH: &str = "/webhooks/whatsapp";
const MESSAGES: usize = 100_000;
/// Posts before the clock starts: connections, caches, prepared statements.
const WARM_UP: usize = 2_000;
const STORED_TIMEOUT: Duration = Duration::from_mins(10);

/// Measures the ceiling, the receiving half, and both halves together.
pub(crate) async fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let messages = args.messages.unwrap_or(MESSAGES);
    let mut report = Report::default();
    let stage = Stage::start(1).await?;
    let (db, organization) = stage.seed("stored").await?;

    let ceiling = accepted(&stage, args, messages, Phase::Ceiling).await?;
    report.add_rounded(
        "ceiling_accepted_per_second",
        ceiling.per_second(),
        "webhooks/s, bare server",
    );
    let received = accepted(&stage, args, messages, Phase::Receive).await?;
    report.add_rounded("accepted_per_second", received.per_second(), "webhooks/s");
    let percent = 100.0 * received.per_second() / ceiling.per_second();
    report.add_rounded("accepted_of_ceiling_percent", percent, "%");
    report.add_rounded("answer_p50_ms", received.latency_ms(50.0), "ms");
    report.add_rounded("answer_p99_ms", received.latency_ms(99.0), "ms");

    stored(&stage, args, messages, (&db, organization), &mut report).await?;
    crate::commands::print(&report.render(args.json));
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Ceiling,
    Receive,
}

/// How fast posts are answered when nothing else is done with them.
async fn accepted(
    stage: &Stage,
    args: &BenchArgs,
    messages: usize,
    phase: Phase,
) -> anyhow::Result<Load> {
    let address = free_address()?;
    let (name, arguments): (_, &[&str]) = match phase {
        Phase::Ceiling => ("ceiling", &["bench", "ceiling"]),
        Phase::Receive => (
            "whatsapp-webhook",
            &["serve", "whatsapp-webhook", "--set", "webhook.role=receive"],
        ),
    };
    let mut variables = stage.variables(name.split('-').next_back().unwrap_or(name));
    variables.push(("SWITCHBOARD__WEBHOOK__BIND".to_owned(), address.to_string()));
    let service = Service::start(name, arguments, &variables).await?;
    let load = warm_load(stage, args, messages, (address, name)).await?;
    service.stop().await?;
    Ok(load)
}

async fn warm_load(
    stage: &Stage,
    args: &BenchArgs,
    messages: usize,
    (address, run): (SocketAddr, &str),
) -> anyhow::Result<Load> {
    let host = address.to_string();
    let target = (host.as_str(), PATH);
    let warm = webhooks::requests(
        &stage.account,
        &format!("{run}-warm-up"),
        (WARM_UP, args.contacts),
        target,
    );
    load::run(address, &warm, args.connections).await?;
    let requests = webhooks::requests(&stage.account, run, (messages, args.contacts), target);
    load::run(address, &requests, args.connections).await
}

/// How fast messages are in the tables and announced, with everything on this machine.
async fn stored(
    stage: &Stage,
    args: &BenchArgs,
    messages: usize,
    (db, organization): (&Db, OrganizationId),
    report: &mut Report,
) -> anyhow::Result<()> {
    let address = free_address()?;
    let mut variables = stage.variables("stored");
    variables.push(("SWITCHBOARD__WEBHOOK__BIND".to_owned(), address.to_string()));
    let service = Service::start(
        "whatsapp-webhook",
        &["serve", "whatsapp-webhook"],
        &variables,
    )
    .await?;
    let host = address.to_string();
    let target = (host.as_str(), PATH);
    let warm = webhooks::requests(
        &stage.account,
        "stored-warm-up",
        (WARM_UP, args.contacts),
        target,
    );
    load::run(address, &warm, args.connections).await?;
    wait_stored(db, organization, WARM_UP).await?;
    db.analyze().await?;

    let requests = webhooks::requests(&stage.account, "stored", (messages, args.contacts), target);
    let services = [service];
    let costs = Costs::begin(stage, &services)?;
    let started = Instant::now();
    let load = load::run(address, &requests, args.connections).await?;
    wait_stored(db, organization, WARM_UP + messages).await?;
    let elapsed = started.elapsed().as_secs_f64();

    let count = f64::from(u32::try_from(messages)?);
    let unit = "messages/s, one a POST, all on this machine";
    report.add_rounded("stored_per_second", count / elapsed, unit);
    report.add_rounded(
        "accepted_while_storing_per_second",
        load.per_second(),
        "webhooks/s",
    );
    report.add_rounded("answer_while_storing_p50_ms", load.latency_ms(50.0), "ms");
    report.add_rounded("answer_while_storing_p99_ms", load.latency_ms(99.0), "ms");
    costs.report(&services, count, report);
    let [service] = services;
    service.stop().await
}

async fn wait_stored(db: &Db, organization: OrganizationId, wanted: usize) -> anyhow::Result<()> {
    let wanted = i64::try_from(wanted)?;
    let deadline = Instant::now() + STORED_TIMEOUT;
    loop {
        let mut tx = db.system(SystemReason::Operations).await?;
        let counts = tx.operations().messages_by_state(organization).await?;
        tx.rollback().await?;
        let stored = counts
            .get(&("incoming".to_owned(), "received".to_owned()))
            .copied()
            .unwrap_or(0);
        if stored >= wanted {
            ensure!(
                stored == wanted,
                "{stored} messages are stored, {wanted} were sent"
            );
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "{stored} of {wanted} messages are stored"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
