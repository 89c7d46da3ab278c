//! Programs of tenants that send through the API, and try again when they get no answer.

use std::time::Duration;

use sb_client::{Client, SendMessage};
use tokio::task::JoinSet;

use crate::phones::phone_number;
use crate::processes::Processes;
use crate::waiting::retrying;

/// How long one message may be tried: the gateway may be down, and the person may not have written yet.
const PATIENCE: Duration = Duration::from_secs(90);

/// A message that was asked for once, however often the request was repeated.
#[derive(Debug, Clone)]
pub struct Order {
    /// The id the gateway gave it.
    pub message: String,
    /// What it says; no two say the same.
    pub text: String,
}

/// A program that sends, one message after the other.
#[derive(Debug)]
pub struct Orders(JoinSet<anyhow::Result<Vec<Order>>>);

impl Orders {
    /// Sends `each` messages for each tenant, in turn to the first `phones` people who write to it, each under an
    /// idempotency key of its own.
    pub fn start(stage: &Processes, phones: usize, each: usize) -> Self {
        let mut programs = JoinSet::new();
        for (place, tenant) in stage.tenants.iter().enumerate() {
            let client = tenant.client.clone();
            // People are dealt out to the tenants in pairs.
            let people: Vec<String> = (0..phones)
                .filter(|index| index / 2 % stage.tenants.len() == place)
                .map(phone_number)
                .collect();
            programs.spawn(send_all(client, people, each));
        }
        Self(programs)
    }

    /// Waits until everything was accepted.
    ///
    /// # Errors
    /// What was refused, or not accepted in time.
    pub async fn finish(mut self) -> anyhow::Result<Vec<Order>> {
        let mut orders = Vec::new();
        while let Some(ended) = self.0.join_next().await {
            orders.extend(ended??);
        }
        Ok(orders)
    }
}

async fn send_all(client: Client, people: Vec<String>, count: usize) -> anyhow::Result<Vec<Order>> {
    let mut orders = Vec::with_capacity(count);
    for (number, phone) in (0..count).zip(people.iter().cycle()) {
        let text = format!("order {number} for {phone}");
        let key = format!("order-{number}");
        let message = SendMessage::text(phone.as_str(), text.as_str());
        // Repeated with the same key while the gateway is down, while what a killed gateway began is undone, and while
        // the person has not written yet.
        let accepted = retrying(&text, PATIENCE, || async {
            Ok(client.send_message(&message, Some(&key)).await?)
        });
        orders.push(Order {
            message: accepted.await?.id.to_string(),
            text,
        });
    }
    Ok(orders)
}
