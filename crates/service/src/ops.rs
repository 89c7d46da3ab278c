use std::{io, net::SocketAddr, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::header::ContentType,
    web::{self, Data},
};
use sb_config::OpsSettings;
use tokio::{task::JoinHandle, time::timeout};

use crate::{BindError, Health, ReadyState, bind_listener};

const STOP_TIMEOUT: Duration = Duration::from_secs(2);
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The running operations listener. It outlives the work of the process, so that probes see the
/// process drain.
#[derive(Debug)]
pub struct OpsServer {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl OpsServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it.
    pub async fn stop(self) {
        let stopped = timeout(STOP_TIMEOUT, async {
            self.handle.stop(false).await;
            self.task.await
        });
        if stopped.await.is_err() {
            tracing::warn!("the operations listener did not stop in time");
        }
    }
}

/// Serves `/livez` (the process runs), `/readyz` (every check passes) and `/metrics` (Prometheus).
///
/// # Errors
///
/// When the address cannot be listened on.
pub fn serve_ops(settings: &OpsSettings, health: Health) -> Result<OpsServer, BindError> {
    let (listener, address) = bind_listener(&settings.bind)?;
    health.set_ops_addr(address);
    let health = Data::new(health);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::clone(&health))
            .route("/livez", web::get().to(livez))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(metrics))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)
    .map_err(|source| BindError {
        address: settings.bind.clone(),
        source,
    })?
    .run();
    let handle = server.handle();
    tracing::info!(%address, "operations listener is up");
    Ok(OpsServer {
        address,
        handle,
        task: spawn(server),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "not tracked by the lifecycle: it must still answer while the lifecycle drains"
)]
fn spawn(server: actix_web::dev::Server) -> JoinHandle<io::Result<()>> {
    tokio::spawn(server)
}

async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(health: Data<Health>) -> HttpResponse {
    let report = health.report().await;
    match report.status {
        ReadyState::Ready => HttpResponse::Ok().json(report),
        ReadyState::Unready | ReadyState::Stopping => {
            HttpResponse::ServiceUnavailable().json(report)
        }
    }
}

async fn metrics() -> HttpResponse {
    let mut response = HttpResponse::Ok();
    match PROMETHEUS_TEXT.parse() {
        Ok(kind) => response.insert_header(ContentType(kind)),
        Err(_) => response.insert_header(ContentType::plaintext()),
    };
    response.body(sb_telemetry::metrics_text())
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };
    use tokio_util::sync::CancellationToken;

    use super::*;

    async fn get(address: SocketAddr, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn probes_and_metrics_are_served() {
        let settings = OpsSettings {
            bind: "127.0.0.1:0".to_owned(),
            ..Default::default()
        };
        let health = Health::new();
        let stopping = CancellationToken::new();
        health.follow(stopping.clone());
        health.register("nats", || async { Ok::<(), String>(()) });
        sb_telemetry::meter("test")
            .u64_counter("switchboard.test.things")
            .build()
            .add(1, &[]);
        let server = serve_ops(&settings, health.clone()).unwrap();
        let address = server.address();
        assert_eq!(health.ops_addr(), Some(address));

        assert_eq!(get(address, "/livez").await, (200, "ok\n".to_owned()));
        let (status, body) = get(address, "/readyz").await;
        assert_eq!(status, 200, "{body}");
        let (status, body) = get(address, "/metrics").await;
        assert!(
            status == 200 && body.contains("switchboard_test_things_total 1"),
            "{body}"
        );

        health.register("postgres", || async { Err("down") });
        let (status, body) = get(address, "/readyz").await;
        let report: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 503);
        assert_eq!(report["status"], "unready");
        assert_eq!(report["checks"]["postgres"]["error"], "down");

        stopping.cancel();
        let (status, body) = get(address, "/readyz").await;
        assert!(status == 503 && body.contains("stopping"), "{body}");
        assert_eq!(get(address, "/livez").await.0, 200);
        server.stop().await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}
