use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt as _, join_all};
use serde::Serialize;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// A check that takes longer counts as failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

type CheckFn = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What this process needs to be useful: a list of named checks behind `/readyz`. Clones share it.
#[derive(Clone, Default)]
pub struct Health {
    shared: Arc<Shared>,
    /// Put before the names of checks, so that several services in one process do not collide.
    scope: String,
}

#[derive(Default)]
struct Shared {
    checks: Mutex<BTreeMap<String, CheckFn>>,
    stopping: OnceLock<CancellationToken>,
    ops_addr: OnceLock<SocketAddr>,
}

/// Whether to send work here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadyState {
    /// Every check passes.
    Ready,
    /// At least one check fails.
    Unready,
    /// The process is ending.
    Stopping,
}

/// The outcome of one check.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// Whether it passed.
    pub ok: bool,
    /// How long it took.
    pub duration_ms: u128,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The body of `/readyz`.
#[derive(Debug, Clone, Serialize)]
pub struct HealthReport {
    /// The sum of all checks.
    pub status: ReadyState,
    /// Every check by name.
    pub checks: BTreeMap<String, CheckReport>,
}

impl Health {
    /// A list without checks.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same list; checks registered through it are named `scope/name`.
    #[must_use]
    pub fn scoped(&self, scope: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            scope: format!("{}{scope}/", self.scope),
        }
    }

    /// Adds a check, or replaces the one of that name. It is run at each question, for two seconds
    /// at most; its error is shown to whoever may read the operations listener.
    pub fn register<F, E>(&self, name: &str, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let check: CheckFn = Arc::new(move || {
            let outcome = check();
            async move { outcome.await.map_err(|error| error.to_string()) }.boxed()
        });
        self.checks().insert(format!("{}{name}", self.scope), check);
    }

    /// Reports not ready from the moment this token is cancelled; the first call counts.
    pub fn follow(&self, stopping: CancellationToken) {
        // Already following: services that share a process share its end.
        let _ = self.shared.stopping.set(stopping);
    }

    /// Runs all checks at once.
    pub async fn report(&self) -> HealthReport {
        let checks: Vec<(String, CheckFn)> = self
            .checks()
            .iter()
            .map(|(name, check)| (name.clone(), Arc::clone(check)))
            .collect();
        let outcomes = join_all(
            checks
                .into_iter()
                .map(|(name, check)| async move { (name, run_check(&check).await) }),
        );
        let checks: BTreeMap<String, CheckReport> = outcomes.await.into_iter().collect();
        let is_stopping = self
            .shared
            .stopping
            .get()
            .is_some_and(CancellationToken::is_cancelled);
        let status = if is_stopping {
            ReadyState::Stopping
        } else if checks.values().all(|check| check.ok) {
            ReadyState::Ready
        } else {
            ReadyState::Unready
        };
        HealthReport { status, checks }
    }

    /// Where the operations listener of this process listens, once it does.
    pub fn ops_addr(&self) -> Option<SocketAddr> {
        self.shared.ops_addr.get().copied()
    }

    pub(crate) fn set_ops_addr(&self, address: SocketAddr) {
        // A second listener in one process (tests) keeps the first one's address.
        let _ = self.shared.ops_addr.set(address);
    }

    fn checks(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, CheckFn>> {
        self.shared
            .checks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Health")
            .field("checks", &self.checks().keys())
            .finish_non_exhaustive()
    }
}

async fn run_check(check: &CheckFn) -> CheckReport {
    let started = Instant::now();
    let outcome = match timeout(CHECK_TIMEOUT, check()).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
    };
    CheckReport {
        ok: outcome.is_ok(),
        duration_ms: started.elapsed().as_millis(),
        error: outcome.err(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_failing_check_makes_the_process_unready_and_is_named() {
        let health = Health::new();
        health.register("nats", || async { Ok::<(), String>(()) });
        assert_eq!(health.report().await.status, ReadyState::Ready);
        health
            .scoped("gateway")
            .register("postgres", || async { Err("connection refused") });
        let report = health.report().await;
        assert_eq!(report.status, ReadyState::Unready);
        assert!(report.checks["nats"].ok);
        assert_eq!(
            report.checks["gateway/postgres"].error.as_deref(),
            Some("connection refused")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_counts_as_failed() {
        let health = Health::new();
        health.register("slow", std::future::pending::<Result<(), String>>);
        assert!(!health.report().await.checks["slow"].ok);
    }

    #[tokio::test]
    async fn a_stopping_process_is_not_ready() {
        let health = Health::new();
        let stopping = CancellationToken::new();
        health.follow(stopping.clone());
        assert_eq!(health.report().await.status, ReadyState::Ready);
        stopping.cancel();
        assert_eq!(health.report().await.status, ReadyState::Stopping);
    }
}
