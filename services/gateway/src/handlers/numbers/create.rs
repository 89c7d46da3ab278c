use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use sb_db::{DbError, NewNumber, SystemReason};
use sb_http::{
    Code, FieldErrors, IdempotencyKey, Problem, Problems, Tenant, ValidJson, Validate, needs,
};
use sb_ids::{MetaAppId, NumberId, OrganizationId, PhoneNumberId, WabaId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{NumberResponse, check_rate};
use crate::handlers::agent_must_exist;
use crate::state::Gateway;
use crate::{audit, secrets};

/// A number to be connected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateNumber)]
pub(crate) struct CreateNumberRequest {
    /// Meta's id of the number.
    #[schema(value_type = String, example = "106540352242922")]
    phone_number_id: PhoneNumberId,
    /// Meta's id of the WhatsApp Business Account.
    #[schema(value_type = String, example = "102290129340398")]
    waba_id: WabaId,
    /// Meta's id of the app that speaks for the account: one of the installation's; its first one when absent.
    #[schema(value_type = Option<String>, example = "900000000000001")]
    app_id: Option<MetaAppId>,
    /// As people write it; Meta is asked when absent.
    #[serde(default)]
    #[schema(example = "+1 555 010 0001")]
    display_phone_number: String,
    /// Meta's access token with which the number is used. Write-only.
    access_token: Option<String>,
    /// The agent that answers here.
    agent_id: Option<Uuid>,
    /// Messages a second that may be sent, 1 to 1000.
    rate_per_second: Option<u16>,
}

impl Validate for CreateNumberRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        errors.check_length("display_phone_number", &self.display_phone_number, 0..=40);
        if let Some(token) = &self.access_token {
            secrets::check("access_token", token, errors);
        }
        if let Some(rate) = self.rate_per_second {
            check_rate(rate, errors);
        }
    }
}

/// Connect a number
///
/// Binds Meta's number to your organization, so that its messages arrive. Takes an `Idempotency-Key`.
#[utoipa::path(
    operation_id = "numbers.create",
    tag = "numbers",
    security(("api_key" = ["settings:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key do nothing new.")),
    request_body = CreateNumberRequest,
    responses((status = 201, description = "Connected.", body = NumberResponse), Problems),
)]
#[post("/numbers")]
pub(crate) async fn create(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    idempotency: IdempotencyKey,
    body: ValidJson<CreateNumberRequest>,
) -> Result<HttpResponse, Problem> {
    let now = gateway.clock.now();
    let once = idempotency.bind(&body, gateway.limits.idempotency_lifetime);
    let organization = tenant.organization();
    let new = new_number(&gateway, organization, body.into_inner())?;
    let mut tx = gateway.db.system(SystemReason::NumberRouting).await?;
    if let Some(replay) = once.claim(tx.idempotency(organization), now).await? {
        return Ok(replay);
    }
    let number = match tx.numbers().insert(&new, now).await {
        Ok(number) => number,
        Err(error) => {
            // The idempotency key is free again before the caller hears of the refusal.
            tx.rollback().await?;
            return Err(refusal(error));
        }
    };
    let detail = json!({ "phone_number_id": number.phone_number_id, "waba_id": number.waba });
    let entry = audit::by_key(&tenant, "numbers.create", "number", number.id, detail);
    tx.audit(organization).append(&entry, now).await?;
    let answer = NumberResponse::from(number);
    once.remember(
        tx.idempotency(organization),
        StatusCode::CREATED,
        &answer,
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(HttpResponse::Created().json(answer))
}

fn new_number(
    gateway: &Gateway,
    organization: OrganizationId,
    body: CreateNumberRequest,
) -> Result<NewNumber, Problem> {
    let id = NumberId::new(gateway.clock.now());
    let sealed = body
        .access_token
        .map(|token| secrets::seal_access_token(&gateway.vault, organization, id, &token))
        .transpose()?;
    Ok(NewNumber {
        organization,
        id,
        phone_number_id: body.phone_number_id,
        waba: body.waba_id,
        app: choose_app(&gateway.limits.apps, body.app_id)?,
        display_phone_number: body.display_phone_number,
        access_token_sealed: sealed,
        agent: body.agent_id.map(Into::into),
        rate_per_second: body.rate_per_second,
    })
}

/// Only our own apps receive webhooks, so only they may be named.
fn choose_app(ours: &[MetaAppId], wanted: Option<MetaAppId>) -> Result<MetaAppId, Problem> {
    let refused = |detail: &str| Problem::invalid(Vec::new()).field("app_id", detail);
    match wanted {
        Some(app) if ours.contains(&app) => Ok(app),
        Some(_) => Err(refused("is not an app of this installation")),
        None => ours.first().cloned().ok_or_else(|| {
            refused("is required, and this installation has no Meta app yet (META_APP_ID)")
        }),
    }
}

fn refusal(error: DbError) -> Problem {
    let DbError::Conflict { constraint } = &error else {
        return agent_must_exist("agent_id")(error);
    };
    Problem::new(if constraint == "wabas_app_id" {
        Code::WabaBoundElsewhere
    } else {
        Code::NumberAlreadyConnected
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(id: &str) -> MetaAppId {
        MetaAppId::parse(id).unwrap()
    }

    #[test]
    fn a_number_is_bound_to_one_of_our_apps() {
        let ours = [app("1"), app("2")];
        assert_eq!(choose_app(&ours, None).unwrap(), app("1"));
        assert_eq!(choose_app(&ours, Some(app("2"))).unwrap(), app("2"));
        assert!(choose_app(&ours, Some(app("3"))).is_err());
        assert!(choose_app(&[], None).is_err());
    }
}
