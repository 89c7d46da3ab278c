//! All updates in quarantine, for whoever runs the installation: also those of numbers and accounts that nobody has
//! connected.

pub(crate) mod discard;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod replay;
