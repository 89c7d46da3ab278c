//! Waiting on conditions, and trying again. The only place here that sleeps.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::Instant;

/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Looks again and again until there is something, and gives it.
///
/// # Errors
/// When there is nothing within `patience`, or the look itself fails.
pub async fn until_some<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited {patience:?} in vain until {what}");
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Looks again and again until the condition holds.
///
/// # Errors
/// As [`until_some`].
pub async fn until(
    what: &str,
    patience: Duration,
    mut holds: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    until_some(what, patience, async || Ok(holds().await?.then_some(()))).await
}

/// Longer and longer waits between tries, as Meta makes them, shortened for tests.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(1);

/// Tries again and again, with longer and longer waits, until it succeeds.
///
/// # Errors
/// The last failure, when none of the tries within `patience` succeeded.
pub(crate) async fn retrying<T, F>(
    what: &str,
    patience: Duration,
    mut attempt: impl FnMut() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let deadline = Instant::now() + patience;
    let mut wait = RETRY_FIRST;
    loop {
        match attempt().await {
            Ok(success) => return Ok(success),
            Err(error) if Instant::now() + wait > deadline => {
                return Err(error)
                    .with_context(|| format!("{what} did not succeed within {patience:?}"));
            }
            Err(_) => tokio::time::sleep(wait).await,
        }
        wait = (wait * 2).min(RETRY_LONGEST);
    }
}
