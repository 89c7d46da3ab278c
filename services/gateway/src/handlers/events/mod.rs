//! Everything that happens, as it happens.

pub(crate) mod stream;
