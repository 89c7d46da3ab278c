use actix_web::get;
use actix_web::web::{Data, Json, Query};
use sb_http::{Code, PageQuery, Problem, Problems, Tenant, needs};
use serde::Deserialize;

use super::ContactResponse;
use crate::list::ListResponse;
use crate::recipient;
use crate::state::Gateway;

/// Which contacts are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ContactFilter {
    /// Only who has this phone number or business-scoped user id now.
    identity: Option<String>,
}

/// List contacts
///
/// The latest come first.
#[utoipa::path(
    operation_id = "contacts.list",
    tag = "contacts",
    security(("api_key" = ["messages:read"])),
    params(ContactFilter, PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<ContactResponse>), Problems),
)]
#[get("/contacts")]
pub(crate) async fn list(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    filter: Query<ContactFilter>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<ContactResponse>>, Problem> {
    let request = page.request()?;
    let identity = match &filter.identity {
        Some(text) => Some(recipient::parse(text).ok_or_else(|| {
            Problem::new(Code::RequestInvalidParameter)
                .detail("identity is neither a phone number nor a business-scoped user id")
        })?),
        None => None,
    };
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let page = tx.contacts().list(identity.as_ref(), request).await?;
    tx.commit().await?;
    Ok(Json(ListResponse::of(page, ContactResponse::from)))
}
