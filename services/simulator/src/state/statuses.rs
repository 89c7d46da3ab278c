//! The task that carries out planned statuses when they are due.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Simulator;

/// Steps carried out under one lock.
const STEPS_AT_ONCE: usize = 128;

/// Runs until the process stops.
pub(crate) async fn carry_out(simulator: Simulator, stopping: CancellationToken) {
    loop {
        let next = carry_out_due(&simulator);
        let sleep = async {
            match next {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = simulator.planned().notified() => {}
            () = sleep => {}
        }
    }
}

/// Carries out what is due; returns when the next step is.
fn carry_out_due(simulator: &Simulator) -> Option<Instant> {
    simulator.change(|state, fx| {
        for _ in 0..STEPS_AT_ONCE {
            match state.schedule.next(fx.instant) {
                Ok(step) => state.take_step(fx, step, false),
                Err(next) => return next,
            }
        }
        Some(fx.instant)
    })
}
