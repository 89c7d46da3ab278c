//! `switchboard doctor`: what is wrong, and what to do.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use anyhow::bail;
use sb_bus::Bus;
use sb_cloud_api::graph::Graph;
use sb_config::Settings;
use sb_db::{Db, DbError, SystemReason};
use sb_egress::Egress;
use sb_events::Topology;
use sb_vault::Vault;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What a check found.
enum Finding {
    Good(String),
    /// Not set up; fine if it is not wanted.
    Skipped(&'static str),
    Bad {
        what: String,
        advice: &'static str,
    },
}

impl Finding {
    fn bad(error: &dyn std::error::Error, advice: &'static str) -> Self {
        let mut what = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            // Writing to a String cannot fail.
            let _ = write!(what, ": {source}");
            cause = source.source();
        }
        Self::Bad { what, advice }
    }
}

/// Runs every check and fails if one did.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let findings = [
        ("settings", check_settings(&settings)),
        ("database", check_database(&settings).await),
        ("nats", check_nats(&settings).await),
        ("quarantine", check_quarantine(&settings).await),
        ("vault", check_vault(&settings)),
        ("graph api", check_graph(&settings).await),
        ("webhook", check_webhook(&settings).await),
    ];
    let mut report = String::new();
    let mut failed = 0;
    for (name, finding) in &findings {
        let line = match finding {
            Finding::Good(what) => format!("ok    {name:<10} {what}"),
            Finding::Skipped(why) => format!("-     {name:<10} {why}"),
            Finding::Bad { what, advice } => {
                failed += 1;
                format!("FAIL  {name:<10} {what}\n      → {advice}")
            }
        };
        // Writing to a String cannot fail.
        let _ = writeln!(report, "{line}");
    }
    super::print(&report);
    if failed > 0 {
        bail!("{failed} of {} checks failed", findings.len());
    }
    Ok(())
}

fn check_settings(settings: &Settings) -> Finding {
    match settings.require(&super::serve::needs()) {
        Ok(()) => Finding::Good("everything that the services need is set".to_owned()),
        Err(missing) => Finding::bad(&missing, "set them; `switchboard settings` explains each"),
    }
}

async fn check_database(settings: &Settings) -> Finding {
    if settings.database.url.as_str().is_empty() {
        return Finding::Skipped("DATABASE_URL is not set");
    }
    let topology = Topology::new(&settings.nats.prefix);
    let db = match Db::connect(&settings.database, topology).await {
        Ok(db) => db,
        Err(error) => {
            return Finding::bad(&error, "is PostgreSQL running, and is DATABASE_URL right?");
        }
    };
    match db.check_migrations().await {
        Ok(()) => Finding::Good("reachable, no migration pending".to_owned()),
        Err(error) => Finding::bad(&error, "run `switchboard migrate`"),
    }
}

async fn check_nats(settings: &Settings) -> Finding {
    if settings.nats.url.as_str().is_empty() {
        return Finding::Skipped("NATS_URL is not set");
    }
    let checked = async {
        let bus = Bus::connect(&settings.nats).await?;
        bus.healthy().await
    };
    match tokio::time::timeout(TIMEOUT, checked).await {
        Ok(Ok(())) => Finding::Good("reachable, JetStream is on".to_owned()),
        Ok(Err(error)) => Finding::bad(
            &error,
            "start nats-server 2.11 or newer with JetStream (`-js`)",
        ),
        Err(elapsed) => Finding::bad(&elapsed, "is nats-server running, and is NATS_URL right?"),
    }
}

/// Updates that wait for somebody are no fault of the installation.
async fn check_quarantine(settings: &Settings) -> Finding {
    if settings.database.url.as_str().is_empty() {
        return Finding::Skipped("DATABASE_URL is not set");
    }
    match open_updates(settings).await {
        Ok(reasons) if reasons.is_empty() => Finding::Good("no update waits".to_owned()),
        Ok(reasons) => {
            let total: i64 = reasons.values().sum();
            let reasons: Vec<String> = reasons
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            Finding::Good(format!(
                "{total} update(s) wait ({}): `switchboard quarantine list --operator` shows them",
                reasons.join(", ")
            ))
        }
        Err(error) => Finding::bad(&error, "is the database reachable and migrated?"),
    }
}

async fn open_updates(settings: &Settings) -> Result<BTreeMap<String, i64>, DbError> {
    let topology = Topology::new(&settings.nats.prefix);
    let db = Db::connect(&settings.database, topology).await?;
    let mut tx = db.system(SystemReason::Operations).await?;
    let reasons = tx.operations().quarantine_by_reason().await?;
    tx.rollback().await?;
    Ok(reasons)
}

fn check_vault(settings: &Settings) -> Finding {
    if !settings.vault.keys.is_set() {
        return Finding::Skipped("vault.keys is not set");
    }
    match Vault::from_settings(&settings.vault) {
        Ok(vault) => Finding::Good(format!(
            "secrets are sealed under key {}",
            vault.active_key_id()
        )),
        Err(error) => Finding::bad(&error, "make a key with `switchboard generate-key <id>`"),
    }
}

async fn check_graph(settings: &Settings) -> Finding {
    let token = &settings.meta.system_user_access_token;
    if !token.is_set() {
        return Finding::Skipped(
            "META_SYSTEM_USER_ACCESS_TOKEN is not set; numbers bring their own",
        );
    }
    let egress = match Egress::new(&settings.egress) {
        Ok(egress) => egress,
        Err(error) => return Finding::bad(&error, "check the egress settings"),
    };
    let graph = Graph::new(egress, &settings.meta.graph_url, &settings.meta.api_version)
        .with_timeout(TIMEOUT);
    match graph.debug_token(token, token).await {
        Ok(info) if info.is_valid => Finding::Good("the system user's token is valid".to_owned()),
        Ok(_) => Finding::Bad {
            what: "the system user's token is not valid".to_owned(),
            advice: "make a new one in Meta's business settings",
        },
        Err(error) => {
            let advice = error.advice();
            Finding::bad(&error, advice)
        }
    }
}

/// Plays Meta's handshake against our public address.
async fn check_webhook(settings: &Settings) -> Finding {
    const CHALLENGE: &str = "switchboard-doctor";
    let url = &settings.webhook.public_url;
    if url.is_empty() {
        return Finding::Skipped("webhook.public_url is not set");
    }
    let asked = async {
        let query = [
            ("hub.mode", "subscribe"),
            ("hub.challenge", CHALLENGE),
            ("hub.verify_token", settings.meta.verify_token.expose()),
        ];
        let answer = Egress::new(&settings.egress)?
            .get(url)
            .query(&query)
            .timeout(TIMEOUT)
            .trusted()
            .send("doctor.webhook")
            .await?;
        let status = answer.status();
        Ok::<_, sb_egress::EgressError>((status, answer.bytes_limited(10_000).await?))
    };
    match asked.await {
        Ok((status, body)) if status.is_success() && body == CHALLENGE.as_bytes() => {
            Finding::Good("reachable from here, and knows the verify token".to_owned())
        }
        Ok((status, _)) => Finding::Bad {
            what: format!("it answered {status} to the handshake"),
            advice: "does the address lead to whatsapp-webhook, with the same WHATSAPP_VERIFY_TOKEN?",
        },
        Err(error) => Finding::bad(
            &error,
            "is whatsapp-webhook running, and webhook.public_url right?",
        ),
    }
}
