//! From a due turn to its answer.
//!
//! [`scheduler`] claims, [`leases`] keeps what is claimed and notices when it is lost, [`attempt`] does one attempt,
//! [`commit`] and [`give_up`] end it, [`model`] asks.
//!
//! **Invariant:** whatever an attempt does becomes visible in one transaction that names the epoch of its claim.
//! A newer message, a takeover or another worker raises the epoch, so that a stale attempt writes nothing.

pub(crate) mod attempt;
mod backoff;
mod commit;
mod give_up;
pub(crate) mod leases;
pub(crate) mod model;
mod presence;
pub(crate) mod scheduler;

use std::sync::Arc;
use std::time::Duration;

use sb_config::AgentSettings;
use sb_db::{Db, DbError};
use sb_domain::Clock;
use tokio_util::sync::CancellationToken;

use crate::metrics::TurnMetrics;
use crate::turn::leases::Leases;
use crate::turn::model::{ModelError, Models};

/// Attempts at one turn before it is given up; crashes of the worker count.
pub(crate) const ATTEMPTS_MAX: u32 = 5;

/// What all turns of this process share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) models: Models,
    pub(crate) leases: Leases,
    pub(crate) metrics: TurnMetrics,
    pub(crate) settings: AgentSettings,
    /// The process ends: turns that still run are given back.
    pub(crate) giving_back: CancellationToken,
}

pub(crate) type SharedRef = Arc<Shared>;

/// How long a turn is owned without renewing; long enough for two missed renewals.
pub(crate) fn lease(settings: &AgentSettings) -> Duration {
    Duration::from_secs(settings.lease_seconds.max(3))
}

impl Shared {
    fn turn_timeout(&self) -> Duration {
        Duration::from_secs(self.settings.turn_timeout_seconds.max(1))
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The answer is queued.
    Answered,
    /// The model chose to say nothing.
    Silent,
    /// A newer message, a person or another worker has the turn.
    Superseded,
    /// Nobody answers here any more.
    Unwanted,
    /// It is tried again later.
    Retried,
    /// It is given up, and the organization is told.
    Failed,
    /// Given back because the process ends.
    Released,
    /// The database is away; the lease runs out and the turn is claimed again.
    Abandoned,
}

impl Outcome {
    /// The word in metrics and logs.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Silent => "silent",
            Self::Superseded => "superseded",
            Self::Unwanted => "unwanted",
            Self::Retried => "retried",
            Self::Failed => "failed",
            Self::Released => "released",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Why an attempt did not come to an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnError {
    /// The database failed.
    #[error("reading or writing a turn")]
    Database(#[source] DbError),
    /// There is no answer of the model.
    #[error("getting an answer from the model")]
    Model(#[source] ModelError),
    /// The agent's stored configuration cannot be read.
    #[error("reading the configuration of the agent")]
    Configuration,
    /// It took too long.
    #[error("answering within {limit_seconds} s")]
    Timeout {
        /// The setting.
        limit_seconds: u64,
    },
    /// Earlier attempts ended without a word: their worker crashed or lost the database.
    #[error("answering: {attempts} attempts ended without an outcome")]
    Crashed {
        /// How many.
        attempts: u32,
    },
}

impl From<DbError> for TurnError {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

impl TurnError {
    /// Whether another attempt can help.
    fn is_retryable(&self) -> bool {
        match self {
            // Even a statement that is wrong today may be right after a deployment; the attempts are limited.
            Self::Database(_) | Self::Timeout { .. } => true,
            Self::Model(error) => error.is_retryable(),
            Self::Configuration | Self::Crashed { .. } => false,
        }
    }

    /// When the provider wants to be asked again.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Model(error) => error.retry_after(),
            Self::Database(_)
            | Self::Configuration
            | Self::Timeout { .. }
            | Self::Crashed { .. } => None,
        }
    }

    /// For people of the organization: what happened and what to do. Nothing secret in it.
    fn detail(&self) -> String {
        match self {
            Self::Database(_) => "an internal error; it has been logged".to_owned(),
            Self::Model(error) => error.detail(),
            Self::Configuration => {
                "the agent's configuration cannot be read; save the agent again".to_owned()
            }
            Self::Timeout { limit_seconds } => {
                format!("the answer took longer than {limit_seconds} seconds")
            }
            Self::Crashed { attempts } => {
                format!(
                    "{attempts} attempts were interrupted; the operator finds the cause in the logs"
                )
            }
        }
    }
}
