//! `GET /v1/organizations/{organization}/numbers`: the stored profiles, latest number first.

use actix_web::web::{Data, Json, Path, Query};
use sb_db::PageRequest;
use sb_http::{PageQuery, encode_cursor};
use sb_ids::{NumberId, OrganizationId};

use super::NumberResponse;
use crate::handlers::ListResponse;
use crate::profiles::Profiles;
use crate::refusal::Refusal;

/// Lists what is stored; Meta is not asked.
pub(crate) async fn handle(
    profiles: Data<Profiles>,
    organization: Path<OrganizationId>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<NumberResponse>>, Refusal> {
    let request: PageRequest<NumberId> = page.request()?;
    let mut tx = profiles.db.tenant(organization.into_inner()).await?;
    let page = tx.numbers().list(request).await?;
    tx.rollback().await?;
    let after = page.next.as_ref().map(encode_cursor);
    let data = page.items.into_iter().map(NumberResponse::from).collect();
    Ok(Json(ListResponse::new(data, after)))
}
