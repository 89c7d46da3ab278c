#![doc = include_str!("../README.md")]

pub mod access;
pub mod agent;
pub mod clock;
pub mod content;
pub mod delivery;
pub mod formatting;
pub mod identity;
pub mod outgoing;
pub mod window;

pub use clock::Clock;
