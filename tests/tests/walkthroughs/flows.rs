//! A form on a phone gets its screens.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use e2e::{InProcess, Tenant};
use sb_client::{
    CreateFlowEndpoint, CreatedFlowEndpoint, FlowEndpoint, FlowHandler, RotateFlowKey,
    UpdateFlowEndpoint,
};
use sb_egress::{Method, RequestSigner};
use sb_testkit::{TenantAnswer, TenantRequest, TenantServer};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// A shop's server: shows what can be ordered, then ends the flow with the order.
fn shop(request: &TenantRequest) -> TenantAnswer {
    let asked = |name: &str| request.json.pointer(&format!("/exchange/{name}"));
    let answer = if asked("action").and_then(Value::as_str) == Some("INIT") {
        json!({ "screen": "ORDER", "data": { "flowers": ["tulip", "rose"] } })
    } else {
        let params = json!({ "ordered": asked("data/flower") });
        json!({ "screen": "SUCCESS", "data": { "extension_message_response": { "params": params } } })
    };
    TenantAnswer::Say(200, answer)
}

struct Phone<'a> {
    stage: &'a InProcess,
    url: String,
    public_key: String,
}

impl Phone<'_> {
    async fn asks(&self, request: Value) -> anyhow::Result<Value> {
        let body = json!({ "url": self.url, "public_key": self.public_key, "request": request });
        let meta = &self.stage.meta;
        let path = "/flows/exchange";
        meta.control(Method::POST, path, Some(&body))
            .await?
            .expect(200)
    }

    async fn orders(&self) -> anyhow::Result<Value> {
        self.asks(json!({
            "version": "3.0", "action": "data_exchange", "screen": "ORDER", "flow_token": "order-1",
            "data": { "flower": "tulip" },
        }))
        .await
    }
}

impl<'a> Phone<'a> {
    /// A phone with the endpoint's public key, as Meta gives it out.
    fn of(stage: &'a InProcess, endpoint: &FlowEndpoint) -> Self {
        Self {
            stage,
            url: stage
                .webhook_url()
                .replace("/webhooks/whatsapp", &endpoint.path),
            public_key: endpoint.public_key_pem.clone(),
        }
    }
}

/// A tenant makes an endpoint and gives Meta its public key; a phone opens the form, orders and is done; the shop knows
/// who asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answering_a_flow() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let tenant = stage.echoing_tenant().await?;
    let server = TenantServer::start(shop);
    let made = make_endpoint(&tenant, &server).await?;
    let phone = Phone::of(&stage, &made.endpoint);
    let ping = phone
        .asks(json!({ "version": "3.0", "action": "ping" }))
        .await?;
    ensure!(
        ping["answer"] == json!({ "data": { "status": "active" } }),
        "{ping}"
    );
    let opened = phone
        .asks(json!({ "version": "3.0", "action": "INIT", "flow_token": "order-1" }))
        .await?;
    ensure!(
        opened["answer"]["data"]["flowers"][0] == "tulip",
        "{opened}"
    );
    let ordered = phone.orders().await?;
    let params = &ordered["answer"]["data"]["extension_message_response"]["params"];
    ensure!(
        params == &json!({ "ordered": "tulip", "flow_token": "order-1" }),
        "{ordered}"
    );
    check_signatures(&made, &server.requests())
}

/// The key is rotated under the phone, an agent takes over from the shop, and the endpoint is removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changing_a_flow_endpoint_while_phones_use_it() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let tenant = stage.echoing_tenant().await?;
    let server = TenantServer::start(shop);
    let made = make_endpoint(&tenant, &server).await?;
    let (id, phone) = (made.endpoint.id, Phone::of(&stage, &made.endpoint));
    let how = RotateFlowKey::default();
    let rotated = tenant.client.rotate_flow_key(id, how, None).await?;
    ensure!(
        rotated.public_key_pem != phone.public_key,
        "the key did not change"
    );
    ensure!(
        phone.orders().await?["tries"] == json!([200]),
        "the old key is not read any more"
    );
    ensure!(
        Phone::of(&stage, &rotated).orders().await?["status"] == 200,
        "the new key is not read"
    );

    let agent = UpdateFlowEndpoint {
        handler: Some(FlowHandler::Agent {
            agent_id: tenant.agent,
        }),
        ..UpdateFlowEndpoint::default()
    };
    tenant.client.update_flow_endpoint(id, &agent).await?;
    let said = json!({ "match": "tulip", "text": r#"{"screen": "PAY", "data": {"price": 3}}"# });
    let script = stage
        .meta
        .control(Method::POST, "/llm/scripts", Some(&said));
    script.await?.expect(200)?;
    let paying = phone.orders().await?;
    ensure!(
        paying["answer"] == json!({ "screen": "PAY", "data": { "price": 3 } }),
        "{paying}"
    );

    tenant.client.delete_flow_endpoint(id).await?;
    ensure!(
        phone.orders().await?["status"] == 404,
        "a removed endpoint answers"
    );
    Ok(())
}

async fn make_endpoint(
    tenant: &Tenant,
    server: &TenantServer,
) -> anyhow::Result<CreatedFlowEndpoint> {
    let new = CreateFlowEndpoint {
        name: "Orders".to_owned(),
        waba_id: tenant.number.waba_id.clone(),
        app_id: None,
        handler: FlowHandler::Http {
            url: server.url().to_owned(),
        },
    };
    Ok(tenant.client.create_flow_endpoint(&new).await?)
}

/// Every request names itself and is signed with the secret that the tenant was shown.
fn check_signatures(made: &CreatedFlowEndpoint, asked: &[TenantRequest]) -> anyhow::Result<()> {
    ensure!(asked.len() == 2, "{asked:?}");
    let signer = RequestSigner::new(made.signing_secret.expose_secret())?;
    for request in asked {
        let header = |headers: &BTreeMap<String, String>, name: &str| {
            headers
                .get(name)
                .cloned()
                .with_context(|| format!("no {name}"))
        };
        let id = header(&request.headers, "webhook-id")?;
        let timestamp = header(&request.headers, "webhook-timestamp")?.parse()?;
        let expected = signer.signature(&id, timestamp, &request.body);
        ensure!(
            header(&request.headers, "webhook-signature")? == expected,
            "another signature"
        );
    }
    Ok(())
}
