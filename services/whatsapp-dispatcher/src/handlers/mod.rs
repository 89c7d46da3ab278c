//! What commands do.

mod commands;

pub(crate) use commands::CommandHandler;
