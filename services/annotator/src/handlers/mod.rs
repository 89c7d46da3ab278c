//! One file per event.

pub(crate) mod annotate;
