//! A Graph API that takes every message at once and remembers nothing: what `bench dispatch` sends to.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context;
use bytes::Bytes;
use sb_config::Settings;

/// Every message has an id of its own, also after a restart within the same run of the clock.
static SENT: AtomicU64 = AtomicU64::new(0);

/// Serves until it is killed.
pub(crate) fn run(settings: Settings) -> ExitCode {
    sb_service::run_app("switchboard", settings, async |settings, _, lifecycle| {
        let server = HttpServer::new(|| App::new().default_service(web::to(accept)))
            .workers(1)
            .disable_signals()
            .shutdown_timeout(1)
            .bind(settings.simulator.bind.clone())
            .context("binding the stub's address")?
            .run();
        lifecycle.serve("graph-stub", server);
        lifecycle.drained().await?;
        Ok(())
    })
}

async fn accept(_body: Bytes) -> HttpResponse {
    let id = SENT.fetch_add(1, Ordering::Relaxed);
    HttpResponse::Ok()
        .content_type("application/json")
        .body(format!(
            r#"{{"messaging_product":"whatsapp","contacts":[],"messages":[{{"id":"wamid.bench{id}"}}]}}"#
        ))
}
