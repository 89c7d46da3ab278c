//! `/_sim/stream`: news for the open pages, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures::stream;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::state::Simulator;

/// A comment keeps proxies and browsers from giving up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Streams until the page closes or the process stops.
pub(crate) async fn stream(
    simulator: web::Data<Simulator>,
    stopping: web::Data<CancellationToken>,
) -> HttpResponse {
    let news = simulator.subscribe();
    let stopping = stopping.as_ref().clone();
    let events = stream::unfold((news, stopping), |(mut news, stopping)| async move {
        let line = tokio::select! {
            () = stopping.cancelled() => return None,
            received = news.recv() => match received {
                Ok(event) => format!("data: {event}\n\n"),
                // Too far behind to catch up: the page reloads what it shows.
                Err(RecvError::Lagged(_)) => "data: {\"kind\":\"reset\"}\n\n".to_owned(),
                Err(RecvError::Closed) => return None,
            },
            () = tokio::time::sleep(KEEP_ALIVE) => ": still here\n\n".to_owned(),
        };
        Some((Ok::<_, Infallible>(Bytes::from(line)), (news, stopping)))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("Cache-Control", "no-cache"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events)
}
