//! Tenants to test with.

use sb_config::Settings;
use sb_db::{Db, NewAgent, NewApiKey, NewNumber, OrganizationChange, SystemReason};
use sb_domain::Clock;
use sb_domain::access::{Role, Scope};
use sb_domain::agent::{AgentConfig, AgentMode};
use sb_http::{ApiKeySecret, KeyHasher};
use sb_ids::{AgentId, ApiKeyId, MetaAppId, NumberId, OrganizationId, PhoneNumberId, WabaId};
use sb_vault::{Binding, Vault};

use crate::Servers;

/// What a tenant looks like; the default is connected to the simulator's first number.
#[derive(Debug, Clone)]
pub struct TenantSeed {
    /// Name of the organization.
    pub name: String,
    /// Meta's id of its number.
    pub phone_number_id: String,
    /// The number as people write it.
    pub display_phone_number: String,
    /// Meta's id of its account.
    pub waba_id: String,
    /// The token its number sends with.
    pub access_token: String,
    /// Its default agent.
    pub agent: AgentConfig,
    /// Messages a second; `None` for the installation's default.
    pub rate_per_second: Option<u16>,
}

impl TenantSeed {
    /// The tenant that the simulator of these settings expects. Its agent answers without delay.
    pub fn of_simulator(settings: &Settings) -> Self {
        let simulator = &settings.simulator;
        Self {
            name: "Test tenant".to_owned(),
            phone_number_id: simulator.phone_number_id.clone(),
            display_phone_number: simulator.display_phone_number.clone(),
            waba_id: simulator.waba_id.clone(),
            access_token: simulator.access_token.clone(),
            agent: AgentConfig {
                response_delay_seconds: Some(0),
                ..AgentConfig::default()
            },
            rate_per_second: None,
        }
    }

    /// A tenant with a number and an account of its own, the `n`-th.
    pub fn another(settings: &Settings, n: u32) -> Self {
        Self {
            name: format!("Test tenant {n}"),
            phone_number_id: format!("8000000001{n:05}"),
            display_phone_number: format!("+1 555 020 {n:04}"),
            waba_id: format!("8000000002{n:05}"),
            ..Self::of_simulator(settings)
        }
    }
}

/// A tenant with a number, a default agent and an API key that may do everything.
#[derive(Debug)]
pub struct TestTenant {
    /// The organization.
    pub organization: OrganizationId,
    /// Its number.
    pub number: NumberId,
    /// Meta's id of the number.
    pub phone_number_id: PhoneNumberId,
    /// Meta's id of the account.
    pub waba: WabaId,
    /// The default agent.
    pub agent: AgentId,
    /// A key of the owner's rank, as it goes into the `Authorization` header.
    pub api_key: String,
}

impl TestTenant {
    /// Makes the tenant that the simulator expects.
    pub async fn create(servers: &Servers) -> Self {
        let settings = servers.settings();
        Self::seeded(
            &servers.db().await,
            &settings,
            TenantSeed::of_simulator(&settings),
        )
        .await
    }

    /// Makes a tenant as described.
    pub async fn seeded(db: &Db, settings: &Settings, seed: TenantSeed) -> Self {
        let now = Clock::system().now();
        let organization = OrganizationId::new(now);
        let mut tx = db.system(SystemReason::Provisioning).await.unwrap();
        tx.organizations()
            .insert(organization, &seed.name, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let agent = insert_agent(db, organization, seed.agent.clone()).await;
        let (phone_number_id, waba, number) =
            insert_number(db, settings, organization, &seed).await;
        Self {
            organization,
            number,
            phone_number_id,
            waba,
            agent,
            api_key: insert_api_key(db, settings, organization, Role::Owner).await,
        }
    }

    /// Makes another API key of the given rank with every scope that the rank allows.
    pub async fn api_key_of(&self, db: &Db, settings: &Settings, role: Role) -> String {
        insert_api_key(db, settings, self.organization, role).await
    }
}

async fn insert_agent(db: &Db, organization: OrganizationId, config: AgentConfig) -> AgentId {
    let now = Clock::system().now();
    let id = AgentId::new(now);
    let new = NewAgent {
        id,
        name: "Test agent".to_owned(),
        mode: AgentMode::Active,
        config,
        model_key_sealed: None,
    };
    let change = OrganizationChange {
        default_agent: Some(Some(id)),
        ..OrganizationChange::default()
    };
    let mut tx = db.tenant(organization).await.unwrap();
    tx.agents().insert(&new, now).await.unwrap();
    tx.organizations().update(&change, now).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn insert_number(
    db: &Db,
    settings: &Settings,
    organization: OrganizationId,
    seed: &TenantSeed,
) -> (PhoneNumberId, WabaId, NumberId) {
    let now = Clock::system().now();
    let id = NumberId::new(now);
    let (owner, row) = (organization.as_uuid(), id.as_uuid());
    let binding = Binding {
        table: "numbers",
        column: "access_token_sealed",
        organization_id: owner.as_bytes(),
        row_id: row.as_bytes(),
    };
    let vault = Vault::from_settings(&settings.vault).unwrap();
    let sealed = vault.seal(&binding, seed.access_token.as_bytes()).unwrap();
    let phone_number_id = PhoneNumberId::parse(seed.phone_number_id.as_str()).unwrap();
    let waba = WabaId::parse(seed.waba_id.as_str()).unwrap();
    let apps = settings.meta.apps().unwrap();
    let app = apps.first().map(|app| app.app_id.clone()).unwrap();
    let new = NewNumber {
        organization,
        id,
        phone_number_id: phone_number_id.clone(),
        waba: waba.clone(),
        app: MetaAppId::parse(app).unwrap(),
        display_phone_number: seed.display_phone_number.clone(),
        access_token_sealed: Some(sealed.into_bytes()),
        agent: None,
        rate_per_second: seed.rate_per_second,
    };
    let mut tx = db.system(SystemReason::NumberRouting).await.unwrap();
    tx.numbers().insert(&new, now).await.unwrap();
    tx.commit().await.unwrap();
    (phone_number_id, waba, id)
}

async fn insert_api_key(
    db: &Db,
    settings: &Settings,
    organization: OrganizationId,
    role: Role,
) -> String {
    let now = Clock::system().now();
    let key = ApiKeySecret::generate().unwrap();
    let scopes = Scope::ALL
        .into_iter()
        .filter(|scope| scope.least_role() <= role);
    let new = NewApiKey {
        id: ApiKeyId::new(now),
        name: "Test key".to_owned(),
        prefix: key.prefix(),
        key_hash: KeyHasher::new(&settings.gateway.api_key_pepper).hash(&key),
        role,
        scopes: scopes.collect(),
        expires_at: None,
    };
    let mut tx = db.tenant(organization).await.unwrap();
    tx.api_keys().insert(&new, now).await.unwrap();
    tx.commit().await.unwrap();
    key.expose().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_tenants_live_side_by_side() {
        let servers = Servers::start().await;
        let (db, settings) = (servers.db().await, servers.settings());
        let one = TestTenant::create(&servers).await;
        let two = TestTenant::seeded(&db, &settings, TenantSeed::another(&settings, 2)).await;
        assert_ne!(one.organization, two.organization);
        assert_ne!(
            one.api_key_of(&db, &settings, Role::Agent).await,
            one.api_key
        );
        db.close().await;
    }
}
