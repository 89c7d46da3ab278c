//! Private servers from the outside: start, crash, come back with the data.
//!
//! `cfg(test)` on the modules tells clippy that their helper functions are test code, too.

#[cfg(test)]
mod nats;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod starter_dies;
