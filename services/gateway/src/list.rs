//! The form of every list.

use sb_db::Page;
use sb_http::{CursorKey, encode_cursor};
use serde::Serialize;
use utoipa::ToSchema;

/// Part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListResponse<T> {
    /// The rows, in the list's order.
    pub(crate) data: Vec<T>,
    /// Where to continue.
    pub(crate) paging: Paging,
}

/// Where a list continues.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Paging {
    /// Pass it as `after` to get the next page; null on the last one.
    pub(crate) after: Option<String>,
}

impl<T> ListResponse<T> {
    /// A page as it is sent.
    pub(crate) fn of<R, K: CursorKey>(page: Page<R, K>, response: impl Fn(R) -> T) -> Self {
        Self {
            data: page.items.into_iter().map(response).collect(),
            paging: Paging {
                after: page.next.as_ref().map(encode_cursor),
            },
        }
    }
}
