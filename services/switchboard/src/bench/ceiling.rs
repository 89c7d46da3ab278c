//! The physical limit of receiving: actix, HMAC, and JetStream's acknowledgement of packed bytes. Written
//! against the bare libraries on purpose, so that it shares no cost with what it is compared to.

use std::process::ExitCode;
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Context;
use async_nats::jetstream;
use bytes::{BufMut, Bytes, BytesMut};
use ring::hmac;
use sb_config::Settings;
use tokio::sync::{mpsc, oneshot};

const PACKED: usize = 128;

type Waiting = (Bytes, oneshot::Sender<()>);

#[derive(Clone)]
struct Worker {
    key: hmac::Key,
    queue: mpsc::Sender<Waiting>,
}

/// Serves until it is killed.
pub(crate) fn run(settings: Settings) -> ExitCode {
    sb_service::run_app("switchboard", settings, async |settings, _, lifecycle| {
        prepare(&settings).await?;
        let bind = settings.webhook.bind.clone();
        let server = HttpServer::new(move || {
            let settings = settings.clone();
            App::new()
                .app_data(web::PayloadConfig::new(settings.webhook.max_body_bytes))
                .data_factory(move || {
                    let settings = settings.clone();
                    async move { worker(&settings).await }
                })
                .route("/webhooks/whatsapp", web::post().to(receive))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .bind(bind)
        .context("binding the ceiling's address")?
        .run();
        lifecycle.serve("ceiling", server);
        lifecycle.drained().await?;
        Ok(())
    })
}

async fn context(settings: &Settings) -> anyhow::Result<jetstream::Context> {
    let client = async_nats::ConnectOptions::new()
        .client_capacity(8_192)
        .connect(settings.nats.url.as_str())
        .await?;
    Ok(jetstream::new(client))
}

fn stream(settings: &Settings) -> String {
    format!("{}_CEILING", settings.nats.prefix)
}

async fn prepare(settings: &Settings) -> anyhow::Result<()> {
    let name = stream(settings);
    let config = jetstream::stream::Config {
        subjects: vec![name.clone()],
        name,
        max_age: Duration::from_hours(1),
        ..jetstream::stream::Config::default()
    };
    context(settings)
        .await?
        .get_or_create_stream(config)
        .await?;
    Ok(())
}

async fn worker(settings: &Settings) -> anyhow::Result<Worker> {
    let key = hmac::Key::new(
        hmac::HMAC_SHA256,
        settings.meta.app_secret.expose().as_bytes(),
    );
    let (queue, waiting) = mpsc::channel(4_096);
    actix_web::rt::spawn(publish(context(settings).await?, stream(settings), waiting));
    Ok(Worker { key, queue })
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures JetStream itself, without our publisher"
)]
async fn publish(context: jetstream::Context, subject: String, mut queue: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(PACKED);
    while queue.recv_many(&mut batch, PACKED).await > 0 {
        let mut packed =
            BytesMut::with_capacity(batch.iter().map(|(body, _)| body.len() + 4).sum());
        for (body, _) in &batch {
            packed.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
            packed.put_slice(body);
        }
        let Ok(acknowledgement) = context.publish(subject.clone(), packed.freeze()).await else {
            return;
        };
        if acknowledgement.await.is_err() {
            return;
        }
        for (_, done) in batch.drain(..) {
            // The connection may be gone.
            let _ = done.send(());
        }
    }
}

#[expect(
    clippy::future_not_send,
    reason = "actix runs a request on the thread that accepted it"
)]
async fn receive(request: HttpRequest, body: Bytes, worker: web::Data<Worker>) -> HttpResponse {
    let digest = request
        .headers()
        .get("x-hub-signature-256")
        .and_then(|header| header.to_str().ok()?.strip_prefix("sha256="))
        .and_then(|digest| hex::decode(digest).ok())
        .unwrap_or_default();
    if hmac::verify(&worker.key, &body, &digest).is_err() {
        return HttpResponse::Unauthorized().finish();
    }
    let (done, acknowledged) = oneshot::channel();
    if worker.queue.send((body, done)).await.is_err() || acknowledged.await.is_err() {
        return HttpResponse::ServiceUnavailable().finish();
    }
    HttpResponse::Ok().finish()
}
