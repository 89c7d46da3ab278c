use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use actix_web::web::{Data, Header, Query};
use actix_web::{HttpResponse, get};
use sb_bus::{TapError, TapStart};
use sb_http::{Authenticator, Code, Problem, Problems, Tenant, needs};
use serde::Deserialize;

use crate::event_stream::{EventPlace, Feed};
use crate::last_event_id::LastEventId;
use crate::state::Gateway;

/// Tells nginx and its relatives not to hold events back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Where the stream begins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamStart {
    /// The id of the last event you have; the same as the `Last-Event-ID` header, which wins.
    #[param(example = "1042-0")]
    after: Option<String>,
}

/// Follow all events
///
/// A stream of server-sent events: `id` is the event's place, `event` its type, `data` the document `Event`. Events of
/// one conversation come in order, each at least once: the `id` inside the document tells repeats. Come back with
/// `Last-Event-ID` to continue; `events.gone` says that what is behind it is no longer kept.
#[utoipa::path(
    operation_id = "events.stream",
    tag = "events",
    security(("api_key" = ["messages:read"])),
    params(
        StreamStart,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event you have."),
    ),
    responses((status = 200, description = "Events.", body = String, content_type = "text/event-stream"), Problems),
)]
#[get("/events")]
pub(crate) async fn stream(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    authenticator: Data<Authenticator>,
    start: Query<StreamStart>,
    last: Header<LastEventId>,
) -> Result<HttpResponse, Problem> {
    let start = begin(last.into_inner().0.as_deref().or(start.after.as_deref()))?;
    let slot = gateway
        .streams
        .take(tenant.key(), gateway.limits.streams_per_key)
        .ok_or_else(|| Problem::new(Code::EventsTooManyStreams).retry_after(15))?;
    let tap = gateway
        .bus
        .tap(tenant.organization(), start)
        .await
        .map_err(refusal)?;
    let feed = Feed {
        tap,
        organization: tenant.organization(),
        authenticator: authenticator.as_ref().clone(),
        stopping: gateway.stopping.clone(),
        slot,
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_ACCEL_BUFFERING, "no"))
        .streaming(feed.into_bytes()))
}

fn begin(after: Option<&str>) -> Result<TapStart, Problem> {
    let Some(text) = after.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(TapStart::New);
    };
    let place: EventPlace = text.parse().map_err(|_| {
        Problem::new(Code::RequestInvalidParameter)
            .detail("the last event id is not the id of an event")
    })?;
    Ok(TapStart::After(place.0))
}

fn refusal(error: TapError) -> Problem {
    match error {
        TapError::Gone { asked, oldest } => Problem::new(Code::EventsGone).detail(format!(
            "event {asked} is no longer kept, the oldest is {oldest}"
        )),
        TapError::Bus(error) => Problem::unavailable(error),
    }
}
