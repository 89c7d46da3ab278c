//! Every operation of the document against every kind of credential.

use chrono::TimeDelta;
use sb_domain::Clock;
use sb_domain::access::{Role, Scope};
use sb_egress::{EgressRequest, Method};
use serde_json::{Value, json};

use crate::world::{KeySeed, World};

const ROLES: [Role; 4] = [Role::Agent, Role::Member, Role::Admin, Role::Owner];

/// An operation as the document describes it.
struct Operation {
    id: String,
    method: Method,
    path: String,
    /// The scopes it needs; `None` for an operation of the operator.
    scopes: Option<Vec<Scope>>,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&gateway::openapi_json()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scopes = &operation["security"][0]["api_key"];
            found.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.replace("{id}", "019b0000-0000-7000-8000-000000000000"),
                scopes: scopes.as_array().map(|words| {
                    let words = words.iter().map(|word| word.as_str().unwrap());
                    words.map(|word| Scope::parse(word).unwrap()).collect()
                }),
            });
        }
    }
    assert!(found.len() >= 29);
    found
}

impl Operation {
    fn request(&self, world: &World) -> EgressRequest {
        let request = world.anonymous(self.method.clone(), &self.path);
        match self.method {
            Method::POST | Method::PATCH => request.json(&json!({})),
            _ => request,
        }
    }

    /// Status and code with a credential. The body is not read: that of an event stream has no end.
    async fn outcome(&self, world: &World, credential: Option<&str>) -> (u16, String) {
        let request = match credential {
            Some(credential) => self.request(world).bearer(credential),
            None => self.request(world),
        };
        let response = request.send("test").await.unwrap();
        let status = response.status().as_u16();
        if response.status().is_success() {
            return (status, String::new());
        }
        let problem: Value = response.json_limited(1_000_000).await.unwrap();
        assert_eq!(problem["status"], status, "{}", self.id);
        (status, problem["code"].as_str().unwrap().to_owned())
    }

    async fn assert_refused(
        &self,
        world: &World,
        credential: Option<&str>,
        status: u16,
        code: &str,
    ) {
        let outcome = self.outcome(world, credential).await;
        assert_eq!(outcome, (status, code.to_owned()), "{}", self.id);
    }

    async fn assert_let_in(&self, world: &World, credential: &str) {
        let (status, code) = self.outcome(world, Some(credential)).await;
        assert!(![401, 403].contains(&status), "{} refuses: {code}", self.id);
        assert!(status < 500, "{} fails: {code}", self.id);
    }
}

#[tokio::test]
async fn without_a_good_credential_no_operation_says_anything() {
    let world = World::start().await;
    let past = Clock::system().now() - TimeDelta::hours(1);
    let (_, expired) = world
        .key(KeySeed {
            expires_at: Some(past),
            ..KeySeed::default()
        })
        .await;
    let (_, revoked) = world
        .key(KeySeed {
            revoked: true,
            ..KeySeed::default()
        })
        .await;
    let unknown = format!("sb_live_{}", "0".repeat(64));
    for operation in operations() {
        let refused = async |credential, code| {
            operation
                .assert_refused(&world, credential, 401, code)
                .await;
        };
        refused(None, "auth.missing").await;
        refused(Some("garbage"), "auth.invalid").await;
        refused(Some(unknown.as_str()), "auth.invalid").await;
        refused(Some(expired.as_str()), "auth.expired").await;
        refused(Some(revoked.as_str()), "auth.revoked").await;
    }
}

#[tokio::test]
async fn an_operation_needs_its_scope_and_the_least_role_that_holds_it() {
    let world = World::start().await;
    let mut keys = Vec::new();
    for role in ROLES {
        let seed = KeySeed {
            role,
            ..KeySeed::default()
        };
        keys.push((role, world.key(seed).await.1));
    }
    for operation in operations() {
        let Some([scope]) = operation.scopes.as_deref() else {
            continue;
        };
        for (role, key) in &keys {
            if *role < scope.least_role() {
                operation
                    .assert_refused(&world, Some(key), 403, "access.denied")
                    .await;
            } else if operation.id != "api_keys.revoke" {
                operation.assert_let_in(&world, key).await;
            }
        }
        let others = Scope::ALL.into_iter().filter(|other| other != scope);
        let seed = KeySeed {
            scopes: others.collect(),
            ..KeySeed::default()
        };
        let (_, without_scope) = world.key(seed).await;
        operation
            .assert_refused(&world, Some(&without_scope), 403, "access.denied")
            .await;
    }
}

#[tokio::test]
async fn the_operator_and_tenants_cannot_do_each_others_operations() {
    let world = World::start().await;
    let operator = world.settings.gateway.operator_key.expose().to_owned();
    for operation in operations() {
        let (welcome, refused) = match operation.scopes {
            Some(_) => (&world.tenant.api_key, &operator),
            None => (&operator, &world.tenant.api_key),
        };
        operation
            .assert_refused(&world, Some(refused), 403, "access.denied")
            .await;
        operation.assert_let_in(&world, welcome).await;
    }
}

#[tokio::test]
async fn a_suspended_organization_can_do_nothing_until_it_is_active_again() {
    let world = World::start().await;
    let organization = world.tenant.organization;
    world
        .operator()
        .suspend_organization(organization, true)
        .await
        .unwrap();
    for operation in operations() {
        if operation.scopes.is_some() {
            let key = Some(world.tenant.api_key.as_str());
            operation
                .assert_refused(&world, key, 403, "organization.suspended")
                .await;
        }
    }
    world
        .operator()
        .suspend_organization(organization, false)
        .await
        .unwrap();
    world.client().organization().await.unwrap();
}

#[tokio::test]
async fn without_an_operator_key_nobody_is_the_operator() {
    let world = World::with(|settings| settings.gateway.operator_key = "".into()).await;
    for guess in ["test-operator-credential", "operator"] {
        let error = world
            .client_with(guess)
            .create_organization("x")
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some("auth.invalid"));
    }
}
