use std::{
    any::Any,
    collections::BTreeMap,
    error::Error,
    fmt, io,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::dev::Server;
use futures::FutureExt as _;
use tokio::time::{sleep, timeout};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

/// How long aborted tasks get to be dropped.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// Why a process or one of its services did not end well.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LifecycleError {
    /// A task returned an error.
    #[error("task {task} failed")]
    TaskFailed {
        /// Its name.
        task: String,
        /// What it returned.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// A task that has to run until shutdown returned before.
    #[error("task {task} ended although nothing asked it to")]
    TaskEnded {
        /// Its name.
        task: String,
    },
    /// A task panicked.
    #[error("task {task} panicked: {message}")]
    TaskPanicked {
        /// Its name.
        task: String,
        /// What it said.
        message: String,
    },
    /// Work was still going on when the shutdown deadline passed.
    #[error("still running at the shutdown deadline: {}", .tasks.join(", "))]
    DeadlineExceeded {
        /// Names of the tasks that were aborted.
        tasks: Vec<String>,
    },
    /// A second signal asked for an immediate end.
    #[error("aborted by a second signal")]
    Aborted,
}

/// What a task may return: nothing, or a result.
pub trait TaskOutcome: Send {
    /// As a result.
    ///
    /// # Errors
    ///
    /// The error of the task.
    fn into_result(self) -> Result<(), anyhow::Error>;
}

impl TaskOutcome for () {
    fn into_result(self) -> Result<(), anyhow::Error> {
        Ok(())
    }
}

impl<E: Into<anyhow::Error> + Send> TaskOutcome for Result<(), E> {
    fn into_result(self) -> Result<(), anyhow::Error> {
        self.map_err(Into::into)
    }
}

/// The tasks of a process, or of one service in it, and their orderly end. Clones share them.
///
/// The end has three steps: [`Lifecycle::stopping`] is cancelled and everything stops taking new
/// work; [`Lifecycle::drained`] waits until what was begun is finished; at the deadline, or at a
/// second signal, the rest is dropped.
#[derive(Clone)]
pub struct Lifecycle {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    stopping: CancellationToken,
    abort: CancellationToken,
    tracker: TaskTracker,
    running: Mutex<BTreeMap<u64, &'static str>>,
    next_task: AtomicU64,
    failure: Mutex<Option<LifecycleError>>,
    parent: Option<Lifecycle>,
    children: Mutex<Vec<Weak<Inner>>>,
    has_started: AtomicBool,
    deadline: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Ending before shutdown is a failure.
    AtShutdown,
    /// May end at any time; an error is only logged.
    AnyTime,
}

impl Lifecycle {
    /// A lifecycle of its own that gives work in flight `deadline` to finish.
    pub fn new(deadline: Duration) -> Self {
        Self::build(
            "",
            CancellationToken::new(),
            CancellationToken::new(),
            None,
            deadline,
        )
    }

    /// A service inside this lifecycle: stops with it, can be stopped and drained by itself, and
    /// stops all of it when one of its tasks fails.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let stopping = self.inner.stopping.child_token();
        let abort = self.inner.abort.child_token();
        let child = Self::build(
            name,
            stopping,
            abort,
            Some(self.clone()),
            self.inner.deadline,
        );
        self.children().push(Arc::downgrade(&child.inner));
        child
    }

    fn build(
        name: &str,
        stopping: CancellationToken,
        abort: CancellationToken,
        parent: Option<Self>,
        deadline: Duration,
    ) -> Self {
        let inner = Inner {
            name: name.to_owned(),
            stopping,
            abort,
            tracker: TaskTracker::new(),
            running: Mutex::default(),
            next_task: AtomicU64::new(0),
            failure: Mutex::default(),
            parent,
            children: Mutex::default(),
            has_started: AtomicBool::new(false),
            deadline,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Starts a task that runs until [`Lifecycle::stopping`]. If it returns, fails or panics before
    /// that, the whole process shuts down and reports it.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future + Send + 'static,
        F::Output: TaskOutcome,
    {
        self.start(name, Ending::AtShutdown, task);
    }

    /// Starts a task that may end at any time, for work on one connection or one item. Its error or
    /// panic is logged and stops nothing; shutdown waits for it all the same.
    pub fn spawn_detached_ok<F>(&self, name: &'static str, task: F)
    where
        F: Future + Send + 'static,
        F::Output: TaskOutcome,
    {
        self.start(name, Ending::AnyTime, task);
    }

    /// Runs an HTTP server until shutdown, then lets it finish the requests it has. Build it with
    /// `disable_signals()` and a `shutdown_timeout` below the deadline of this lifecycle; responses
    /// without an end (event streams) have to watch [`Lifecycle::stopping`] themselves.
    pub fn serve(&self, name: &'static str, server: Server) {
        let stopping = self.stopping();
        self.spawn(name, async move {
            let handle = server.handle();
            tokio::pin!(server);
            tokio::select! {
                result = &mut server => return result,
                () = stopping.cancelled() => {}
            }
            let (result, ()) = futures::join!(server, handle.stop(true));
            result
        });
    }

    /// Cancelled when no new work may be taken. Tasks watch it and return once their work in
    /// flight is done.
    pub fn stopping(&self) -> CancellationToken {
        self.inner.stopping.clone()
    }

    /// Begins the end of this lifecycle and its children.
    pub fn shutdown(&self) {
        self.inner.stopping.cancel();
    }

    /// Waits for [`Lifecycle::stopping`] and then until every task is finished, at most until the
    /// deadline; what still runs then is aborted. Whoever waits here has started everything: from now
    /// on the process may report that it is ready.
    ///
    /// # Errors
    ///
    /// The first failure of a task, or what the deadline cut off.
    pub async fn drained(&self) -> Result<(), LifecycleError> {
        let inner = &self.inner;
        inner.has_started.store(true, Ordering::Release);
        inner.stopping.cancelled().await;
        inner.tracker.close();
        tokio::select! {
            // An abort ends the tasks too: seen together, it is the cause.
            biased;
            () = inner.abort.cancelled() => self.fail(LifecycleError::Aborted),
            () = inner.tracker.wait() => {}
            () = sleep(inner.deadline) => {
                let running = self.running().values().map(|name| self.full_name(name)).collect();
                self.fail(LifecycleError::DeadlineExceeded { tasks: running });
                inner.abort.cancel();
            }
        }
        // A task that blocks its thread cannot be aborted; the process ends without it.
        let _ = timeout(ABORT_GRACE, inner.tracker.wait()).await;
        let failure = self.failure().clone();
        failure.map_or(Ok(()), Err)
    }

    /// Shuts down at SIGTERM and SIGINT; a second one aborts.
    ///
    /// # Errors
    ///
    /// When the signals cannot be listened to.
    pub fn stop_on_signals(&self) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let lifecycle = self.clone();
        spawn_untracked(async move {
            for step in ["shutting down", "aborting"] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                tracing::info!(step, "signal received");
                if lifecycle.inner.stopping.is_cancelled() {
                    lifecycle.inner.abort.cancel();
                }
                lifecycle.shutdown();
            }
        });
        Ok(())
    }

    /// Everything is started, here or in every service inside.
    pub(crate) fn has_started(&self) -> bool {
        if self.inner.has_started.load(Ordering::Acquire) {
            return true;
        }
        let children = self.children().clone();
        // One that is gone has ended, so it had started.
        let mut living = children.iter().filter_map(Weak::upgrade);
        !children.is_empty() && living.all(|inner| Self { inner }.has_started())
    }

    fn children(&self) -> MutexGuard<'_, Vec<Weak<Inner>>> {
        self.inner
            .children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Cancelled when even work in flight is to be dropped.
    pub(crate) fn aborting(&self) -> CancellationToken {
        self.inner.abort.clone()
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.inner.deadline
    }

    fn start<F>(&self, name: &'static str, ending: Ending, task: F)
    where
        F: Future + Send + 'static,
        F::Output: TaskOutcome,
    {
        let presence = Presence::new(self, name);
        let lifecycle = self.clone();
        spawn_untracked(async move {
            let task = AssertUnwindSafe(task).catch_unwind();
            tokio::select! {
                biased;
                () = lifecycle.inner.abort.cancelled() => {}
                result = task => lifecycle.finish(name, ending, result),
            }
            drop(presence);
        });
    }

    fn finish<T: TaskOutcome>(
        &self,
        name: &str,
        ending: Ending,
        result: Result<T, Box<dyn Any + Send>>,
    ) {
        let task = self.full_name(name);
        let failure = match result.map(T::into_result) {
            Ok(Ok(())) if ending == Ending::AnyTime || self.inner.stopping.is_cancelled() => return,
            Ok(Ok(())) => LifecycleError::TaskEnded { task },
            Ok(Err(error)) => {
                let source: Box<dyn Error + Send + Sync> = error.into();
                LifecycleError::TaskFailed {
                    task,
                    source: Arc::from(source),
                }
            }
            Err(panic) => LifecycleError::TaskPanicked {
                task,
                message: panic_message(&*panic),
            },
        };
        tracing::error!(
            error = sb_telemetry::as_error(&failure),
            "a task did not end well"
        );
        if ending == Ending::AtShutdown {
            self.fail(failure);
        }
    }

    /// Records the first failure here and in every lifecycle above, and stops them all.
    fn fail(&self, failure: LifecycleError) {
        self.failure().get_or_insert_with(|| failure.clone());
        match &self.inner.parent {
            Some(parent) => parent.fail(failure),
            None => self.shutdown(),
        }
    }

    fn full_name(&self, task: &str) -> String {
        if self.inner.name.is_empty() {
            task.to_owned()
        } else {
            format!("{}/{task}", self.inner.name)
        }
    }

    fn failure(&self) -> MutexGuard<'_, Option<LifecycleError>> {
        self.inner
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<u64, &'static str>> {
        self.inner
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Lifecycle")
            .field("name", &self.inner.name)
            .field("running", &*self.running())
            .finish_non_exhaustive()
    }
}

/// Counts a task as running, here and in every lifecycle above, until it is dropped.
struct Presence {
    entries: Vec<(Lifecycle, u64, TaskTrackerToken)>,
}

impl Presence {
    fn new(lifecycle: &Lifecycle, name: &'static str) -> Self {
        let mut entries = Vec::new();
        let mut current = Some(lifecycle);
        while let Some(lifecycle) = current {
            let id = lifecycle.inner.next_task.fetch_add(1, Ordering::Relaxed);
            lifecycle.running().insert(id, name);
            entries.push((lifecycle.clone(), id, lifecycle.inner.tracker.token()));
            current = lifecycle.inner.parent.as_ref();
        }
        Self { entries }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        for (lifecycle, id, _) in &self.entries {
            lifecycle.running().remove(id);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the lifecycle is where tasks start"
)]
fn spawn_untracked(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn lifecycle() -> Lifecycle {
        Lifecycle::new(Duration::from_secs(5))
    }

    async fn boom() {
        tokio::task::yield_now().await;
        panic!("boom {}", 1)
    }

    #[tokio::test]
    async fn shutdown_waits_for_work_in_flight() {
        let lifecycle = lifecycle();
        let (finish, finished) = oneshot::channel::<()>();
        lifecycle.spawn("worker", finished);
        let drained = lifecycle.drained();
        tokio::pin!(drained);
        lifecycle.shutdown();
        assert!(futures::poll!(&mut drained).is_pending());
        finish.send(()).unwrap();
        drained.await.unwrap();
    }

    #[tokio::test]
    async fn a_failing_task_stops_the_process_and_is_reported() {
        let lifecycle = lifecycle();
        let stopping = lifecycle.stopping();
        lifecycle.spawn("patient", async move { stopping.cancelled().await });
        lifecycle.spawn("consumer", async { Err(io::Error::other("no stream")) });
        let error = lifecycle.drained().await.unwrap_err();
        assert_eq!(error.to_string(), "task consumer failed");
        assert_eq!(error.source().unwrap().to_string(), "no stream");
    }

    #[tokio::test]
    async fn a_task_that_ends_early_or_panics_is_a_failure() {
        let lifecycle = lifecycle();
        lifecycle.spawn("relay", async {});
        let error = lifecycle.drained().await.unwrap_err();
        assert!(matches!(error, LifecycleError::TaskEnded { task } if task == "relay"));

        let lifecycle = self::lifecycle();
        lifecycle.spawn("relay", boom());
        let error = lifecycle.drained().await.unwrap_err();
        assert_eq!(error.to_string(), "task relay panicked: boom 1");
    }

    #[tokio::test]
    async fn a_detached_task_may_end_and_may_fail() {
        let lifecycle = lifecycle();
        lifecycle.spawn_detached_ok("connection", async {});
        lifecycle.spawn_detached_ok("connection", async { Err(io::Error::other("reset")) });
        lifecycle.spawn_detached_ok("connection", boom());
        lifecycle.inner.tracker.close();
        lifecycle.inner.tracker.wait().await;
        assert!(!lifecycle.stopping().is_cancelled());
        lifecycle.shutdown();
        lifecycle.drained().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_deadline_the_rest_is_aborted_and_named() {
        let lifecycle = lifecycle();
        let service = lifecycle.child("gateway");
        service.spawn("stuck", std::future::pending::<()>());
        lifecycle.shutdown();
        let error = service.drained().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "still running at the shutdown deadline: gateway/stuck"
        );
        assert!(lifecycle.drained().await.is_err());
        assert!(lifecycle.running().is_empty());
    }

    #[tokio::test]
    async fn a_process_has_started_once_all_its_services_have() {
        let process = lifecycle();
        assert!(!process.has_started());
        let services = [process.child("first"), process.child("second")];
        for service in &services {
            assert!(!process.has_started());
            assert!(futures::poll!(Box::pin(service.drained())).is_pending());
        }
        assert!(process.has_started());
    }

    #[tokio::test]
    async fn a_child_stops_alone_but_fails_for_all() {
        let process = lifecycle();
        let first = process.child("first");
        let second = process.child("second");
        for child in [&first, &second] {
            let stopping = child.stopping();
            child.spawn("worker", async move { stopping.cancelled().await });
        }
        first.shutdown();
        first.drained().await.unwrap();
        assert!(!second.stopping().is_cancelled());
        second.spawn("consumer", async { Err(io::Error::other("gone")) });
        let error = process.drained().await.unwrap_err();
        assert_eq!(error.to_string(), "task second/consumer failed");
        assert!(second.drained().await.is_err());
    }

    #[tokio::test]
    async fn an_abort_drops_what_runs() {
        let lifecycle = lifecycle();
        lifecycle.spawn("stuck", std::future::pending::<()>());
        lifecycle.shutdown();
        lifecycle.inner.abort.cancel();
        assert!(matches!(
            lifecycle.drained().await,
            Err(LifecycleError::Aborted)
        ));
        assert!(lifecycle.running().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_http_server_stops_with_its_lifecycle() {
        use actix_web::{App, HttpServer, web};

        let lifecycle = lifecycle();
        let (listener, address) = crate::bind_listener("127.0.0.1:0").unwrap();
        let server = HttpServer::new(|| App::new().route("/", web::get().to(|| async { "ok" })))
            .workers(1)
            .disable_signals()
            .listen(listener)
            .unwrap()
            .run();
        lifecycle.serve("http", server);
        tokio::net::TcpStream::connect(address).await.unwrap();
        lifecycle.shutdown();
        lifecycle.drained().await.unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
