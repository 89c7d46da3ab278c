//! How a process ends when it is told to. Each test runs in a process of its own under nextest;
//! `kill` goes to the test process itself.

use std::{
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};

use sb_config::Settings;
use tokio::sync::Notify;

#[test]
fn sigterm_drains_and_a_second_one_aborts() {
    let mut settings = Settings::default();
    settings.ops.bind = "127.0.0.1:0".to_owned();
    let kill = || {
        let status = Command::new("kill")
            .arg("-TERM")
            .arg(std::process::id().to_string())
            .status();
        assert!(status.unwrap().success());
    };

    let drained = sb_service::run_app("test", settings.clone(), async |_, _, lifecycle| {
        let stopping = lifecycle.stopping();
        lifecycle.spawn("worker", async move { stopping.cancelled().await });
        kill();
        Ok(lifecycle.drained().await?)
    });
    assert_eq!(format!("{drained:?}"), format!("{:?}", ExitCode::SUCCESS));

    settings.ops.shutdown_deadline_seconds = 3_600;
    let aborted = sb_service::run_app("test", settings, async |_, _, lifecycle| {
        let begun = Arc::new(Notify::new());
        let stopping = lifecycle.stopping();
        let notify = Arc::clone(&begun);
        lifecycle.spawn("stuck", async move {
            stopping.cancelled().await;
            notify.notify_one();
            tokio::time::sleep(Duration::from_hours(1)).await;
        });
        kill();
        begun.notified().await;
        kill();
        Ok(lifecycle.drained().await?)
    });
    assert_eq!(format!("{aborted:?}"), format!("{:?}", ExitCode::FAILURE));
}
