//! Clients and servers that nobody here wrote get on with us.

mod environments;
mod pywa;
mod storages;
