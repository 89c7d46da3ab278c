//! Tenants made straight in the database: for `dev` and the benchmarks.

use sb_config::Secret;
use sb_db::{Db, NewAgent, NewApiKey, NewNumber, OrganizationChange, SystemReason};
use sb_domain::Clock;
use sb_domain::access::{Role, Scope};
use sb_domain::agent::{AgentConfig, AgentMode};
use sb_http::{ApiKeySecret, KeyHasher};
use sb_ids::{AgentId, ApiKeyId, MetaAppId, NumberId, OrganizationId, PhoneNumberId, WabaId};
use sb_vault::{Binding, Vault};

/// A tenant to be made.
#[derive(Debug)]
pub(crate) struct TenantPlan<'p> {
    pub(crate) name: &'p str,
    pub(crate) app_id: &'p str,
    pub(crate) waba_id: &'p str,
    pub(crate) access_token: &'p str,
    pub(crate) numbers: &'p [NumberPlan],
    pub(crate) rate_per_second: Option<u16>,
    pub(crate) agent: AgentConfig,
}

/// A number of a tenant.
#[derive(Debug)]
pub(crate) struct NumberPlan {
    pub(crate) phone_number_id: String,
    pub(crate) display_phone_number: String,
}

/// Makes an organization with a default agent and its numbers.
pub(crate) async fn tenant(
    db: &Db,
    vault: &Vault,
    plan: &TenantPlan<'_>,
) -> anyhow::Result<OrganizationId> {
    let now = Clock::system().now();
    let organization = OrganizationId::new(now);
    let mut tx = db.system(SystemReason::Provisioning).await?;
    tx.organizations()
        .insert(organization, plan.name, now)
        .await?;
    tx.commit().await?;

    let agent = AgentId::new(now);
    let new = NewAgent {
        id: agent,
        name: "Echo".to_owned(),
        mode: AgentMode::Active,
        config: plan.agent.clone(),
        model_key_sealed: None,
    };
    let change = OrganizationChange {
        default_agent: Some(Some(agent)),
        ..OrganizationChange::default()
    };
    let mut tx = db.tenant(organization).await?;
    tx.agents().insert(&new, now).await?;
    tx.organizations().update(&change, now).await?;
    tx.commit().await?;

    let mut tx = db.system(SystemReason::NumberRouting).await?;
    for number in plan.numbers {
        let id = NumberId::new(now);
        let (tenant, row) = (organization.as_uuid(), id.as_uuid());
        let binding = Binding {
            table: "numbers",
            column: "access_token_sealed",
            organization_id: tenant.as_bytes(),
            row_id: row.as_bytes(),
        };
        let sealed = vault.seal(&binding, plan.access_token.as_bytes())?;
        let new = NewNumber {
            organization,
            id,
            phone_number_id: PhoneNumberId::parse(number.phone_number_id.as_str())?,
            waba: WabaId::parse(plan.waba_id)?,
            app: MetaAppId::parse(plan.app_id)?,
            display_phone_number: number.display_phone_number.clone(),
            access_token_sealed: Some(sealed.into_bytes()),
            agent: None,
            rate_per_second: plan.rate_per_second,
        };
        tx.numbers().insert(&new, now).await?;
    }
    tx.commit().await?;
    Ok(organization)
}

/// Makes a key that may do everything in an organization.
pub(crate) async fn api_key(
    db: &Db,
    organization: OrganizationId,
    pepper: &Secret,
) -> anyhow::Result<ApiKeySecret> {
    let now = Clock::system().now();
    let key = ApiKeySecret::generate()?;
    let new = NewApiKey {
        id: ApiKeyId::new(now),
        name: "Development".to_owned(),
        prefix: key.prefix(),
        key_hash: KeyHasher::new(pepper).hash(&key),
        role: Role::Owner,
        scopes: Scope::ALL.to_vec(),
        expires_at: None,
    };
    let mut tx = db.tenant(organization).await?;
    tx.api_keys().insert(&new, now).await?;
    tx.commit().await?;
    Ok(key)
}
