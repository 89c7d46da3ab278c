//! What happens when the model does not answer.

use sb_db::TurnState;
use sb_domain::agent::{AgentConfig, ErrorDirection};
use sb_testkit::wait_until;
use serde_json::json;

use crate::model::Step;
use crate::world::World;

fn refusal() -> Step {
    Step::Refuse(
        401,
        json!({"message": "Incorrect API key provided: installation-key.", "type": "invalid_request_error"}),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_error_is_noted_for_the_organization_alone() {
    let world = World::new().await;
    let (tenant, agent) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    world.model.script([refusal()]);
    world.start().await;

    world.write(talk, "hello").await;
    wait_until("note", async || !world.notes(talk).await.is_empty()).await;
    world.settle().await;
    assert!(world.answers(talk).await.is_empty());
    let notes = world.notes(talk).await;
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].contains("HTTP 401") && notes[0].contains("invalid_request_error"),
        "{notes:?}"
    );
    assert!(!notes[0].contains("installation-key"), "{notes:?}");
    assert_eq!(world.written(talk).await[0].agent, Some(agent));
    let turn = world.turn(talk).await.unwrap();
    assert_eq!((turn.state, turn.attempts), (TurnState::Failed, 1));
    assert!(!turn.last_error.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outgoing_error_is_an_apology_without_details() {
    let world = World::new().await;
    let config = AgentConfig {
        error_messages_direction: ErrorDirection::Outgoing,
        ..AgentConfig::default()
    };
    let (tenant, _) = world.tenant_with(&config).await;
    let talk = world.talk(tenant).await;
    world.model.script([refusal()]);
    world.start().await;

    world.write(talk, "hello").await;
    world.until_answers(talk, 1).await;
    world.settle().await;
    let answers = world.answers(talk).await;
    assert!(
        answers.len() == 1 && answers[0].starts_with("Sorry"),
        "{answers:?}"
    );
    assert!(!answers[0].contains("401"));
    assert_eq!(world.notes(talk).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_model_delays_the_answer() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    let down = Step::Refuse(503, json!({"message": "overloaded"}));
    world.model.script([down.clone(), down]);
    world.start().await;

    world.write(talk, "hello").await;
    world.until_answers(talk, 1).await;
    world.settle().await;
    assert_eq!(world.answers(talk).await, ["echo: hello"]);
    let turn = world.turn(talk).await.unwrap();
    assert_eq!((turn.state, turn.attempts), (TurnState::Done, 3));
    assert!(world.notes(talk).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_that_does_not_end_is_noted_once() {
    let world = World::new().await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    let down = Step::Refuse(500, json!({"message": "boom"}));
    world.model.script(std::iter::repeat_n(down, 5));
    world.start().await;

    world.write(talk, "hello").await;
    wait_until("note", async || {
        world.hurry(talk).await;
        !world.notes(talk).await.is_empty()
    })
    .await;
    world.settle().await;
    assert_eq!(world.model.requests().len(), 5);
    assert_eq!(world.notes(talk).await.len(), 1);
    assert!(world.answers(talk).await.is_empty());
    assert_eq!(world.turn(talk).await.unwrap().state, TurnState::Failed);
    // The next message starts afresh.
    world.write(talk, "still there?").await;
    world.until_answers(talk, 1).await;
    assert_eq!(world.answers(talk).await, ["echo: still there?"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_takes_too_long_is_asked_again() {
    let world = World::with(|settings| settings.agent.turn_timeout_seconds = 1).await;
    let (tenant, _) = world.tenant_with(&AgentConfig::default()).await;
    let talk = world.talk(tenant).await;
    let never = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    world.model.script([Step::Hold(never, "late".to_owned())]);
    world.start().await;

    world.write(talk, "hello").await;
    world.until_answers(talk, 1).await;
    world.settle().await;
    assert_eq!(world.answers(talk).await, ["echo: hello"]);
    assert_eq!(world.turn(talk).await.unwrap().attempts, 2);
}
