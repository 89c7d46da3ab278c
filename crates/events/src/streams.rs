//! The streams of the product. Limits retention everywhere: a work queue pays one fsync per ack.

use std::time::Duration;

use crate::Topology;

/// A JetStream stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Meta's posts as they came; the log from which everything can be rebuilt.
    Updates,
    /// Facts.
    Events,
    /// Commands to the dispatcher.
    Dispatch,
    /// Commands to get files.
    Media,
    /// What exhausted its tries.
    Dead,
}

impl Stream {
    /// Every stream.
    pub const ALL: [Self; 5] = [
        Self::Updates,
        Self::Events,
        Self::Dispatch,
        Self::Media,
        Self::Dead,
    ];

    /// The window in which JetStream drops a second message with the same id. Short: unique keys in
    /// the database are the real guard.
    pub const DEDUPLICATION: Duration = Duration::from_mins(2);

    /// The stream's name on the server.
    pub fn name(self, topology: &Topology) -> String {
        topology.name(match self {
            Self::Updates => "UPDATES",
            Self::Events => "EVENTS",
            Self::Dispatch => "DISPATCH",
            Self::Media => "MEDIA",
            Self::Dead => "DEAD",
        })
    }

    /// The subjects it stores.
    pub fn subjects(self, topology: &Topology) -> Vec<String> {
        vec![topology.stream_subjects(self)]
    }

    /// What it is for, shown by the server's tools.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Updates => "Meta's webhook posts as they came",
            Self::Events => "facts of all domains",
            Self::Dispatch => "commands to the dispatcher",
            Self::Media => "commands to get files",
            Self::Dead => "what exhausted its tries",
        }
    }
}
