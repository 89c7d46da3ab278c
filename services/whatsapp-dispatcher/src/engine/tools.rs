//! What the engine works with.

use std::time::Duration;

use chrono::TimeDelta;
use sb_bus::Publisher;
use sb_cloud_api::graph::Graph;
use sb_config::DispatcherSettings;
use sb_db::Db;
use sb_domain::Clock;

use super::Uploads;
use crate::events::Announcer;
use crate::metrics::Metrics;
use crate::origins::Origins;
use crate::rules::Patience;
use crate::tokens::Tokens;

/// Added to the time a request may take: claiming, recording, and confirming a commit.
const STALE_MARGIN: Duration = Duration::from_secs(15);

/// Connections and rules; shared by everything in flight.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) db: Db,
    pub(crate) graph: Graph,
    pub(crate) tokens: Tokens,
    pub(crate) uploads: Uploads,
    pub(crate) publisher: Publisher,
    pub(crate) announcer: Announcer,
    pub(crate) clock: Clock,
    pub(crate) origins: Origins,
    pub(crate) metrics: Metrics,
    pub(crate) patience: Patience,
    pub(crate) stale_after: TimeDelta,
}

impl Tools {
    /// How long a claim may go without an outcome.
    pub(crate) fn stale_after(settings: &DispatcherSettings) -> TimeDelta {
        let patience = Duration::from_millis(settings.send_timeout_ms) + STALE_MARGIN;
        TimeDelta::from_std(patience).unwrap_or(TimeDelta::hours(1))
    }
}
