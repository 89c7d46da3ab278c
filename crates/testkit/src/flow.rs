//! Flow endpoints to test with.

use std::sync::LazyLock;

use sb_cloud_api::flows::FlowPrivateKey;
use sb_config::Settings;
use sb_db::{Db, FlowHandler, NewFlowEndpoint, NewFlowKey, RotatedFlowKey};
use sb_domain::Clock;
use sb_egress::generate_signing_secret;
use sb_ids::{FlowEndpointId, FlowKeyId, MetaAppId};
use sb_vault::{Binding, Vault};
use uuid::Uuid;

use crate::TestTenant;

/// Making a key takes a good part of a second: those of one process are the same. One for use, one to rotate to.
static KEYS: LazyLock<[FlowPrivateKey; 2]> =
    LazyLock::new(|| std::array::from_fn(|_| FlowPrivateKey::generate().unwrap()));

/// A flow endpoint of a tenant.
#[derive(Debug, Clone)]
pub struct TestFlowEndpoint {
    /// Its id.
    pub id: FlowEndpointId,
    /// The row of its account's key pair.
    pub key: FlowKeyId,
    /// What phones encrypt for, PEM.
    pub public_key_pem: String,
    /// The key of our signatures on requests to the handler, `whsec_…`.
    pub signing_secret: String,
}

impl TestTenant {
    /// Makes a flow endpoint for the tenant's account, which gets a key pair.
    pub async fn flow_endpoint(
        &self,
        db: &Db,
        settings: &Settings,
        handler: FlowHandler,
    ) -> TestFlowEndpoint {
        let now = Clock::system().now();
        let (id, key) = (FlowEndpointId::new(now), FlowKeyId::new(now));
        let [pair, _] = &*KEYS;
        let secret = generate_signing_secret().unwrap();
        let app = settings.meta.apps().unwrap().remove(0).app_id;
        let new_key = NewFlowKey {
            id: key,
            waba: self.waba.clone(),
            public_key_pem: pair.public_key_pem().unwrap(),
            private_key_sealed: self.seal_key(settings, key, "private_key_sealed", pair),
        };
        let endpoint = NewFlowEndpoint {
            id,
            name: "Test flow".to_owned(),
            waba: self.waba.clone(),
            app: MetaAppId::parse(app).unwrap(),
            handler,
            signing_secret_sealed: self.seal(
                settings,
                ("flow_endpoints", "signing_secret_sealed"),
                id.as_uuid(),
                secret.expose(),
            ),
        };
        let mut tx = db.tenant(self.organization).await.unwrap();
        assert!(tx.flow_keys().insert(&new_key, now).await.unwrap());
        tx.flow_endpoints().insert(&endpoint, now).await.unwrap();
        tx.commit().await.unwrap();
        TestFlowEndpoint {
            id,
            key,
            public_key_pem: new_key.public_key_pem,
            signing_secret: secret.expose().to_owned(),
        }
    }

    /// Rotates the endpoint's key pair; the replaced one counts for so many seconds more. Gives the new public key.
    pub async fn rotate_flow_key(
        &self,
        db: &Db,
        settings: &Settings,
        endpoint: &TestFlowEndpoint,
        previous_seconds: i64,
    ) -> String {
        let now = Clock::system().now();
        let [old, new] = &*KEYS;
        let previous = self.seal_key(settings, endpoint.key, "previous_private_key_sealed", old);
        let until = now + chrono::TimeDelta::seconds(previous_seconds);
        let rotated = RotatedFlowKey {
            public_key_pem: new.public_key_pem().unwrap(),
            private_key_sealed: self.seal_key(settings, endpoint.key, "private_key_sealed", new),
            previous: Some((previous, until)),
        };
        let mut tx = db.tenant(self.organization).await.unwrap();
        let done = tx.flow_keys().rotate(endpoint.key, &rotated, now).await;
        assert!(done.unwrap());
        tx.commit().await.unwrap();
        rotated.public_key_pem
    }

    fn seal_key(
        &self,
        settings: &Settings,
        row: FlowKeyId,
        column: &str,
        key: &FlowPrivateKey,
    ) -> Vec<u8> {
        let pem = key.to_pem().unwrap();
        self.seal(settings, ("flow_keys", column), row.as_uuid(), &pem)
    }

    fn seal(
        &self,
        settings: &Settings,
        (table, column): (&str, &str),
        row: Uuid,
        secret: &str,
    ) -> Vec<u8> {
        let owner = self.organization.as_uuid();
        let binding = Binding {
            table,
            column,
            organization_id: owner.as_bytes(),
            row_id: row.as_bytes(),
        };
        let vault = Vault::from_settings(&settings.vault).unwrap();
        vault
            .seal(&binding, secret.as_bytes())
            .unwrap()
            .into_bytes()
    }
}
