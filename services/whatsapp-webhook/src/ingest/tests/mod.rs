//! Ingest as a whole, against a real database: whole posts in, rows and events out.

mod aside;
mod bench;
mod corpus;
mod garbled;
mod identity;
mod order;
