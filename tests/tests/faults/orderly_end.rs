//! SIGTERM under load: a deployment.

use e2e::{Audit, Processes, Traffic, TrafficPlan};

use crate::chance::Chance;

const PLAN: TrafficPlan = TrafficPlan {
    phones: 100,
    rounds: 8,
};
const ENDS: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_told_to_end_under_load_end_well_and_leave_nothing_behind() -> anyhow::Result<()> {
    let mut stage = Processes::start(&[]).await?;
    let outcome = end_under_load(&mut stage).await;
    stage.explained(outcome)
}

async fn end_under_load(stage: &mut Processes) -> anyhow::Result<()> {
    let points = Chance::new()?.points(ENDS, PLAN.messages());
    let mut traffic = Traffic::start(stage, PLAN)?;
    for point in points {
        traffic.reaches(point).await?;
        // All at once, each with exit code 0 and before its deadline.
        stage.terminate_all().await?;
        stage.start_all().await?;
    }
    let questions = traffic.finish().await?;
    // What was on its way to Meta was finished before the end, so that nothing is unknown.
    Audit { unknown_allowed: 0 }
        .run(stage, &questions, &[])
        .await?;
    Ok(())
}
