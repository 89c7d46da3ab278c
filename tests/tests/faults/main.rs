//! What must hold when processes die: nothing that was acknowledged is lost, nothing is done twice.
//!
//! Everything here runs as real processes on private, durable servers, and is killed with SIGKILL. These tests need the
//! `switchboard` binary (`cargo build --workspace`) and the machine for themselves: they run one at a time.

mod backlog;
mod chance;
mod killed;
mod lost_answers;
mod orderly_end;
mod storage_outage;
mod stories;
