//! Leases, crashes, shutdown and fairness.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use sb_db::{ClaimedTurn, Finished, SystemReason, TurnClaim, TurnKey, TurnRequest, TurnState};
use sb_domain::agent::AgentConfig;
use sb_domain::content::MessageContent;
use sb_events::uuid_field;
use sb_ids::TurnId;
use sb_testkit::wait_until;
use tokio::sync::Semaphore;

use crate::model::Step;
use crate::tenants::Talk;
use crate::world::{World, now};

async fn ask(world: &World, talk: Talk) {
    let event = world.store(talk, MessageContent::text("hello")).await;
    let message = event.message.unwrap();
    let request = TurnRequest {
        key: TurnKey {
            organization: talk.organization,
            conversation: talk.conversation,
        },
        message: uuid_field("message_id", &message.message_id).unwrap(),
        sequence: message.sequence,
        correlation: None,
        trace: BTreeMap::new(),
    };
    let mut tx = world.db.system(SystemReason::Turns).await.unwrap();
    tx.turns()
        .ask(&[request], TimeDelta::zero(), now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn claim(
    world: &World,
    limit: u32,
    per_organization: u32,
    lease: TimeDelta,
) -> Vec<ClaimedTurn> {
    let claim = TurnClaim {
        owner: TurnId::new(now()).as_uuid(),
        limit,
        per_organization,
        lease_until: now() + lease,
    };
    let mut tx = world.db.system(SystemReason::Turns).await.unwrap();
    let claimed = tx.turns().claim(&claim, now()).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_workers_turn_is_answered_once_by_another() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    ask(&world, talk).await;
    let crashed = claim(&world, 1, 1, TimeDelta::milliseconds(200))
        .await
        .remove(0);
    world.start().await;

    world.until_answers(talk, 1).await;
    world.settle().await;
    assert_eq!(world.turn(talk).await.unwrap().attempts, 2);
    // The worker was only asleep: what it has to say comes too late.
    let mut tx = world.db.tenant(talk.organization).await.unwrap();
    let late = tx.turns().finish(crashed.held, 1, now()).await.unwrap();
    assert_eq!(late, Finished::Superseded);
    drop(tx);
    assert_eq!(world.answers(talk).await, ["echo: hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_crashes_its_workers_is_given_up() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    ask(&world, talk).await;
    for _ in 0..5 {
        wait_until("claim", async || {
            !claim(&world, 1, 1, TimeDelta::zero()).await.is_empty()
        })
        .await;
    }
    world.start().await;

    wait_until("note", async || !world.notes(talk).await.is_empty()).await;
    world.settle().await;
    assert!(world.model.requests().is_empty());
    assert_eq!(world.turn(talk).await.unwrap().state, TurnState::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stops_gives_its_turns_back() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    let never = Arc::new(Semaphore::new(0));
    world.model.script([Step::Hold(never, "never".to_owned())]);
    let first = world.start().await;

    world.write(talk, "hello").await;
    world.until_requests(1).await;
    first.shutdown();
    first.drained().await.unwrap();
    let turn = world.turn(talk).await.unwrap();
    assert_eq!((turn.state, turn.attempts), (TurnState::Due, 0));

    world.start().await;
    world.until_answers(talk, 1).await;
    world.settle().await;
    assert_eq!(world.answers(talk).await, ["echo: hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_outlives_its_lease_by_renewing_it() {
    let world = World::with(|settings| settings.agent.lease_seconds = 3).await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    let gate = Arc::new(Semaphore::new(0));
    world
        .model
        .script([Step::Hold(Arc::clone(&gate), "at last".to_owned())]);
    world.start().await;
    world.start().await;

    world.write(talk, "hello").await;
    world.until_requests(1).await;
    let lease_of = async || -> chrono::DateTime<chrono::Utc> {
        sqlx::query_scalar("SELECT lease_until FROM agent_turns WHERE conversation_id = $1")
            .bind(talk.conversation.as_uuid())
            .fetch_one(&world.pool)
            .await
            .unwrap()
    };
    let first = lease_of().await;
    wait_until("the first lease is over", async || now() > first).await;
    assert!(lease_of().await > now());
    gate.add_permits(1);
    world.until_answers(talk, 1).await;
    world.settle().await;
    assert_eq!(world.answers(talk).await, ["at last"]);
    assert_eq!(world.model.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_answer_every_conversation_once() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let mut talks = Vec::new();
    for _ in 0..30 {
        talks.push(world.talk(tenant).await);
    }
    world.start().await;
    world.start().await;

    for talk in &talks {
        world.write(*talk, "hello").await;
    }
    for talk in &talks {
        world.until_answers(*talk, 1).await;
    }
    world.settle().await;
    for talk in &talks {
        assert_eq!(world.answers(*talk).await, ["echo: hello"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_many_due_turns_does_not_hold_up_another() {
    let world = World::new().await;
    let (busy, _) = world.tenant_with(&AgentConfig::default()).await;
    let (quiet, _) = world.tenant_with(&AgentConfig::default()).await;
    for _ in 0..20 {
        ask(&world, world.talk(busy).await).await;
    }
    ask(&world, world.talk(quiet).await).await;

    let lease = TimeDelta::minutes(1);
    let tenants = |claimed: &[ClaimedTurn]| -> Vec<_> {
        claimed
            .iter()
            .map(|turn| turn.held.key.organization)
            .collect()
    };
    let claimed = tenants(&claim(&world, 2, 10, lease).await);
    assert!(claimed.contains(&busy.organization) && claimed.contains(&quiet.organization));
    // Nor does it get more workers than one tenant may have.
    assert_eq!(claim(&world, 10, 3, lease).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_comes_back_loses_no_answer() {
    let world = World::with(|settings| settings.agent.lease_seconds = 3).await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let (talk, other) = (world.talk(tenant).await, world.talk(tenant).await);
    let gate = Arc::new(Semaphore::new(0));
    world
        .model
        .script([Step::Hold(Arc::clone(&gate), "into the void".to_owned())]);
    world.start().await;

    world.write(talk, "hello").await;
    world.until_requests(1).await;
    world.set_outage(true).await;
    gate.add_permits(1);
    wait_until("the answer was given", async || world.model.answers() == 1).await;
    world.set_outage(false).await;
    world.until_answers(talk, 1).await;
    world.write(other, "and me?").await;
    world.until_answers(other, 1).await;
    world.settle().await;
    assert_eq!(world.answers(talk).await.len(), 1);
    assert_eq!(world.answers(other).await, ["echo: and me?"]);
}
