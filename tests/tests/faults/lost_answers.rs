//! Meta took a message and its answer got lost: nobody may send it again, and its statuses tell what became of it.

use std::time::Duration;

use anyhow::ensure;
use e2e::{Audit, Processes, ServiceName, Traffic, TrafficPlan, Victim, until};
use serde_json::json;

const PLAN: TrafficPlan = TrafficPlan {
    phones: 50,
    rounds: 6,
};
/// How long the dispatcher gets to notice that answers are lost.
const PATIENCE: Duration = Duration::from_mins(1);

const LOST: &str = "SELECT count(*) FROM send_attempts WHERE outcome = 'answer_lost'";
const UNKNOWN: &str =
    "SELECT count(*) FROM messages WHERE direction = 'outgoing' AND state = 'unknown'";
const UNDECIDED: &str =
    "SELECT count(*) FROM messages WHERE direction = 'outgoing' AND state IN ('queued', 'sending')";

async fn count(stage: &Processes, statement: &'static str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(statement).fetch_one(&stage.pool).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answers_are_never_sent_again_and_are_resolved_by_their_statuses() -> anyhow::Result<()>
{
    let mut stage = Processes::start(&[]).await?;
    let outcome = lose_answers(&mut stage).await;
    stage.explained(outcome)
}

async fn lose_answers(stage: &mut Processes) -> anyhow::Result<()> {
    // Statuses are held back, so that nothing but patience stands between a lost answer and a second send.
    stage
        .set_faults(&json!({ "lost_answer": { "probability": 0.2 }, "hold_statuses": true }))
        .await?;
    let questions = Traffic::start(stage, PLAN)?.finish().await?;
    until("every send has an outcome", PATIENCE, async || {
        Ok(count(stage, UNDECIDED).await? == 0)
    })
    .await?;
    let (lost, unknown) = (count(stage, LOST).await?, count(stage, UNKNOWN).await?);
    ensure!(lost > 0, "no answer was lost, so nothing was tried");
    ensure!(
        unknown == lost,
        "{lost} answers were lost and {unknown} messages are unknown"
    );

    // A new dispatcher looks at everything that is open when it starts; it must let these alone.
    let dispatcher = Victim::Service(ServiceName::WhatsappDispatcher);
    stage.kill9(dispatcher).await?;
    stage.restart(dispatcher).await?;
    let follow_up = Traffic::start_after(
        stage,
        TrafficPlan {
            phones: 4,
            rounds: 1,
        },
        PLAN.phones,
    )?;
    let follow_up = follow_up.finish().await?;
    let sent = stage.meta.sent().await?.len();
    let written = questions.len() + follow_up.len();
    ensure!(sent == written, "{written} answers were sent {sent} times");

    stage.set_faults(&json!({})).await?;
    stage.meta.release_statuses().await?;
    let all = [questions, follow_up].concat();
    // None may be left: every status says which message it speaks of.
    Audit { unknown_allowed: 0 }.run(stage, &all, &[]).await?;
    Ok(())
}
