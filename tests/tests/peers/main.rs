//! Clients that nobody here wrote get on with us.

mod pywa;
