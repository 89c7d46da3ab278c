use serde::{Deserialize, Serialize};

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct List<T> {
    /// The rows, in the list's order.
    pub data: Vec<T>,
    /// Where to continue.
    pub paging: Paging,
}

/// Where a list continues.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Paging {
    /// Pass it as [`PageOptions::after`] to get the next page; `None` on the last one.
    pub after: Option<String>,
}

/// Which page of a list is wanted; the default is the first one in its usual size.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PageOptions {
    /// Rows at most, 1 to 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// [`Paging::after`] of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl PageOptions {
    /// The page behind this one; `None` when it was the last.
    pub fn next<T>(&self, page: &List<T>) -> Option<Self> {
        page.paging.after.as_ref().map(|after| Self {
            limit: self.limit,
            after: Some(after.clone()),
        })
    }
}

/// In which order messages are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageOrder {
    /// From the first on.
    Asc,
    /// From the latest back.
    #[default]
    Desc,
}
