//! The simulated Meta and its model provider, through the control API that scripts use (`/_sim`).

use std::time::Duration;

use anyhow::{Context, ensure};
use sb_egress::Method;
use serde_json::{Value, json};

use crate::http::{Answer, Http, text_at};
use crate::tenant::Account;
use crate::waiting::until;

/// Entries of the log read at once.
const PAGE: usize = 2_000;

/// The simulated Meta.
#[derive(Debug, Clone)]
pub struct Meta {
    http: Http,
    base: String,
}

/// A send that Meta accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its wamid.
    pub wamid: String,
    /// The phone it went to.
    pub phone: String,
    /// The number it came from.
    pub phone_number_id: String,
    /// Its text, empty for other kinds.
    pub text: String,
    /// `biz_opaque_callback_data`: the id of our message.
    pub callback: String,
    /// `accepted`, `sent`, `delivered`, `read`, `failed`.
    pub status: String,
}

impl Sent {
    fn read(entry: &Value) -> anyhow::Result<Self> {
        let optional = |pointer: &str| {
            entry
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Ok(Self {
            wamid: text_at(entry, "/id")?,
            phone: text_at(entry, "/wa_id")?,
            phone_number_id: text_at(entry, "/phone_number_id")?,
            text: optional("/body/text/body"),
            callback: optional("/biz_opaque_callback_data"),
            status: text_at(entry, "/status")?,
        })
    }
}

impl Meta {
    /// The simulator at an address.
    pub fn new(http: Http, base: impl Into<String>) -> Self {
        Self {
            http,
            base: base.into(),
        }
    }

    /// Its address: the base URL of the Graph API.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// A control call, whatever comes of it.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn control(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let asked = format!("{method} /_sim{path}");
        let request = self
            .http
            .request(method, &format!("{}/_sim{path}", self.base));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.http.send(&asked, request).await
    }

    async fn change(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.control(method, path, Some(body)).await?.expect(200)
    }

    async fn read(&self, path: &str) -> anyhow::Result<Value> {
        self.control(Method::GET, path, None).await?.expect(200)
    }

    /// Makes an account with its number known.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_account(&self, account: Account) -> anyhow::Result<()> {
        self.change(
            Method::PUT,
            &format!("/wabas/{}", account.waba_id),
            &json!({}),
        )
        .await?;
        let fields = json!({ "waba_id": account.waba_id, "throughput_mps": 1_000 });
        self.put_number(account.phone_number_id, &fields).await
    }

    /// Makes a number known, or changes the given fields of it.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_number(&self, phone_number_id: &str, fields: &Value) -> anyhow::Result<()> {
        self.change(Method::PUT, &format!("/numbers/{phone_number_id}"), fields)
            .await?;
        Ok(())
    }

    /// Sets the seeded app's callback, after Meta's handshake.
    ///
    /// # Errors
    /// When the address does not answer the challenge.
    pub async fn set_webhook(&self, url: &str) -> anyhow::Result<()> {
        self.change(Method::POST, "/webhook", &json!({ "url": url }))
            .await?;
        Ok(())
    }

    /// Replaces the global fault switches.
    ///
    /// # Errors
    /// When a switch is not one.
    pub async fn set_faults(&self, faults: &Value) -> anyhow::Result<()> {
        self.change(Method::PUT, "/faults", faults).await?;
        Ok(())
    }

    /// A phone writes a text to a number; gives its wamid.
    ///
    /// # Errors
    /// When the number is not known.
    pub async fn phone_writes(
        &self,
        phone: &str,
        phone_number_id: &str,
        text: &str,
    ) -> anyhow::Result<String> {
        let message = json!({
            "phone_number_id": phone_number_id,
            "type": "text",
            "text": { "body": text },
        });
        self.phone_sends(phone, &message).await
    }

    /// A phone sends a message of any kind; gives its wamid.
    ///
    /// # Errors
    /// When the message is malformed.
    pub async fn phone_sends(&self, phone: &str, message: &Value) -> anyhow::Result<String> {
        let answer = self
            .change(Method::POST, &format!("/phones/{phone}/messages"), message)
            .await?;
        text_at(&answer, "/id")
    }

    /// How a phone sees one message: `status` is its ticks.
    ///
    /// # Errors
    /// When there is no such message.
    pub async fn message(&self, wamid: &str) -> anyhow::Result<Value> {
        // A wamid ends in `=`, which a path may hold.
        self.read(&format!("/messages/{wamid}")).await
    }

    /// Accepted sends after a place in the log, waiting for the first; and the place to go on from.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn sent_after(&self, place: u64, wait: Duration) -> anyhow::Result<(Vec<Sent>, u64)> {
        let path = format!(
            "/sent?after={place}&limit={PAGE}&wait_ms={}",
            wait.as_millis()
        );
        let page = self.read(&path).await?;
        let entries = page
            .get("sent")
            .and_then(Value::as_array)
            .context("a log without entries")?;
        let sent = entries
            .iter()
            .map(Sent::read)
            .collect::<anyhow::Result<Vec<Sent>>>()?;
        let next = page
            .get("next")
            .and_then(Value::as_u64)
            .context("a log without a place")?;
        Ok((sent, next))
    }

    /// The whole log of accepted sends, oldest first.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn sent(&self) -> anyhow::Result<Vec<Sent>> {
        let mut all = Vec::new();
        let mut place = 0;
        loop {
            let (page, next) = self.sent_after(place, Duration::ZERO).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
            place = next;
        }
    }

    /// What was sent to one phone, oldest first.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn sent_to(&self, phone: &str) -> anyhow::Result<Vec<Sent>> {
        Ok(self
            .sent()
            .await?
            .into_iter()
            .filter(|sent| sent.phone == phone)
            .collect())
    }

    /// What the model was asked, oldest first (the latest 2,000).
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn model_requests(&self) -> anyhow::Result<Vec<Value>> {
        let answer = self.read("/llm/requests").await?;
        let requests = answer.get("requests").and_then(Value::as_array);
        Ok(requests.context("a log without requests")?.clone())
    }

    /// Lets statuses go that the switch `hold_statuses` kept back; gives how many.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn release_statuses(&self) -> anyhow::Result<u64> {
        let answer = self
            .change(Method::POST, "/statuses/release", &json!({}))
            .await?;
        answer
            .get("released")
            .and_then(Value::as_u64)
            .context("no count of released statuses")
    }

    /// Waits until every webhook is acknowledged and every status that is planned was posted.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub async fn settle(&self, patience: Duration) -> anyhow::Result<()> {
        until("Meta has nothing left to post", patience, async || {
            let left = self.read("/pending?wait_ms=1000").await?;
            let count = |name: &str| left.get(name).and_then(Value::as_u64);
            Ok((count("pending"), count("planned_statuses")) == (Some(0), Some(0)))
        })
        .await
    }

    /// Fails when any webhook was given up or dropped.
    ///
    /// # Errors
    /// When one was, or the totals cannot be read.
    pub async fn check_nothing_given_up(&self) -> anyhow::Result<()> {
        let stats = self.read("/stats").await?;
        let lost = ["/webhooks/posts_given_up", "/overflowed"]
            .iter()
            .filter_map(|pointer| stats.pointer(pointer)?.as_u64())
            .sum::<u64>();
        ensure!(lost == 0, "the simulator itself gave updates up: {stats}");
        Ok(())
    }
}
