#![doc = include_str!("../README.md")]

pub mod errors;
pub mod escape;
pub mod flows;
pub mod graph;
pub mod signature;
pub mod webhook;
