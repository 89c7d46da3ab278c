//! `switchboard bench dispatch`: what one dispatcher sends a second from a full queue, next to a bare loop of requests to
//! the same stub.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream};
use sb_db::{Db, Identity, NewOutgoing, PageRequest, SystemReason};
use sb_domain::Clock;
use sb_domain::content::{MessageContent, Part, TemplatePart};
use sb_domain::delivery::OnUnknown;
use sb_egress::{Egress, EgressRequest};
use sb_events::Origin;
use sb_ids::{ConversationId, MessageId, NumberId, OrganizationId, WaId};
use serde_json::json;

use super::children::{Service, free_address};
use super::costs::Costs;
use super::report::Report;
use super::tenant::Stage;
use crate::cli::BenchArgs;

const PREFIX: &str = "dispatch";
const MESSAGES: usize = 40_000;
/// Enough that no number's pace is what is measured.
const NUMBERS: usize = 50;
const A_CONVERSATION: usize = 4;
/// Conversations filled in one transaction.
const AT_ONCE: usize = 100;
/// Requests of the bare loop, and how many of them at once: as many as a dispatcher has.
const BARE_REQUESTS: usize = 20_000;
const BARE_AT_ONCE: usize = 256;
/// Counting costs what is measured.
const COUNTED_EVERY: Duration = Duration::from_millis(250);
const DONE_TIMEOUT: Duration = Duration::from_mins(10);

/// Fills the queue, then starts a dispatcher and waits until everything is accepted.
pub(crate) async fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let messages = args.messages.unwrap_or(MESSAGES);
    let stage = Stage::start(NUMBERS).await?;
    let (db, organization) = stage.seed(PREFIX).await?;
    let stub = free_address()?;
    let variables = variables(&stage, stub);
    let meta = Service::start("graph-stub", &["bench", "graph-stub"], &variables).await?;
    let bare = bare_per_second(stub).await?;
    fill(&db, organization, messages).await?;
    db.analyze().await?;

    let name = "whatsapp-dispatcher";
    let services = vec![
        Service::start(name, &["serve", name], &variables).await?,
        meta,
    ];
    let costs = Costs::begin(&stage, &services)?;
    let started = Instant::now();
    wait_accepted(&db, organization, messages).await?;
    let elapsed = started.elapsed().as_secs_f64();

    let count = f64::from(u32::try_from(messages)?);
    let per_second = count / elapsed;
    let mut report = Report::default();
    report.add_rounded(
        "bare_requests_per_second",
        bare,
        "requests/s of a bare loop",
    );
    report.add_rounded(
        "sent_per_second",
        per_second,
        "messages/s, accepted and recorded",
    );
    report.add_rounded("percent_of_bare", 100.0 * per_second / bare, "%");
    costs.report(&services, count, &mut report);
    for service in services {
        service.stop().await?;
    }
    crate::commands::print(&report.render(args.json));
    Ok(())
}

/// The stub is Meta; a number may send as fast as it can.
fn variables(stage: &Stage, stub: SocketAddr) -> Vec<(String, String)> {
    let mut variables = stage.variables(PREFIX);
    let more = [
        ("SWITCHBOARD__SIMULATOR__BIND", stub.to_string()),
        ("SWITCHBOARD__META__GRAPH_URL", format!("http://{stub}")),
        (
            "SWITCHBOARD__EGRESS__ALLOW_PRIVATE_ADDRESSES",
            "true".to_owned(),
        ),
    ];
    variables.extend(more.map(|(name, value)| (name.to_owned(), value)));
    variables
}

/// The same client, a body of the same size, and nothing else.
async fn bare_per_second(stub: SocketAddr) -> anyhow::Result<f64> {
    let egress = Egress::new(&sb_config::EgressSettings {
        allow_private_addresses: true,
        ..sb_config::EgressSettings::default()
    })?;
    let body = json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+15550000000",
        "type": "template", "template": { "name": "bench", "language": { "code": "en" } },
        "biz_opaque_callback_data": "01890000-0000-7000-8000-000000000000",
    });
    let request = || -> EgressRequest {
        let url = format!("http://{stub}/v26.0/1/messages");
        egress.post(url).trusted().bearer("token").json(&body)
    };
    let started = Instant::now();
    let mut sent = stream::iter(0..BARE_REQUESTS)
        .map(|_| async {
            let answer = request().send("bench.bare").await?;
            answer.bytes_limited(64 * 1024).await
        })
        .buffer_unordered(BARE_AT_ONCE);
    while let Some(answer) = sent.next().await {
        answer.context("a request of the bare loop")?;
    }
    let count = f64::from(u32::try_from(BARE_REQUESTS)?);
    Ok(count / started.elapsed().as_secs_f64())
}

/// Queues templates, which need no open window, to as many people as it takes.
async fn fill(db: &Db, organization: OrganizationId, messages: usize) -> anyhow::Result<()> {
    let mut tx = db.tenant(organization).await?;
    let page = PageRequest {
        limit: 200,
        after: None,
    };
    let numbers = tx.numbers().list(page).await?.items;
    tx.rollback().await?;
    let numbers: Vec<NumberId> = numbers.iter().map(|number| number.id).collect();
    let people = messages.div_ceil(A_CONVERSATION);
    let mut left = messages;
    let clock = Clock::system();
    for first in (0..people).step_by(AT_ONCE) {
        let mut tx = db.tenant(organization).await?;
        for person in first..people.min(first + AT_ONCE) {
            let number = *numbers
                .get(person % numbers.len())
                .context("the tenant has no numbers")?;
            let phone = WaId::parse(format!("1555{person:07}"))?;
            let now = clock.now();
            let person = Identity::Phone(phone);
            let mut conversations = tx.conversations();
            let conversation = conversations.open(number, &person, now).await?.id;
            for _ in 0..A_CONVERSATION.min(left) {
                tx.queue().send(&template(conversation, now), now).await?;
                left -= 1;
            }
        }
        tx.commit().await?;
    }
    Ok(())
}

fn template(conversation: ConversationId, now: DateTime<Utc>) -> NewOutgoing {
    let id = MessageId::new(now);
    NewOutgoing {
        id,
        conversation,
        content: MessageContent::of(Part::Template(TemplatePart {
            name: "bench".to_owned(),
            language: "en".to_owned(),
            components: Vec::new(),
            marketing: None,
        })),
        agent: None,
        turn: None,
        api_key: None,
        send_at: None,
        expires_at: None,
        on_unknown: OnUnknown::Hold,
        fallback: None,
        origin: Origin::start(id.as_uuid()),
    }
}

async fn wait_accepted(db: &Db, organization: OrganizationId, wanted: usize) -> anyhow::Result<()> {
    let wanted = i64::try_from(wanted)?;
    let deadline = Instant::now() + DONE_TIMEOUT;
    loop {
        let mut tx = db.system(SystemReason::Operations).await?;
        let counts = tx.operations().messages_by_state(organization).await?;
        tx.rollback().await?;
        let count = |state: &str| {
            let key = ("outgoing".to_owned(), state.to_owned());
            counts.get(&key).copied().unwrap_or(0)
        };
        let lost = count("failed") + count("unknown");
        ensure!(lost == 0, "{lost} messages were not accepted: {counts:?}");
        if count("accepted") >= wanted {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "not all of {wanted} messages were accepted: {counts:?}"
        );
        tokio::time::sleep(COUNTED_EVERY).await;
    }
}
