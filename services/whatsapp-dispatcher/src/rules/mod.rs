//! Decisions without IO: what may be sent, when, and what an outcome means. Time comes in as an argument.

mod gate;
mod learned;
mod ownership;
mod pacer;
mod pairs;
mod verdict;
mod worklist;

pub(crate) use gate::{Cleared, Stop, clear};
pub(crate) use learned::{Learned, learned};
pub(crate) use ownership::Ownership;
pub(crate) use pacer::Pacer;
pub(crate) use verdict::{
    Effect, Failure, Patience, Verdict, file_is_uploaded_again, file_waits, judge, judge_upload,
    stopped, token_unreadable,
};
pub(crate) use worklist::{Limits, Next, Worklist};
