//! The webhook through its public edge: signed posts in, rows and events out.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its case must fail"
)]

mod bad_input;
mod duplicates;
mod flow_world;
mod flows;
mod locked_rows;
mod media;
mod media_intake;
mod messages;
mod posts;
mod replays;
mod statuses;
mod world;
