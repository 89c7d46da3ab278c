//! One file per operation.

pub(crate) mod accounts;
pub(crate) mod numbers;

use serde::Serialize;

/// The form of every list.
#[derive(Debug, Serialize)]
pub(crate) struct ListResponse<T> {
    /// The rows, in the list's order.
    data: Vec<T>,
    paging: Paging,
}

#[derive(Debug, Serialize)]
struct Paging {
    /// Where to continue; null at the end.
    after: Option<String>,
}

impl<T> ListResponse<T> {
    pub(crate) const fn new(data: Vec<T>, after: Option<String>) -> Self {
        Self {
            data,
            paging: Paging { after },
        }
    }
}
