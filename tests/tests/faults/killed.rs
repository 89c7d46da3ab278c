//! `kill -9` of each service, of nats-server and of PostgreSQL, several times each, while 2,000 messages flow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::{
    Audit, EventFollower, Orders, Processes, Question, ServiceName, Tenant, Traffic, TrafficPlan,
    Victim, event_text,
};
use sb_client::PlacedEvent;

use crate::chance::Chance;

const PLAN: TrafficPlan = TrafficPlan {
    phones: 200,
    rounds: 10,
};
/// People to whom the tenants' own programs send meanwhile, and how many messages of each tenant.
const ORDERING_PHONES: usize = 40;
const ORDERS_EACH: usize = 100;
const KILLS: usize = 3;
/// What a dispatcher has in its hands at most (`dispatcher.max_in_flight` below).
const IN_FLIGHT: usize = 64;
/// How long events may lag behind at the end.
const EVENTS_PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_webhook_service_loses_and_repeats_nothing() -> anyhow::Result<()> {
    survives(Victim::Service(ServiceName::WhatsappWebhook)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_agent_client_loses_and_repeats_nothing() -> anyhow::Result<()> {
    survives(Victim::Service(ServiceName::AgentClient)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_dispatcher_leaves_only_what_it_held_unknown() -> anyhow::Result<()> {
    survives(Victim::Service(ServiceName::WhatsappDispatcher)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_gateway_loses_no_event_for_readers_that_come_back() -> anyhow::Result<()> {
    survives(Victim::Service(ServiceName::Gateway)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_nats_server_loses_and_repeats_nothing() -> anyhow::Result<()> {
    survives(Victim::Nats).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_postgres_loses_and_repeats_nothing() -> anyhow::Result<()> {
    survives(Victim::Postgres).await
}

/// A power failure: every process goes down at the same moment and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_everything_at_once_leaves_only_sends_in_flight_unknown() -> anyhow::Result<()> {
    let in_flight = IN_FLIGHT.to_string();
    let mut stage =
        Processes::start(&[("SWITCHBOARD__DISPATCHER__MAX_IN_FLIGHT", &in_flight)]).await?;
    let outcome = lose_power_while_messages_flow(&mut stage).await;
    stage.explained(outcome)
}

async fn lose_power_while_messages_flow(stage: &mut Processes) -> anyhow::Result<()> {
    const FAILURES: usize = 2;
    let points = Chance::new()?.points(FAILURES, PLAN.messages());
    let mut traffic = Traffic::start(stage, PLAN)?;
    let orders = Orders::start(stage, ORDERING_PHONES, ORDERS_EACH);
    for point in points {
        traffic.reaches(point).await?;
        stage.kill9_everything().await?;
        stage.restart(Victim::Postgres).await?;
        stage.restart(Victim::Nats).await?;
        stage.start_all().await?;
    }
    let (questions, orders) = (traffic.finish().await?, orders.finish().await?);
    Audit {
        unknown_allowed: FAILURES * IN_FLIGHT,
    }
    .run(stage, &questions, &orders)
    .await?;
    Ok(())
}

async fn survives(victim: Victim) -> anyhow::Result<()> {
    let in_flight = IN_FLIGHT.to_string();
    let mut stage =
        Processes::start(&[("SWITCHBOARD__DISPATCHER__MAX_IN_FLIGHT", &in_flight)]).await?;
    let outcome = kill_while_messages_flow(&mut stage, victim).await;
    stage.explained(outcome)
}

async fn kill_while_messages_flow(stage: &mut Processes, victim: Victim) -> anyhow::Result<()> {
    let followers: Vec<EventFollower> = stage
        .tenants
        .iter()
        .map(|tenant| EventFollower::start(&tenant.client))
        .collect();
    let points = Chance::new()?.points(KILLS, PLAN.messages());
    let mut traffic = Traffic::start(stage, PLAN)?;
    let orders = Orders::start(stage, ORDERING_PHONES, ORDERS_EACH);
    for point in &points {
        traffic.reaches(*point).await?;
        stage.kill9(victim).await?;
        stage.restart(victim).await?;
    }
    let (questions, orders) = (traffic.finish().await?, orders.finish().await?);
    stage.check_running()?;
    // Only a killed dispatcher may leave sends whose outcome nobody knows.
    let unknown_allowed = match victim {
        Victim::Service(ServiceName::WhatsappDispatcher) => KILLS * IN_FLIGHT,
        Victim::Service(_) | Victim::Nats | Victim::Postgres => 0,
    };
    let findings = Audit { unknown_allowed }
        .run(stage, &questions, &orders)
        .await?;
    for (tenant, follower) in stage.tenants.iter().zip(&followers) {
        check_events(tenant, follower, &questions).await?;
    }
    #[expect(
        clippy::print_stderr,
        reason = "what came of a test that takes minutes"
    )]
    {
        eprintln!("{victim} was killed at {points:?}: {findings:?}");
    }
    Ok(())
}

/// Every message that people wrote was announced, and those of a conversation in their order.
async fn check_events(
    tenant: &Tenant,
    follower: &EventFollower,
    questions: &[Question],
) -> anyhow::Result<()> {
    let of_tenant = questions
        .iter()
        .filter(|q| q.phone_number_id == tenant.phone_number_id());
    let wanted: BTreeSet<&str> = of_tenant.map(|question| question.wamid.as_str()).collect();
    let all_came = |events: &[PlacedEvent]| {
        let came: BTreeSet<&str> = received(events)
            .map(|event| event_text(event, "/wamid"))
            .collect();
        wanted.is_subset(&came)
    };
    let events = follower
        .until("every message was announced", EVENTS_PATIENCE, all_came)
        .await?;
    let mut seen = BTreeSet::new();
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    for placed in received(&events).filter(|placed| seen.insert(placed.event.id.clone())) {
        let event = &placed.event;
        ensure!(
            event.organization_id == tenant.organization,
            "an event of another tenant: {event:?}"
        );
        ensure!(
            wanted.contains(event_text(placed, "/wamid")),
            "nobody wrote what {event:?} announces"
        );
        let conversation = event
            .conversation_id
            .context("a message without a conversation")?;
        let sequence = event.sequence.context("a message without a place")?;
        let before = last.insert(conversation.to_string(), sequence);
        ensure!(
            before.is_none_or(|before| before < sequence),
            "message {sequence} of {conversation} was announced after {before:?}"
        );
    }
    ensure!(
        seen.len() == wanted.len(),
        "{} messages have {} announcements",
        wanted.len(),
        seen.len()
    );
    Ok(())
}

fn received(events: &[PlacedEvent]) -> impl Iterator<Item = &PlacedEvent> {
    events
        .iter()
        .filter(|placed| placed.event.kind == "message.received")
}
