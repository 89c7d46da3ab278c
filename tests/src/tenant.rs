//! Tenants, made as a provider makes them: through the public API.

use sb_client::{Client, CreateAgent, CreateNumber, Number, UpdateOrganization};
use sb_config::SimulatorSettings;
use sb_domain::agent::{AgentConfig, AgentMode};
use sb_ids::{AgentId, OrganizationId, PhoneNumberId, WabaId};
use secrecy::ExposeSecret as _;

use crate::OPERATOR_KEY;
use crate::http::Api;

/// Fast enough that no number's pace holds up a test.
const RATE_PER_SECOND: u16 = 1_000;

/// A business account at Meta with one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Meta's id of the account.
    pub waba_id: &'static str,
    /// Meta's id of its number.
    pub phone_number_id: &'static str,
}

impl Account {
    /// The one every simulator is born with.
    pub const FIRST: Self = Self {
        waba_id: "900000000000201",
        phone_number_id: "900000000000101",
    };
    /// Another one, for another tenant: an account belongs to one organization.
    pub const SECOND: Self = Self {
        waba_id: "900000000000202",
        phone_number_id: "900000000000102",
    };
}

/// What to make.
#[derive(Debug, Clone)]
pub struct Onboarding {
    /// The organization's name.
    pub name: String,
    /// Its account and number at Meta.
    pub account: Account,
    /// How its agent answers; none for no agent.
    pub agent: Option<AgentConfig>,
}

impl Onboarding {
    /// An organization whose agent answers at once, with what the simulated model makes of the question: an echo.
    pub fn echoing(name: &str, account: Account) -> Self {
        let agent = AgentConfig {
            response_delay_seconds: Some(0),
            ..AgentConfig::default()
        };
        Self {
            agent: Some(agent),
            ..Self::silent(name, account)
        }
    }

    /// An organization in which nobody answers.
    pub fn silent(name: &str, account: Account) -> Self {
        Self {
            name: name.to_owned(),
            account,
            agent: None,
        }
    }
}

/// An organization with a number, and perhaps an agent.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The SDK with the organization's first key: an owner's, with every scope.
    pub client: Client,
    /// The raw API with the same key.
    pub api: Api,
    /// Its id.
    pub organization: OrganizationId,
    /// Its number.
    pub number: Number,
    /// Its default agent.
    pub agent: Option<AgentId>,
}

impl Tenant {
    /// Makes it.
    ///
    /// # Errors
    /// When the gateway refuses a step.
    pub async fn make(gateway: &Api, plan: &Onboarding) -> anyhow::Result<Self> {
        let made = gateway
            .client(OPERATOR_KEY)?
            .create_organization(&plan.name)
            .await?;
        let key = made.api_key.key.expose_secret();
        let client = gateway.client(key)?;
        let agent = match &plan.agent {
            Some(config) => Some(make_agent(&client, config).await?),
            None => None,
        };
        let simulator = SimulatorSettings::default();
        let number = CreateNumber {
            display_phone_number: Some("+1 555 010 0001".to_owned()),
            access_token: Some(simulator.access_token),
            rate_per_second: Some(RATE_PER_SECOND),
            ..CreateNumber::new(
                PhoneNumberId::parse(plan.account.phone_number_id)?,
                WabaId::parse(plan.account.waba_id)?,
            )
        };
        let number = client.create_number(&number, None).await?;
        let (api, organization) = (gateway.with_key(key), made.organization.id);
        Ok(Self {
            client,
            api,
            organization,
            number,
            agent,
        })
    }

    /// Meta's id of its number.
    pub fn phone_number_id(&self) -> &str {
        self.number.phone_number_id.as_str()
    }

    /// Meta's id of its account.
    pub fn waba_id(&self) -> &str {
        self.number.waba_id.as_str()
    }
}

async fn make_agent(client: &Client, config: &AgentConfig) -> anyhow::Result<AgentId> {
    let new = CreateAgent {
        name: "Echo".to_owned(),
        mode: AgentMode::Active,
        config: config.clone(),
        model_key: None,
    };
    let agent = client.create_agent(&new, None).await?.id;
    let change = UpdateOrganization {
        default_agent_id: Some(Some(agent)),
        ..UpdateOrganization::default()
    };
    client.update_organization(&change).await?;
    Ok(agent)
}
