//! Cleaning up in `Drop`, where nothing can be awaited.

use std::time::Duration;

/// Longer than any clean-up takes; what is left over harms nobody.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs to the end on a thread of its own. Failures are ignored: the servers of a run end with it.
pub(crate) fn run_to_end(work: impl Future<Output = ()> + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        if let Ok(runtime) = runtime {
            runtime.block_on(async {
                let _ = tokio::time::timeout(PATIENCE, work).await;
            });
        }
    });
    let _ = thread.join();
}

/// A short name nobody else uses.
pub(crate) fn unique() -> String {
    let id = sb_ids::PostId::new(sb_domain::Clock::system().now());
    id.as_uuid().simple().to_string()
}
