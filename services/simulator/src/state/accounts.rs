//! The business side: apps, WhatsApp Business Accounts, numbers and tokens.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

/// Where an app wants its webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Address that receives the posts.
    pub url: String,
    /// Token of the verification handshake.
    pub verify_token: String,
}

/// A Meta app.
#[derive(Debug, Clone)]
pub(crate) struct MetaApp {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) callback: Option<Callback>,
}

/// A WhatsApp Business Account.
#[derive(Debug, Clone)]
pub(crate) struct Waba {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Subscribed apps, each with the callback that overrides the app's own.
    pub(crate) subscribed: BTreeMap<String, Option<Callback>>,
}

/// A business phone number.
#[derive(Debug, Clone)]
pub(crate) struct Number {
    pub(crate) id: String,
    pub(crate) waba_id: String,
    pub(crate) display: String,
    pub(crate) verified_name: String,
    pub(crate) throughput_mps: usize,
    pub(crate) registered: bool,
    pub(crate) pin: Option<String>,
    pub(crate) quality_rating: String,
    pub(crate) callback: Option<Callback>,
    pub(crate) profile: serde_json::Map<String, Value>,
    /// Test numbers may only write to these; empty means everybody.
    pub(crate) allowed_recipients: Vec<String>,
    /// Sends of the last second, for throughput and its observed peak.
    pub(crate) recent: VecDeque<Instant>,
    pub(crate) peak_mps: usize,
    /// Service messages of the month, for the pricing object.
    pub(crate) service_month: (String, u32),
}

impl Number {
    /// Digits only, as webhooks print it.
    pub(crate) fn digits(&self) -> String {
        digits(&self.display)
    }

    /// Counts one send; false when the last second is already full.
    pub(crate) fn admit(&mut self, now: Instant, limit: Option<usize>) -> bool {
        while self
            .recent
            .front()
            .is_some_and(|at| now.duration_since(*at).as_secs() >= 1)
        {
            self.recent.pop_front();
        }
        if limit.is_some_and(|limit| self.recent.len() >= limit) {
            return false;
        }
        self.recent.push_back(now);
        self.peak_mps = self.peak_mps.max(self.recent.len());
        true
    }
}

/// What an access token may do.
#[derive(Debug, Clone)]
pub(crate) struct AccessToken {
    pub(crate) app_id: String,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// Accounts it reaches; empty means all.
    pub(crate) waba_ids: Vec<String>,
}

impl AccessToken {
    pub(crate) fn reaches(&self, waba_id: &str) -> bool {
        self.waba_ids.is_empty() || self.waba_ids.iter().any(|id| id == waba_id)
    }
}

/// All accounts the simulated Meta knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    pub(crate) apps: BTreeMap<String, MetaApp>,
    pub(crate) wabas: BTreeMap<String, Waba>,
    pub(crate) numbers: BTreeMap<String, Number>,
    pub(crate) tokens: BTreeMap<String, AccessToken>,
}

impl Accounts {
    /// Callback of an app for one account and number: the number's override,
    /// then the account's, then the app's own.
    ///
    /// # Source
    /// Meta, "Webhook overrides".
    pub(crate) fn callback(
        &self,
        app_id: &str,
        waba_id: &str,
        number_id: Option<&str>,
    ) -> Option<&Callback> {
        let of_number = number_id
            .and_then(|id| self.numbers.get(id))
            .and_then(|number| number.callback.as_ref());
        let of_waba = self
            .wabas
            .get(waba_id)
            .and_then(|waba| waba.subscribed.get(app_id))
            .and_then(Option::as_ref);
        of_number
            .or(of_waba)
            .or_else(|| self.apps.get(app_id)?.callback.as_ref())
    }

    /// Apps subscribed to an account.
    pub(crate) fn subscribers(&self, waba_id: &str) -> Vec<String> {
        self.wabas
            .get(waba_id)
            .map(|waba| waba.subscribed.keys().cloned().collect())
            .unwrap_or_default()
    }

    pub(crate) fn numbers_of<'a>(&'a self, waba_id: &str) -> impl Iterator<Item = &'a Number> {
        self.numbers
            .values()
            .filter(move |number| number.waba_id == waba_id)
    }
}

/// Keeps the digits of a phone number written in any way.
pub(crate) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn number() -> Number {
        Number {
            id: "1".to_owned(),
            waba_id: "2".to_owned(),
            display: "+1 555-010-0000".to_owned(),
            verified_name: "Shop".to_owned(),
            throughput_mps: 2,
            registered: true,
            pin: None,
            quality_rating: "GREEN".to_owned(),
            callback: None,
            profile: serde_json::Map::new(),
            allowed_recipients: Vec::new(),
            recent: VecDeque::new(),
            peak_mps: 0,
            service_month: (String::new(), 0),
        }
    }

    #[test]
    fn throughput_counts_any_second_not_calendar_seconds() {
        let mut number = number();
        let start = Instant::now();
        assert!(number.admit(start, Some(2)));
        assert!(number.admit(start + Duration::from_millis(900), Some(2)));
        assert!(!number.admit(start + Duration::from_millis(950), Some(2)));
        assert!(number.admit(start + Duration::from_secs(1), Some(2)));
        assert_eq!(number.peak_mps, 2);
    }

    #[test]
    fn number_override_wins_over_the_app_callback() {
        let mut accounts = Accounts::default();
        let callback = |url: &str| Callback {
            url: url.to_owned(),
            verify_token: String::new(),
        };
        let mut number = number();
        number.callback = Some(callback("http://number"));
        accounts.numbers.insert("1".to_owned(), number);
        accounts.apps.insert(
            "9".to_owned(),
            MetaApp {
                id: "9".to_owned(),
                name: String::new(),
                secret: String::new(),
                callback: Some(callback("http://app")),
            },
        );
        let url = |number| accounts.callback("9", "2", number).map(|c| c.url.as_str());
        assert_eq!(url(Some("1")), Some("http://number"));
        assert_eq!(url(None), Some("http://app"));
    }
}
