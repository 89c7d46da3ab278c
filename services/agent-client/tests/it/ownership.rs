//! Who answers, and who must not.

use std::sync::Arc;

use chrono::TimeDelta;
use sb_db::{ConversationChange, TurnState};
use sb_domain::agent::AgentConfig;
use tokio::sync::Semaphore;

use crate::model::Step;
use crate::tenants::Talk;
use crate::world::{World, now};

async fn pause(world: &World, talk: Talk) {
    let mut tx = world.db.tenant(talk.organization).await.unwrap();
    let change = ConversationChange {
        agent_paused_until: Some(Some(now() + TimeDelta::hours(1))),
        ..ConversationChange::default()
    };
    tx.conversations()
        .update(talk.conversation, change, now())
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_conversation_is_silent() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    pause(&world, talk).await;
    world.start().await;

    world.write(talk, "hello").await;
    world.settle().await;
    assert!(world.written(talk).await.is_empty());
    assert!(world.model.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_takes_over_stops_the_answer_in_the_making() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    let gate = Arc::new(Semaphore::new(0));
    world
        .model
        .script([Step::Hold(Arc::clone(&gate), "late".to_owned())]);
    world.start().await;

    world.write(talk, "hello").await;
    world.until_requests(1).await;
    pause(&world, talk).await;
    gate.add_permits(1);
    world.settle().await;
    assert!(world.written(talk).await.is_empty());
    assert_eq!(world.turn(talk).await.unwrap().state, TurnState::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_organization_is_not_answered_for() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    sqlx::query("UPDATE organizations SET status = 'suspended' WHERE id = $1")
        .bind(tenant.organization.as_uuid())
        .execute(&world.pool)
        .await
        .unwrap();
    world.start().await;

    world.write(talk, "hello").await;
    world.settle().await;
    assert!(world.written(talk).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_conversations_agent_comes_before_the_numbers_and_the_organizations() {
    let world = World::new().await;
    let (tenant, default) = world.tenant_with(&AgentConfig::default()).await;
    let by_default = world.talk(tenant).await;
    world.start().await;

    world.write(by_default, "one").await;
    world.until_answers(by_default, 1).await;
    assert_eq!(world.written(by_default).await[0].agent, Some(default));

    let of_number = world.agent(tenant, "active", &AgentConfig::default()).await;
    world.name_for_number(tenant, of_number).await;
    let by_number = world.talk(tenant).await;
    world.write(by_number, "two").await;
    world.until_answers(by_number, 1).await;
    assert_eq!(world.written(by_number).await[0].agent, Some(of_number));

    let of_conversation = world.agent(tenant, "active", &AgentConfig::default()).await;
    let named = world.talk(tenant).await;
    world.name_for_conversation(named, of_conversation).await;
    world.write(named, "three").await;
    world.until_answers(named, 1).await;
    assert_eq!(world.written(named).await[0].agent, Some(of_conversation));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_answers_only_where_a_conversation_names_it_and_an_inactive_agent_never() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let draft = world.agent(tenant, "draft", &AgentConfig::default()).await;
    let inactive = world
        .agent(tenant, "inactive", &AgentConfig::default())
        .await;
    world.name_for_number(tenant, draft).await;
    let (unnamed, tested, off) = (
        world.talk(tenant).await,
        world.talk(tenant).await,
        world.talk(tenant).await,
    );
    world.name_for_conversation(tested, draft).await;
    world.name_for_conversation(off, inactive).await;
    world.start().await;

    for talk in [unnamed, tested, off] {
        world.write(talk, "hello").await;
    }
    world.until_answers(tested, 1).await;
    world.settle().await;
    assert_eq!(world.written(tested).await[0].agent, Some(draft));
    assert!(world.written(unnamed).await.is_empty());
    assert!(world.written(off).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_agent_never_answers() {
    let world = World::new().await;
    let (_, foreign) = world.tenant_with(&AgentConfig::default()).await;
    let tenant = world.tenant().await;
    let talk = world.talk(tenant).await;
    // The schema refuses to name it at all.
    let named = sqlx::query("UPDATE conversations SET agent_id = $2 WHERE id = $1")
        .bind(talk.conversation.as_uuid())
        .bind(foreign.as_uuid())
        .execute(&world.pool)
        .await;
    assert!(named.is_err());
    world.start().await;

    world.write(talk, "hello").await;
    world.settle().await;
    assert!(world.written(talk).await.is_empty());
    assert!(world.model.requests().is_empty());
}
