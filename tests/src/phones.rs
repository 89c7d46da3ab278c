//! People who write to businesses and wait for the answer before they write again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use sb_config::SimulatorSettings;
use sqlx::PgPool;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::http::Http;
use crate::meta::Meta;
use crate::post::{Post, change, envelope, text_message};
use crate::processes::Processes;
use crate::tenant::Tenant;
use crate::waiting::retrying;

/// Longest wait for one answer: several kills may come in between, and after each the server may wait half a minute
/// before it hands out again what the killed process held.
const ANSWER_PATIENCE: Duration = Duration::from_secs(150);
/// Longest time a post may go unacknowledged.
const POST_PATIENCE: Duration = Duration::from_secs(90);
/// How long the log of sends is waited for.
const LOG_WAIT: Duration = Duration::from_secs(1);
/// Pause after a look at the log that failed.
const LOG_AGAIN: Duration = Duration::from_millis(100);
/// How often the tables are asked for answers that may never come.
const UNKNOWN_EVERY: Duration = Duration::from_millis(500);

/// The first phone's number.
const FIRST_PHONE: u64 = 4_915_100_000_000;

/// How a phone's messages reach the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Through the simulated Meta, which posts, retries, and knows the message afterwards.
    Simulator,
    /// Posted by the test itself, which knows exactly what was acknowledged, retries like Meta, and now and then
    /// posts again what was acknowledged already, as Meta does.
    SignedPosts,
}

/// How many people write how often.
#[derive(Debug, Clone, Copy)]
pub struct TrafficPlan {
    /// People; half of them over each [`Via`], half of them to each tenant.
    pub phones: usize,
    /// Messages of each.
    pub rounds: usize,
}

impl TrafficPlan {
    /// Messages of all together.
    pub const fn messages(&self) -> usize {
        self.phones * self.rounds
    }
}

/// A message somebody wrote.
#[derive(Debug, Clone)]
pub struct Question {
    /// Who.
    pub phone: String,
    /// To which of Meta's numbers.
    pub phone_number_id: String,
    /// How it reached the webhook.
    pub via: Via,
    /// Its wamid.
    pub wamid: String,
    /// What it says; no two say the same.
    pub text: String,
}

impl Question {
    /// What the echoing model answers.
    pub fn answer(&self) -> String {
        answer_to(&self.text)
    }
}

fn answer_to(text: &str) -> String {
    format!("You said: {text}")
}

/// The number of the phone at a place in the load.
pub(crate) fn phone_number(index: usize) -> String {
    (FIRST_PHONE + u64::try_from(index).unwrap_or_default()).to_string()
}

/// Who waits for which text.
#[derive(Debug, Default)]
struct Board(Mutex<HashMap<String, oneshot::Sender<()>>>);

impl Board {
    fn wait_for(&self, text: String) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(text, sender);
        receiver
    }

    /// It has come, or may never come.
    fn tell(&self, text: &str) {
        let waiting = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(text);
        if let Some(waiting) = waiting {
            // Nobody listens when the traffic was dropped.
            let _ = waiting.send(());
        }
    }
}

/// What phones share.
#[derive(Debug)]
struct Shared {
    meta: Meta,
    http: Http,
    webhook_url: String,
    secret: String,
    board: Board,
    answered: watch::Sender<usize>,
}

/// People who are writing.
#[derive(Debug)]
pub struct Traffic {
    phones: JoinSet<anyhow::Result<Vec<Question>>>,
    /// What those wrote who are done.
    done: Vec<Question>,
    /// Ends with the traffic.
    _watchers: JoinSet<()>,
    answered: watch::Receiver<usize>,
    messages: usize,
}

impl Traffic {
    /// Lets people write to the tenants of an installation.
    ///
    /// # Errors
    /// When the installation has no tenants.
    pub fn start(stage: &Processes, plan: TrafficPlan) -> anyhow::Result<Self> {
        Self::start_after(stage, plan, 0)
    }

    /// The same with people who were not among the first `others`.
    ///
    /// # Errors
    /// As [`Traffic::start`].
    pub fn start_after(
        stage: &Processes,
        plan: TrafficPlan,
        others: usize,
    ) -> anyhow::Result<Self> {
        let (sender, answered) = watch::channel(0);
        let shared = Arc::new(Shared {
            meta: stage.meta.clone(),
            http: stage.http.clone(),
            webhook_url: stage.webhook_url()?,
            secret: SimulatorSettings::default().app_secret,
            board: Board::default(),
            answered: sender,
        });
        let mut watchers = JoinSet::new();
        watchers.spawn(watch_log(Arc::clone(&shared)));
        watchers.spawn(watch_unknown(Arc::clone(&shared), stage.pool.clone()));
        let mut phones = JoinSet::new();
        for index in others..others + plan.phones {
            let tenant = stage.tenants.get(index / 2 % stage.tenants.len().max(1));
            let phone = Phone {
                number: phone_number(index),
                business: Business::of(tenant.context("no tenant to write to")?),
                via: if index % 2 == 0 {
                    Via::Simulator
                } else {
                    Via::SignedPosts
                },
                shared: Arc::clone(&shared),
            };
            phones.spawn(phone.talk(plan.rounds));
        }
        Ok(Self {
            phones,
            done: Vec::new(),
            _watchers: watchers,
            answered,
            messages: plan.messages(),
        })
    }

    /// How many messages were answered, or will never be.
    pub fn answered(&self) -> usize {
        *self.answered.borrow()
    }

    /// Waits until so many messages are answered. A phone that fails meanwhile ends the wait.
    ///
    /// # Errors
    /// The failure of a phone.
    pub async fn reaches(&mut self, count: usize) -> anyhow::Result<()> {
        let mut answered = self.answered.clone();
        let count = count.min(self.messages);
        loop {
            tokio::select! {
                reached = answered.wait_for(|answered| *answered >= count) => {
                    reached.context("the phones are gone")?;
                    return Ok(());
                }
                Some(ended) = self.phones.join_next() => self.done.extend(ended??),
            }
        }
    }

    /// Waits until everybody is done; gives all that was written.
    ///
    /// # Errors
    /// The first failure of a phone.
    pub async fn finish(mut self) -> anyhow::Result<Vec<Question>> {
        while let Some(ended) = self.phones.join_next().await {
            self.done.extend(ended??);
        }
        Ok(self.done)
    }
}

/// Tells phones of answers as they reach Meta.
async fn watch_log(shared: Arc<Shared>) {
    let mut place = 0;
    let mut ticks = interval(LOG_AGAIN);
    loop {
        match shared.meta.sent_after(place, LOG_WAIT).await {
            Ok((sent, next)) => {
                place = next;
                for sent in sent {
                    shared.board.tell(&sent.text);
                }
            }
            // Busy, as the whole machine is; the log is still there.
            Err(_) => drop(ticks.tick().await),
        }
    }
}

/// Tells phones of answers about which nobody knows whether they were sent: they may never come.
async fn watch_unknown(shared: Arc<Shared>, pool: PgPool) {
    let mut ticks = interval(UNKNOWN_EVERY);
    loop {
        ticks.tick().await;
        let texts: Result<Vec<String>, sqlx::Error> = sqlx::query_scalar(
            "SELECT coalesce(content ->> 'body', '') FROM messages WHERE direction = 'outgoing' AND state = 'unknown'",
        )
        .fetch_all(&pool)
        .await;
        // PostgreSQL may be the one that was killed.
        for text in texts.unwrap_or_default() {
            shared.board.tell(&text);
        }
    }
}

/// Whom a phone writes to, in Meta's words.
struct Business {
    waba_id: String,
    phone_number_id: String,
}

impl Business {
    fn of(tenant: &Tenant) -> Self {
        let number = &tenant.number;
        Self {
            waba_id: number.waba_id.as_str().to_owned(),
            phone_number_id: number.phone_number_id.as_str().to_owned(),
        }
    }
}

struct Phone {
    number: String,
    business: Business,
    via: Via,
    shared: Arc<Shared>,
}

impl Phone {
    async fn talk(self, rounds: usize) -> anyhow::Result<Vec<Question>> {
        let mut questions = Vec::with_capacity(rounds);
        for round in 1..=rounds {
            let question = self
                .ask(round)
                .await
                .with_context(|| format!("message {round} of phone {}", self.number))?;
            questions.push(question);
            self.shared.answered.send_modify(|answered| *answered += 1);
        }
        Ok(questions)
    }

    async fn ask(&self, round: usize) -> anyhow::Result<Question> {
        let text = format!("message {round} from {}", self.number);
        let reply = self.shared.board.wait_for(answer_to(&text));
        let wamid = self.write(round, &text).await?;
        timeout(ANSWER_PATIENCE, reply)
            .await
            .with_context(|| format!("{wamid} was not answered within {ANSWER_PATIENCE:?}"))??;
        Ok(Question {
            phone: self.number.clone(),
            phone_number_id: self.business.phone_number_id.clone(),
            via: self.via,
            wamid,
            text,
        })
    }

    async fn write(&self, round: usize, text: &str) -> anyhow::Result<String> {
        match self.via {
            Via::Simulator => {
                self.shared
                    .meta
                    .phone_writes(&self.number, &self.business.phone_number_id, text)
                    .await
            }
            Via::SignedPosts => {
                let wamid = format!("wamid.e2e.{}.{round}", self.number);
                let message = text_message(&self.number, &wamid, text);
                let change = change(&self.business.phone_number_id, &[message]);
                let document = envelope(&self.business.waba_id, &[change]);
                let post = Post::signed(&self.shared.secret, &document)?;
                self.post_until_acknowledged(&post).await?;
                if round.is_multiple_of(5) {
                    self.post_until_acknowledged(&post).await?;
                }
                Ok(wamid)
            }
        }
    }

    /// As Meta does: anything but 200 is posted again.
    async fn post_until_acknowledged(&self, post: &Post) -> anyhow::Result<()> {
        retrying("posting a webhook", POST_PATIENCE, || async {
            post.to(&self.shared.http, &self.shared.webhook_url)
                .await?
                .expect(200)?;
            Ok(())
        })
        .await
    }
}
