//! PostgreSQL stays away while Meta goes on posting.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::{Http, Post, Processes, ServiceName, Victim, change, envelope, text_message, until};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sb_config::SimulatorSettings;
use sqlx::PgPool;

/// How many posts wait in JetStream; `E2E_BACKLOG` asks for another number, a million for instance.
const POSTS: usize = 20_000;
const VARIABLE: &str = "E2E_BACKLOG";
const CONNECTIONS: usize = 32;
/// Few people: their agents' answers are not what is tested.
const PHONES: usize = 20;
/// What the webhook may need more for a backlog of any size, in MiB: batches in its hands, and what the allocator keeps.
const MORE_MEMORY_MIB: u64 = 96;
const PATIENCE: Duration = Duration::from_mins(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_are_taken_while_the_database_is_away_and_fill_no_memory() -> anyhow::Result<()> {
    let mut stage = Processes::start(&[]).await?;
    let outcome = post_without_a_database(&mut stage).await;
    stage.explained(outcome)
}

/// Messages to one number, each in a post of its own.
struct Poster {
    http: Http,
    url: String,
    waba: String,
    number: String,
    secret: String,
}

impl Poster {
    async fn post(&self, index: usize) -> anyhow::Result<()> {
        let phone = format!("4915170000{:03}", index % PHONES);
        let message = text_message(
            &phone,
            &format!("wamid.BACKLOG{index:09}"),
            "Are you there?",
        );
        let document = envelope(&self.waba, &[change(&self.number, &[message])]);
        let post = Post::signed(&self.secret, &document)?;
        let answer = post.to(&self.http, &self.url).await?;
        ensure!(
            answer.status == 200,
            "post {index} was answered {}",
            answer.status
        );
        Ok(())
    }
}

async fn stored(pool: &PgPool) -> anyhow::Result<i64> {
    let query = "SELECT count(*) FROM messages WHERE wamid LIKE 'wamid.BACKLOG%'";
    Ok(sqlx::query_scalar(query).fetch_one(pool).await?)
}

async fn post_without_a_database(stage: &mut Processes) -> anyhow::Result<()> {
    let posts = posts()?;
    let tenant = stage.tenants.first().context("there is no tenant")?;
    let poster = Poster {
        http: stage.http.clone(),
        url: stage.webhook_url()?,
        waba: tenant.waba_id().to_owned(),
        number: tenant.phone_number_id().to_owned(),
        secret: SimulatorSettings::default().app_secret,
    };
    let pool = stage.pool.clone();
    // Once with everything there, so that what is measured has its connections and caches.
    poster.post(0).await?;
    until("the first is stored", PATIENCE, async || {
        Ok(stored(&pool).await? == 1)
    })
    .await?;
    let before = stage.peak_mib(ServiceName::WhatsappWebhook)?;

    stage.kill9(Victim::Postgres).await?;
    stream::iter(1..posts)
        .map(|index| poster.post(index))
        .buffer_unordered(CONNECTIONS)
        .try_collect::<()>()
        .await?;
    stage.restart(Victim::Postgres).await?;
    let wanted = i64::try_from(posts)?;
    until("all are stored", PATIENCE, async || {
        Ok(stored(&pool).await? >= wanted)
    })
    .await?;
    ensure!(stored(&pool).await? == wanted, "something was stored twice");
    stage.check_running()?;
    let after = stage.peak_mib(ServiceName::WhatsappWebhook)?;
    ensure!(
        after <= before + MORE_MEMORY_MIB,
        "{posts} waiting posts raised the webhook's memory from {before} to {after} MiB"
    );
    #[expect(
        clippy::print_stderr,
        reason = "what came of a test that takes minutes"
    )]
    {
        eprintln!("{posts} waiting posts: memory at most {before} MiB before, {after} MiB after");
    }
    Ok(())
}

fn posts() -> anyhow::Result<usize> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a choice of whoever runs the test, not a setting"
    )]
    let given = std::env::var(VARIABLE).ok();
    given.map_or(Ok(POSTS), |given| {
        given
            .parse()
            .with_context(|| format!("{VARIABLE} is no number"))
    })
}
