//! The operator's question after all of it: what happened to this message?

use anyhow::{Context, ensure};
use e2e::{Audit, Processes, Traffic, TrafficPlan, run_switchboard};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_tells_the_story_of_a_message_and_its_answer() -> anyhow::Result<()> {
    let stage = Processes::start(&[]).await?;
    let outcome = tell(&stage).await;
    stage.explained(outcome)
}

async fn tell(stage: &Processes) -> anyhow::Result<()> {
    let questions = Traffic::start(
        stage,
        TrafficPlan {
            phones: 4,
            rounds: 1,
        },
    )?
    .finish()
    .await?;
    Audit { unknown_allowed: 0 }
        .run(stage, &questions, &[])
        .await?;
    let question = questions.first().context("nobody wrote")?;
    let output = run_switchboard(&["why", &question.wamid, "--json"], stage.variables()).await?;
    ensure!(
        output.is_success,
        "switchboard why failed: {}",
        output.stderr
    );
    let story: Vec<Value> = serde_json::from_str(&output.stdout)
        .with_context(|| format!("`why --json` printed {}", output.stdout))?;
    let [asked, answered] = story.as_slice() else {
        anyhow::bail!("a message and its answer are two chapters: {story:?}");
    };
    ensure!(
        asked.get("wamid").and_then(Value::as_str) == Some(&question.wamid),
        "{asked}"
    );
    ensure!(
        asked.get("direction").and_then(Value::as_str) == Some("incoming"),
        "{asked}"
    );
    ensure!(
        answered.get("state").and_then(Value::as_str) == Some("read"),
        "{answered}"
    );
    check_hops(
        asked,
        &["contact sent it", "webhook accepted the post", "stored"],
    )?;
    check_hops(
        answered,
        &[
            "written",
            "Meta accepted it",
            "sent to the phone",
            "delivered",
            "read",
        ],
    )?;
    let nothing = run_switchboard(&["why", "wamid.nobody"], stage.variables()).await?;
    ensure!(
        !nothing.is_success && nothing.stderr.contains("no message"),
        "{nothing:?}"
    );
    Ok(())
}

/// The hops come in this order; others may be between them.
fn check_hops(chapter: &Value, wanted: &[&str]) -> anyhow::Result<()> {
    let hops = chapter
        .get("hops")
        .and_then(Value::as_array)
        .context("a story without hops")?;
    let mut told = hops.iter().filter_map(|hop| hop.get("what")?.as_str());
    for what in wanted {
        ensure!(
            told.any(|hop| hop == *what),
            "{what:?} is missing or out of order in {chapter}"
        );
    }
    Ok(())
}
