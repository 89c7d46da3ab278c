//! The customer service window: 24 hours from the contact's last message.

use chrono::{DateTime, TimeDelta, Utc};

/// How long free-form messages are allowed after the contact wrote.
///
/// # Source
/// Meta, "Send messages › Customer service windows", 2026.
pub const CUSTOMER_SERVICE_WINDOW: TimeDelta = TimeDelta::hours(24);

/// Whether a conversation may receive anything but templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Free-form messages are allowed until then.
    OpenUntil(DateTime<Utc>),
    /// Only templates.
    Closed,
}

impl Window {
    /// The window that the contact's last message opened.
    pub fn at(now: DateTime<Utc>, last_incoming_at: Option<DateTime<Utc>>) -> Self {
        match last_incoming_at.map(|at| at + CUSTOMER_SERVICE_WINDOW) {
            Some(end) if end > now => Self::OpenUntil(end),
            Some(_) | None => Self::Closed,
        }
    }

    /// Free-form messages are allowed.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::OpenUntil(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_closes_a_day_after_the_last_message() {
        let wrote = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        assert!(Window::at(wrote + TimeDelta::hours(23), Some(wrote)).is_open());
        assert!(!Window::at(wrote + TimeDelta::hours(24), Some(wrote)).is_open());
        assert!(!Window::at(wrote, None).is_open());
    }
}
