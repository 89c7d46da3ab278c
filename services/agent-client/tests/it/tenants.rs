//! Tenants, their agents and their conversations.

use sb_domain::agent::AgentConfig;
use sb_ids::{AgentId, ContactId, ConversationId, NumberId, OrganizationId};
use uuid::Uuid;

use crate::world::{World, now};

/// A tenant with a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tenant {
    pub(crate) organization: OrganizationId,
    pub(crate) number: NumberId,
}

/// A tenant's conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk {
    pub(crate) organization: OrganizationId,
    pub(crate) number: NumberId,
    pub(crate) contact: ContactId,
    pub(crate) conversation: ConversationId,
}

impl World {
    async fn execute(&self, statement: &'static str, ids: &[Uuid]) {
        let mut query = sqlx::query(statement);
        for id in ids {
            query = query.bind(id);
        }
        query.execute(&self.pool).await.unwrap();
    }

    pub(crate) async fn tenant(&self) -> Tenant {
        let organization = OrganizationId::new(now());
        let number = NumberId::new(now());
        self.execute(
            "INSERT INTO organizations (id, name, created_at, updated_at) VALUES ($1, 'o', now(), now())",
            &[organization.as_uuid()],
        )
        .await;
        self.execute(
            "INSERT INTO wabas (organization_id, waba_id, app_id, created_at) VALUES ($1, $1::text, '1', now())",
            &[organization.as_uuid()],
        )
        .await;
        self.execute(
            "INSERT INTO numbers (organization_id, id, phone_number_id, waba_id, created_at, updated_at)
             VALUES ($1, $2, $2::text, $1::text, now(), now())",
            &[organization.as_uuid(), number.as_uuid()],
        )
        .await;
        Tenant {
            organization,
            number,
        }
    }

    /// An agent with a mode and a configuration.
    pub(crate) async fn agent(&self, tenant: Tenant, mode: &str, config: &AgentConfig) -> AgentId {
        let agent = AgentId::new(now());
        sqlx::query(
            "INSERT INTO agents (organization_id, id, name, mode, config, created_at, updated_at)
             VALUES ($1, $2, 'a', $3, $4, now(), now())",
        )
        .bind(tenant.organization.as_uuid())
        .bind(agent.as_uuid())
        .bind(mode)
        .bind(serde_json::to_value(config).unwrap())
        .execute(&self.pool)
        .await
        .unwrap();
        agent
    }

    /// A tenant whose organization has this agent as its default.
    pub(crate) async fn tenant_with(&self, config: &AgentConfig) -> (Tenant, AgentId) {
        let tenant = self.tenant().await;
        let agent = self.agent(tenant, "active", config).await;
        self.name_default(tenant, Some(agent)).await;
        (tenant, agent)
    }

    pub(crate) async fn name_default(&self, tenant: Tenant, agent: Option<AgentId>) {
        sqlx::query("UPDATE organizations SET default_agent_id = $2 WHERE id = $1")
            .bind(tenant.organization.as_uuid())
            .bind(agent.map(|id| id.as_uuid()))
            .execute(&self.pool)
            .await
            .unwrap();
    }

    pub(crate) async fn name_for_number(&self, tenant: Tenant, agent: AgentId) {
        self.execute(
            "UPDATE numbers SET agent_id = $2 WHERE id = $1",
            &[tenant.number.as_uuid(), agent.as_uuid()],
        )
        .await;
    }

    pub(crate) async fn name_for_conversation(&self, talk: Talk, agent: AgentId) {
        self.execute(
            "UPDATE conversations SET agent_id = $2 WHERE id = $1",
            &[talk.conversation.as_uuid(), agent.as_uuid()],
        )
        .await;
    }

    pub(crate) async fn talk(&self, tenant: Tenant) -> Talk {
        let contact = ContactId::new(now());
        let conversation = ConversationId::new(now());
        let organization = tenant.organization;
        self.execute(
            "INSERT INTO contacts (organization_id, id, name, created_at, updated_at)
             VALUES ($1, $2, 'Ana', now(), now())",
            &[organization.as_uuid(), contact.as_uuid()],
        )
        .await;
        self.execute(
            "INSERT INTO conversations (organization_id, id, number_id, contact_id, active_at, created_at)
             VALUES ($1, $2, $3, $4, now(), now())",
            &[
                organization.as_uuid(),
                conversation.as_uuid(),
                tenant.number.as_uuid(),
                contact.as_uuid(),
            ],
        )
        .await;
        Talk {
            organization,
            number: tenant.number,
            contact,
            conversation,
        }
    }
}
