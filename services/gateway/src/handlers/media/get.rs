use actix_web::get;
use actix_web::web::{Data, Json, Path};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use uuid::Uuid;

use super::MediaResponse;
use crate::state::Gateway;

/// Get a file's description
///
/// With what annotation made of it, and addresses of its bytes that are good for fifteen minutes.
#[utoipa::path(
    operation_id = "media.get",
    tag = "media",
    security(("api_key" = ["messages:read"])),
    params(("id" = Uuid, Path, description = "The file.")),
    responses((status = 200, description = "The file.", body = MediaResponse), Problems),
)]
#[get("/media/{id}")]
pub(crate) async fn get(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<Json<MediaResponse>, Problem> {
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let media = tx.media().find(id.into_inner().into()).await?;
    tx.commit().await?;
    let media = media.ok_or_else(|| Problem::not_found(Code::MediaNotFound))?;
    Ok(Json(MediaResponse::of(
        &gateway,
        tenant.organization(),
        media,
    )))
}
