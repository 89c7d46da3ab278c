//! `switchboard bench pipeline`: webhook → agent → answer → Graph API → statuses, each in its own process.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::ensure;
use sb_db::{Db, SystemReason};
use sb_egress::Method;
use sb_ids::OrganizationId;
use serde_json::json;

use super::children::{Service, free_address};
use super::costs::Costs;
use super::report::Report;
use super::tenant::Stage;
use super::{load, webhooks};
use crate::cli::BenchArgs;

const PATH: &str = "/webhooks/whatsapp";
const MESSAGES: usize = 10_000;
/// Enough that the pace of one number is not what is measured.
const NUMBERS: usize = 20;
const SERVICES: [&str; 4] = [
    "simulator",
    "whatsapp-webhook",
    "agent-client",
    "whatsapp-dispatcher",
];
/// Messages before the clock starts: connections, caches, prepared statements, statistics.
const WARM_UP: usize = 500;
/// How often is counted how many answers are delivered: counting costs what is measured.
const COUNTED_EVERY: Duration = Duration::from_millis(500);
const DONE_TIMEOUT: Duration = Duration::from_mins(10);

/// Every contact writes once and gets one answer, whose statuses come back.
pub(crate) async fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let messages = args.messages.unwrap_or(MESSAGES);
    let stage = Stage::start(NUMBERS).await?;
    let (db, organization) = stage.seed("pipeline").await?;
    let (webhook, simulator) = (free_address()?, free_address()?);
    let variables = variables(&stage, webhook, simulator);
    let mut services = Vec::new();
    for name in SERVICES {
        services.push(Service::start(name, &["serve", name], &variables).await?);
    }
    prepare_simulator(&stage, simulator, webhook).await?;

    let host = webhook.to_string();
    let requests = |run: &str, amount: usize| {
        webhooks::requests(&stage.account, run, (amount, amount), (&host, PATH))
    };
    load::run(webhook, &requests("warm-up", WARM_UP), args.connections).await?;
    wait_answered(&db, organization, WARM_UP).await?;
    db.analyze().await?;
    let requests = requests("pipeline", messages);
    let costs = Costs::begin(&stage, &services)?;
    let started = Instant::now();
    let load = load::run(webhook, &requests, args.connections).await?;
    wait_answered(&db, organization, WARM_UP + messages).await?;
    let elapsed = started.elapsed().as_secs_f64();

    let count = f64::from(u32::try_from(messages)?);
    let mut report = Report::default();
    let unit = "messages/s, answered and delivered";
    report.add_rounded("end_to_end_per_second", count / elapsed, unit);
    report.add_rounded("accepted_per_second", load.per_second(), "webhooks/s");
    report.add_rounded("answer_p99_ms", load.latency_ms(99.0), "ms");
    costs.report(&services, count, &mut report);
    for service in services {
        service.stop().await?;
    }
    crate::commands::print(&report.render(args.json));
    Ok(())
}

/// The environment of all services: the simulator is Meta and the model.
fn variables(stage: &Stage, webhook: SocketAddr, simulator: SocketAddr) -> Vec<(String, String)> {
    let mut variables = stage.variables("pipeline");
    let more = [
        ("SWITCHBOARD__WEBHOOK__BIND", webhook.to_string()),
        ("SWITCHBOARD__SIMULATOR__BIND", simulator.to_string()),
        (
            "SWITCHBOARD__META__GRAPH_URL",
            format!("http://{simulator}"),
        ),
        (
            "SWITCHBOARD__LLM__OPENAI_URL",
            format!("http://{simulator}/openai/v1"),
        ),
        (
            "SWITCHBOARD__EGRESS__ALLOW_PRIVATE_ADDRESSES",
            "true".to_owned(),
        ),
    ];
    variables.extend(more.map(|(name, value)| (name.to_owned(), value)));
    variables
}

/// Makes the numbers known to the simulator and tells it where webhooks go.
async fn prepare_simulator(
    stage: &Stage,
    simulator: SocketAddr,
    webhook: SocketAddr,
) -> anyhow::Result<()> {
    let egress = sb_egress::Egress::new(&sb_config::EgressSettings {
        allow_private_addresses: true,
        ..sb_config::EgressSettings::default()
    })?;
    for number in &stage.account.phone_number_ids {
        let body = json!({
            "waba_id": stage.account.waba_id,
            "display_phone_number": number,
            "throughput_mps": 1000,
        });
        let answer = egress
            .request(
                Method::PUT,
                format!("http://{simulator}/_sim/numbers/{number}"),
            )
            .json(&body)
            .trusted()
            .send("bench.simulator.number")
            .await?;
        ensure!(
            answer.status().is_success(),
            "the simulator answered {}",
            answer.status()
        );
    }
    let body = json!({
        "url": format!("http://{webhook}{PATH}"),
        "verify_token": "bench-verify-token",
    });
    let answer = egress
        .post(format!("http://{simulator}/_sim/webhook"))
        .json(&body)
        .trusted()
        .send("bench.simulator.webhook")
        .await?;
    ensure!(
        answer.status().is_success(),
        "the simulator refused the webhook: {}",
        answer.status()
    );
    Ok(())
}

async fn wait_answered(db: &Db, organization: OrganizationId, wanted: usize) -> anyhow::Result<()> {
    let wanted = i64::try_from(wanted)?;
    let deadline = Instant::now() + DONE_TIMEOUT;
    loop {
        let mut tx = db.system(SystemReason::Operations).await?;
        let counts = tx.operations().messages_by_state(organization).await?;
        tx.rollback().await?;
        let answers = |states: &[&str]| -> i64 {
            let count = |state: &&str| counts.get(&("outgoing".to_owned(), (*state).to_owned()));
            states.iter().filter_map(count).sum()
        };
        // Waiting would not help.
        let lost = answers(&["failed"]);
        ensure!(lost == 0, "{lost} answers were not delivered: {counts:?}");
        let done = answers(&["delivered", "read", "played"]);
        if done >= wanted {
            let total: i64 = counts
                .iter()
                .filter(|((direction, _), _)| direction == "outgoing")
                .map(|(_, count)| *count)
                .sum();
            ensure!(total == wanted, "{wanted} questions got {total} answers");
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "{done} of {wanted} answers are delivered: {counts:?}"
        );
        tokio::time::sleep(COUNTED_EVERY).await;
    }
}
