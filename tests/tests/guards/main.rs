//! Rules of the repository that neither the compiler nor clippy can check. Fast, without servers: they read
//! the repository's own files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a guard that cannot read the repository must fail"
)]

mod boundaries;
mod catalogue;
mod dependencies;
mod documents;
mod lengths;
mod lexer;
mod lockfile;
mod manifests;
mod repository;
mod shape;
mod wording;
