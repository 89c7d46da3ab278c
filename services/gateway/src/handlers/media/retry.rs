use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use chrono::TimeDelta;
use sb_events::fetch_media_again;
use sb_http::{Code, Problem, Problems, Tenant, needs};
use sb_ids::MediaId;
use serde_json::json;
use uuid::Uuid;

use super::MediaResponse;
use crate::audit;
use crate::state::Gateway;

/// A file that waits for longer may be asked for again: the command may be lost.
const WAITS_TOO_LONG: TimeDelta = TimeDelta::hours(6);

/// Fetch a file again
///
/// For a file that `failed`. Soon after, `state` is `stored`, or `failed` again. A file that stays `pending` is asked for
/// again by itself every six hours.
/// Meta keeps received files for seven days.
#[utoipa::path(
    operation_id = "media.retry",
    tag = "media",
    security(("api_key" = ["messages:write"])),
    params(("id" = Uuid, Path, description = "The file.")),
    responses((status = 202, description = "It is fetched again.", body = MediaResponse), Problems),
)]
#[post("/media/{id}/retry")]
pub(crate) async fn retry(
    tenant: Tenant<needs::MessagesWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let (organization, now) = (tenant.organization(), gateway.clock.now());
    let id = MediaId::from(id.into_inner());
    let mut tx = gateway.db.tenant(organization).await?;
    if tx.media().find(id).await?.is_none() {
        return Err(Problem::not_found(Code::MediaNotFound));
    }
    let asked = tx
        .media_fetches()
        .want_again(id, now - WAITS_TOO_LONG, now)
        .await?;
    if !asked {
        return Err(Problem::new(Code::MediaNotFailed));
    }
    let command = fetch_media_again(organization, id, now);
    tx.outbox().append(&command, now).await?;
    let entry = audit::by_key(&tenant, "media.retry", "media", id, json!({}));
    tx.audit().append(&entry, now).await?;
    let media = tx.media().find(id).await?;
    tx.commit().await?;
    let media = media.ok_or_else(|| Problem::not_found(Code::MediaNotFound))?;
    Ok(HttpResponse::Accepted().json(MediaResponse::of(&gateway, organization, media)))
}
