//! From a message to its answer.

use std::sync::Arc;

use sb_db::TurnState;
use sb_domain::agent::AgentConfig;
use sb_domain::content::{MessageContent, Part};
use sb_domain::outgoing::TEXT_MAX;
use sb_testkit::wait_until;
use tokio::sync::Semaphore;

use crate::model::Step;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_once_by_the_agent() {
    let world = World::new().await;
    let (tenant, agent) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    let marks = world.collect_marks(tenant);
    world.start().await;

    let event = world.write(talk, "hello").await;
    world.until_answers(talk, 1).await;
    world.settle().await;

    let written = world.written(talk).await;
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].text, "echo: hello");
    assert_eq!(written[0].agent, Some(agent));
    assert_eq!(written[0].state, "queued");
    assert_eq!(world.turn(talk).await.unwrap().state, TurnState::Done);
    wait_until("read mark", async || !marks.lock().unwrap().is_empty()).await;
    let mark = marks.lock().unwrap()[0].clone();
    assert_eq!(mark.wamid, event.message.unwrap().wamid);
    assert!(mark.typing);
    let origin = mark.meta.unwrap();
    assert_eq!(origin.correlation_id, event.meta.unwrap().correlation_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_seen_twice_asks_once() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    world.start().await;

    let event = world.write(talk, "hello").await;
    world.until_answers(talk, 1).await;
    world.announce(talk, &event).await;
    world.announce(talk, &event).await;
    world.settle().await;
    assert_eq!(world.answers(talk).await, ["echo: hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_gets_one_answer_to_all_of_it() {
    let world = World::new().await;
    let config = AgentConfig {
        response_delay_seconds: Some(1),
        ..AgentConfig::default()
    };
    let (tenant, _) = world.tenant_with(&config).await;
    let talk = world.talk(tenant).await;
    world.start().await;

    for text in ["one", "two", "three"] {
        world.write(talk, text).await;
    }
    world.until_answers(talk, 1).await;
    world.settle().await;
    assert_eq!(world.answers(talk).await, ["echo: three"]);
    assert_eq!(world.model.user_words(0), ["one", "two", "three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_an_answer_took_into_account_is_not_answered_again() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    world.start().await;

    let first = world.store(talk, MessageContent::text("one")).await;
    let second = world.store(talk, MessageContent::text("two")).await;
    world.announce(talk, &first).await;
    world.until_answers(talk, 1).await;
    world.announce(talk, &second).await;
    world.settle().await;
    assert_eq!(world.answers(talk).await, ["echo: two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_message_cancels_the_answer_in_the_making() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    let gate = Arc::new(Semaphore::new(0));
    world
        .model
        .script([Step::Hold(Arc::clone(&gate), "stale".to_owned())]);
    world.start().await;

    world.write(talk, "one").await;
    world.until_requests(1).await;
    world.write(talk, "two").await;
    world.until_answers(talk, 1).await;
    gate.add_permits(1);
    world.settle().await;
    assert_eq!(world.answers(talk).await, ["echo: two"]);
    assert_eq!(world.model.user_words(1), ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_welcome_comes_first_and_only_once_and_the_question_is_answered() {
    let world = World::new().await;
    let config = AgentConfig {
        welcome_message: Some("Welcome!".to_owned()),
        ..AgentConfig::default()
    };
    let (tenant, agent) = world.tenant_with(&config).await;
    let talk = world.talk(tenant).await;
    world.start().await;

    world.write(talk, "are you open?").await;
    world.until_answers(talk, 2).await;
    world.write(talk, "and tomorrow?").await;
    world.until_answers(talk, 3).await;
    world.settle().await;
    let answers = world.answers(talk).await;
    assert_eq!(
        answers,
        ["Welcome!", "echo: are you open?", "echo: and tomorrow?"]
    );
    assert!(
        world
            .written(talk)
            .await
            .iter()
            .all(|w| w.agent == Some(agent))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_arrives_in_pieces_in_order() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    let paragraphs = ["a".repeat(3_000), "b".repeat(3_000), "c".repeat(3_000)];
    world.model.script([Step::Say(paragraphs.join("\n\n"))]);
    world.start().await;

    world.write(talk, "tell me everything").await;
    world.until_answers(talk, 3).await;
    world.settle().await;
    let answers = world.answers(talk).await;
    assert_eq!(answers, paragraphs);
    assert!(answers.iter().all(|text| text.chars().count() <= TEXT_MAX));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_of_the_model_is_no_message() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    world.model.script([Step::Say(String::new())]);
    world.start().await;

    world.write(talk, "ok").await;
    world.until_requests(1).await;
    world.settle().await;
    assert!(world.written(talk).await.is_empty());
    assert_eq!(world.turn(talk).await.unwrap().state, TurnState::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_is_not_answered() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    world.start().await;

    let reaction = MessageContent::of(Part::Reaction {
        message_id: "wamid.1".to_owned(),
        emoji: "👍".to_owned(),
    });
    let event = world.store(talk, reaction).await;
    world.announce(talk, &event).await;
    world.settle().await;
    assert_eq!(world.turn(talk).await, None);
}
