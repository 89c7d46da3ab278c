//! The pricing object of statuses.

use chrono::{DateTime, Utc};

use super::State;
use super::chat::Accepted;
use super::messages::Price;

/// Service messages of a number that are free each month.
const FREE_SERVICE_MESSAGES: u32 = 1_000;
/// Service messages cost since this instant (2026-10-01).
const SERVICE_PRICED_SINCE: i64 = 1_790_812_800;

impl State {
    /// Price of a message on the day it is sent.
    ///
    /// # Source
    /// Meta, "Pricing": per message since 2025-07-01; service messages and
    /// utility templates inside the window are charged since 2026-10-01, with
    /// 1,000 free service messages a number and month.
    pub(super) fn price(&mut self, send: &Accepted, now: DateTime<Utc>) -> Price {
        let new_rules = now.timestamp() >= SERVICE_PRICED_SINCE;
        let open = self.window_open(&send.wa_id, &send.number_id, now);
        let category = match send.template_category.as_deref() {
            Some("MARKETING") => "marketing",
            Some("UTILITY") => "utility",
            Some("AUTHENTICATION") => "authentication",
            _ => "service",
        };
        let free = match category {
            "service" => !new_rules || self.free_service_message(&send.number_id, now),
            "utility" => open && !new_rules,
            _ => false,
        };
        Price {
            billable: !free,
            kind: if free {
                "free_customer_service"
            } else {
                "regular"
            },
            category,
        }
    }

    fn free_service_message(&mut self, number_id: &str, now: DateTime<Utc>) -> bool {
        let Some(number) = self.accounts.numbers.get_mut(number_id) else {
            return true;
        };
        let month = now.format("%Y-%m").to_string();
        let (counted, used) = &mut number.service_month;
        if *counted != month {
            (*counted, *used) = (month, 0);
        }
        *used += 1;
        *used <= FREE_SERVICE_MESSAGES
    }
}
