//! What a failed try means.

use std::time::Duration;

use sb_bus::BoxError;
use sb_cloud_api::errors::RetryClass;
use sb_cloud_api::graph::{DownloadError, GraphError};
use sb_db::DbError;
use sb_egress::EgressError;
use sb_media::{IntakeError, MediaError, SpoolError};

/// Between tries, at most.
const LONGEST_WAIT: Duration = Duration::from_mins(30);

/// Meta does not accept the access token.
pub(super) const TOKEN_REJECTED: &str = "number.token_rejected";

/// Why a file is not here. Codes are part of the API.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Trying again would not help.
    #[error("a file cannot be had: {code}")]
    Final {
        /// Why, as a stable word.
        code: String,
    },
    /// Meta does not accept the access token: [`TOKEN_REJECTED`].
    #[error("Meta does not accept the access token")]
    TokenRejected,
    /// May pass by itself.
    #[error("a file cannot be had now: {code}")]
    Later {
        /// What it comes to when it does not pass.
        code: &'static str,
        /// How long Meta wants us to wait.
        wait: Option<Duration>,
        /// What happened.
        #[source]
        source: Option<BoxError>,
    },
    /// The storage is away: no other file fares better.
    #[error("the media storage is away")]
    Storage(#[source] MediaError),
    /// The database is away.
    #[error("the database is away")]
    Database(#[from] DbError),
}

impl Failure {
    pub(super) fn forever(code: impl Into<String>) -> Self {
        Self::Final { code: code.into() }
    }

    fn later(code: &'static str, wait: Option<Duration>, source: impl Into<BoxError>) -> Self {
        Self::Later {
            code,
            wait,
            source: Some(source.into()),
        }
    }

    /// The object went away again.
    pub(super) const fn lost() -> Self {
        Self::Later {
            code: "media.storage_lost",
            wait: None,
            source: None,
        }
    }

    pub(super) fn too_large() -> Self {
        Self::forever("media.too_large")
    }

    pub(super) fn gone() -> Self {
        Self::forever("media.gone")
    }

    /// A word for metrics.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Final { .. } | Self::TokenRejected => "failed",
            Self::Later { .. } => "later",
            Self::Storage(_) => "storage_away",
            Self::Database(_) => "database_away",
        }
    }

    /// A download broke.
    pub(super) fn of_download(error: DownloadError) -> Self {
        match error {
            DownloadError::ForeignAddress => Self::forever("media.foreign_address"),
            DownloadError::NotFound => Self::gone(),
            DownloadError::Refused { http_status: 401 } => Self::TokenRejected,
            DownloadError::Refused {
                http_status: 429 | 500..,
            } => Self::later("meta.unavailable", None, error),
            DownloadError::Refused { http_status } => {
                Self::forever(format!("meta.http_{http_status}"))
            }
            DownloadError::Exchange(EgressError::TooLarge { .. }) => Self::too_large(),
            DownloadError::Exchange(_) => Self::later("meta.unavailable", None, error),
        }
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        let code = error.code();
        match (&error, error.class()) {
            (GraphError::Refused { .. }, RetryClass::TokenInvalid) => Self::TokenRejected,
            // 100 with subcode 33: there is no such object, or this token may not see it.
            (GraphError::Refused { .. }, RetryClass::Permanent | RetryClass::NeverForRecipient) => {
                match code {
                    None | Some(33 | 100) => Self::gone(),
                    Some(code) => Self::forever(format!("meta.{code}")),
                }
            }
            _ => {
                let wait = error.retry_wait(0);
                Self::later("meta.unavailable", wait, error)
            }
        }
    }
}

impl From<SpoolError> for Failure {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::TooMany(_) => Self::too_large(),
            SpoolError::Media(error) => error.into(),
        }
    }
}

impl From<IntakeError> for Failure {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Infected { signature } => {
                tracing::warn!(signature, "a received file is infected and not kept");
                Self::forever("media.infected")
            }
            IntakeError::Scanner(error) => Self::later("media.scanner_unavailable", None, error),
            IntakeError::Media(error) => error.into(),
        }
    }
}

impl From<MediaError> for Failure {
    fn from(error: MediaError) -> Self {
        Self::Storage(error)
    }
}

/// The wait after the `tries`-th failure, from a second to half an hour; longer when Meta wants it.
pub(super) fn longer(tries: i64, failure: &Failure) -> Duration {
    let steps = u32::try_from(tries.saturating_sub(1).clamp(0, 10)).unwrap_or(0);
    let own = Duration::from_secs(3_u64.saturating_pow(steps)).min(LONGEST_WAIT);
    match failure {
        Failure::Later {
            wait: Some(wait), ..
        } => own.max(*wait),
        Failure::Later { wait: None, .. }
        | Failure::Final { .. }
        | Failure::TokenRejected
        | Failure::Storage(_)
        | Failure::Database(_) => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_half_an_hour_and_follow_meta() {
        let plain = Failure::lost();
        assert_eq!(longer(1, &plain), Duration::from_secs(1));
        assert_eq!(longer(4, &plain), Duration::from_secs(27));
        assert_eq!(longer(i64::MAX, &plain), LONGEST_WAIT);
        let asked = Failure::Later {
            code: "meta.unavailable",
            wait: Some(Duration::from_mins(1)),
            source: None,
        };
        assert_eq!(longer(1, &asked), Duration::from_mins(1));
    }

    #[test]
    fn what_an_answer_means_for_the_next_try() {
        let code = |http_status| match Failure::of_download(DownloadError::Refused { http_status })
        {
            Failure::Final { code } => code,
            Failure::Later { code, .. } => format!("later {code}"),
            Failure::TokenRejected => TOKEN_REJECTED.to_owned(),
            Failure::Storage(_) | Failure::Database(_) => String::new(),
        };
        assert_eq!(code(401), "number.token_rejected");
        assert_eq!(code(403), "meta.http_403");
        assert_eq!(code(429), "later meta.unavailable");
        assert_eq!(code(503), "later meta.unavailable");
    }
}
