//! What a phone is told when a flow asks for a screen: real encryption on both sides, a tenant's server in between.

use sb_db::FlowHandler;
use sb_egress::RequestSigner;
use sb_testkit::{TenantAnswer, TenantServer, TestTenant};
use serde_json::{Value, json};

use crate::flow_world::{FlowWorld, next_screen};
use crate::world::another_tenant;

#[tokio::test]
async fn a_health_check_is_answered_without_the_tenants_server() {
    let stage = FlowWorld::start(next_screen).await;
    let outcome = stage
        .ask(json!({ "version": "3.0", "action": "ping" }))
        .await;
    assert_eq!(outcome["status"], 200, "{outcome}");
    assert_eq!(outcome["answer"], json!({ "data": { "status": "active" } }));
    assert_eq!(outcome["content_type"], "text/plain; charset=utf-8");
    assert!(stage.server.requests().is_empty());
}

#[tokio::test]
async fn opening_and_submitting_reach_the_tenants_server_signed_and_whole() {
    let stage = FlowWorld::start(next_screen).await;
    let init = json!({ "version": "3.0", "action": "INIT", "flow_token": "token-1" });
    let outcome = stage.ask(init.clone()).await;
    assert_eq!(outcome["status"], 200, "{outcome}");
    assert_eq!(outcome["answer"]["screen"], "AFTER_INIT");
    let submitted = json!({
        "version": "3.0", "action": "data_exchange", "screen": "ORDER", "flow_token": "token-1",
        "data": { "note": "schön / 美しい", "count": 3 }, "added_later": [1],
    });
    let outcome = stage.ask(submitted.clone()).await;
    assert_eq!(
        outcome["answer"]["screen"], "AFTER_data_exchange",
        "{outcome}"
    );
    assert_eq!(outcome["answer"]["data"]["echo"]["note"], "schön / 美しい");

    let requests = stage.server.requests();
    assert_eq!(requests.len(), 2);
    for (request, sent) in requests.iter().zip([init, submitted]) {
        assert_eq!(request.json["exchange"], sent);
        assert_eq!(request.json["endpoint_id"], json!(stage.endpoint.id));
        assert_eq!(
            request.json["organization_id"],
            json!(stage.world.tenant.organization)
        );
        assert_eq!(request.json["flow_token_verified"], false);
        let header = |name: &str| request.headers[name].as_str();
        assert_eq!(request.json["exchange_id"], header("webhook-id"));
        let signer = RequestSigner::new(&stage.endpoint.signing_secret).unwrap();
        let timestamp = header("webhook-timestamp").parse().unwrap();
        assert_eq!(
            signer.signature(header("webhook-id"), timestamp, &request.body),
            header("webhook-signature")
        );
        assert!(!request.headers.contains_key("traceparent"));
    }
    assert_ne!(
        requests[0].json["exchange_id"],
        requests[1].json["exchange_id"]
    );
}

#[tokio::test]
async fn the_last_screen_carries_the_flow_token() {
    let stage = FlowWorld::start(|_| {
        let last = json!({ "extension_message_response": { "params": { "order": "7" } } });
        TenantAnswer::Say(200, json!({ "screen": "SUCCESS", "data": last }))
    })
    .await;
    let outcome = stage.submit().await;
    let params = &outcome["answer"]["data"]["extension_message_response"]["params"];
    assert_eq!(
        params,
        &json!({ "order": "7", "flow_token": "token-1" }),
        "{outcome}"
    );
}

#[tokio::test]
async fn a_token_that_the_tenant_refuses_becomes_427_with_the_message() {
    let stage = FlowWorld::start(|_| {
        TenantAnswer::Say(
            200,
            json!({ "error": "invalid_flow_token", "error_msg": "Already ordered" }),
        )
    })
    .await;
    let outcome = stage.submit().await;
    assert_eq!(outcome["status"], 427, "{outcome}");
    assert_eq!(outcome["content_type"], "application/json");
    assert_eq!(outcome["body"], json!({ "error_msg": "Already ordered" }));
}

#[tokio::test]
async fn an_error_that_a_phone_reports_is_acknowledged_and_passed_on() {
    let stage = FlowWorld::start(|_| TenantAnswer::Say(500, Value::Null)).await;
    let outcome = stage
        .ask(json!({
            "version": "3.0", "action": "data_exchange", "screen": "ORDER", "flow_token": "token-1",
            "data": { "error": "invalid-screen-transition", "error_message": "no such screen" },
        }))
        .await;
    assert_eq!(outcome["status"], 200, "{outcome}");
    assert_eq!(
        outcome["answer"],
        json!({ "data": { "acknowledged": true } })
    );
    let requests = stage.server.requests();
    assert_eq!(
        requests[0].json["exchange"]["data"]["error"],
        "invalid-screen-transition"
    );
}

#[tokio::test]
async fn whatever_is_damaged_on_the_way_cannot_be_decrypted() {
    let stage = FlowWorld::start(next_screen).await;
    for part in ["data", "key", "vector"] {
        let outcome = stage.tampered(part).await;
        assert_eq!(outcome["tries"], json!([421]), "{part}: {outcome}");
        assert_eq!(outcome["body"]["code"], "flow.cannot_decrypt");
    }
    assert!(stage.server.requests().is_empty());
}

#[tokio::test]
async fn signed_bytes_of_any_other_form_cannot_be_decrypted() {
    let stage = FlowWorld::start(next_screen).await;
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"encrypted_flow_data":"","encrypted_aes_key":"","initial_vector":""}"#,
    ] {
        let (status, problem) = stage.post_signed(&stage.url(), body).await;
        assert_eq!(
            (status, &problem["code"]),
            (421, &json!("flow.cannot_decrypt")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn without_the_apps_signature_nothing_is_decrypted_or_told() {
    let stage = FlowWorld::start(next_screen).await;
    for how in ["signature", "unsigned"] {
        let outcome = stage.tampered(how).await;
        assert_eq!(outcome["status"], 432, "{how}: {outcome}");
        assert_eq!(outcome["body"]["code"], "flow.signature_invalid");
    }
    let (ping, unsigned) = (json!({ "action": "ping" }), json!({ "tamper": "unsigned" }));
    let strange = stage.ask_at(&stage.unknown_url(), ping, unsigned).await;
    assert_eq!(strange["status"], 432, "a stranger learns of endpoints");
    assert!(stage.server.requests().is_empty());
}

#[tokio::test]
async fn another_of_our_apps_cannot_speak_for_the_endpoint() {
    let stage = FlowWorld::with(
        |settings| {
            settings.meta.app_id = format!("{}|77", settings.meta.app_id);
            let secrets = format!("{}|other-secret", settings.meta.app_secret.expose());
            settings.meta.app_secret = secrets.into();
        },
        next_screen,
    )
    .await;
    stage.put_app("77", "other-secret").await;
    let ping = json!({ "version": "3.0", "action": "ping" });
    let outcome = stage
        .ask_with(ping.clone(), json!({ "app_id": "77" }))
        .await;
    assert_eq!(outcome["status"], 432, "{outcome}");
    assert_eq!(stage.ask(ping).await["status"], 200);
}

#[tokio::test]
async fn a_signed_flow_token_is_checked() {
    let stage = FlowWorld::start(next_screen).await;
    let signed = json!({ "sign_flow_token": true });
    let outcome = stage.ask_with(FlowWorld::submission(), signed).await;
    assert_eq!(outcome["status"], 200, "{outcome}");
    assert_eq!(stage.server.requests()[0].json["flow_token_verified"], true);
    let forged = json!({ "sign_flow_token": true, "tamper": "token_signature" });
    let outcome = stage.ask_with(FlowWorld::submission(), forged).await;
    assert_eq!(outcome["status"], 432, "{outcome}");
    assert_eq!(outcome["body"]["code"], "flow.token_forged");
    assert_eq!(stage.server.requests().len(), 1);
}

#[tokio::test]
async fn there_is_nothing_at_other_addresses() {
    let stage = FlowWorld::start(next_screen).await;
    let ping = json!({ "version": "3.0", "action": "ping" });
    for url in [
        stage.unknown_url(),
        format!("{}/flows/not-an-id", stage.base()),
    ] {
        let outcome = stage.ask_at(&url, ping.clone(), json!({})).await;
        assert_eq!(
            (&outcome["status"], &outcome["body"]["code"]),
            (&json!(404), &json!("flow.unknown"))
        );
    }
}

#[tokio::test]
async fn a_suspended_organization_has_no_endpoints() {
    let stage = FlowWorld::start(next_screen).await;
    sqlx::query("UPDATE organizations SET status = 'suspended'")
        .execute(&stage.world.pool)
        .await
        .unwrap();
    assert_eq!(stage.submit().await["status"], 404);
}

#[tokio::test]
async fn the_replaced_key_counts_until_its_time_is_over() {
    let stage = FlowWorld::start(next_screen).await;
    let (world, endpoint) = (&stage.world, &stage.endpoint);
    let new_key = world
        .tenant
        .rotate_flow_key(&world.db, &world.settings, endpoint, 3_600)
        .await;
    assert_eq!(stage.submit().await["tries"], json!([200]), "the old key");
    let with_new = json!({ "public_key": new_key });
    let outcome = stage.ask_with(FlowWorld::submission(), with_new).await;
    assert_eq!(outcome["tries"], json!([200]), "the new key");

    world
        .tenant
        .rotate_flow_key(&world.db, &world.settings, endpoint, -1)
        .await;
    let refetching = json!({ "refetched_public_key": new_key });
    let outcome = stage.ask_with(FlowWorld::submission(), refetching).await;
    assert_eq!(
        outcome["tries"],
        json!([421, 200]),
        "the phone fetches the key again"
    );
}

#[tokio::test]
async fn endpoints_of_two_tenants_have_keys_and_servers_of_their_own() {
    let stage = FlowWorld::start(next_screen).await;
    let other = another_tenant(&stage.world).await;
    let server = TenantServer::start(next_screen);
    let handler = FlowHandler::Http {
        url: server.url().to_owned(),
    };
    // The same key, sealed for the other tenant's row: only rows and servers differ.
    let endpoint = other
        .flow_endpoint(&stage.world.db, &stage.world.settings, handler)
        .await;
    let url = format!("{}/flows/{}", stage.base(), endpoint.id);
    let outcome = stage.ask_at(&url, FlowWorld::submission(), json!({})).await;
    assert_eq!(outcome["status"], 200, "{outcome}");
    assert!(stage.server.requests().is_empty());
    assert_eq!(
        server.requests()[0].json["organization_id"],
        json!(other.organization)
    );

    swap_keys(&stage, &other).await;
    let outcome = stage.submit().await;
    assert_eq!(
        outcome["status"], 500,
        "a key that was sealed for another tenant opens here: {outcome}"
    );
}

/// Gives the first tenant the sealed key of the other one, as somebody with access to the database might.
async fn swap_keys(stage: &FlowWorld, other: &TestTenant) {
    sqlx::query(
        "UPDATE flow_keys SET private_key_sealed = o.private_key_sealed FROM flow_keys o
         WHERE o.organization_id = $1 AND flow_keys.organization_id <> $1",
    )
    .bind(other.organization.as_uuid())
    .execute(&stage.world.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn what_is_no_screen_does_not_reach_the_phone() {
    let stage = FlowWorld::start(|request| {
        let answer = &request.json["exchange"]["data"];
        let status = answer["status"].as_u64().unwrap_or(200);
        let mut said = answer["say"].clone();
        if said["data"]["long"] == true {
            said["data"]["long"] = "x".repeat(2_000_000).into();
        }
        TenantAnswer::Say(u16::try_from(status).unwrap(), said)
    })
    .await;
    for data in [
        json!({ "say": { "screen": "ORDER" } }),
        json!({ "say": { "data": {} } }),
        json!({ "say": [1] }),
        json!({ "say": { "error": "oops" } }),
        json!({ "status": 404, "say": { "screen": "ORDER", "data": {} } }),
        json!({ "status": 302, "say": { "screen": "ORDER", "data": {} } }),
        json!({ "status": 500, "say": {} }),
        json!({ "say": { "screen": "ORDER", "data": { "long": true } } }),
    ] {
        let mut question = FlowWorld::submission();
        question["data"] = data.clone();
        let outcome = stage.ask(question).await;
        let told = (&outcome["status"], &outcome["body"]["code"]);
        assert_eq!(told, (&json!(502), &json!("flow.handler_failed")), "{data}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_or_at_all_is_a_general_error() {
    let quick = |settings: &mut sb_config::Settings| settings.flows.answer_timeout_ms = 300;
    let stage = FlowWorld::with(quick, |_| TenantAnswer::Never).await;
    let closed = FlowHandler::Http {
        url: "http://127.0.0.1:1/".to_owned(),
    };
    for handler in [None, Some(closed)] {
        if let Some(handler) = handler {
            stage.handle_with(handler).await;
        }
        let outcome = stage.submit().await;
        // Whichever clock is first.
        let status = outcome["status"].as_u64().unwrap();
        assert!([502, 504].contains(&status), "{outcome}");
    }
}

#[tokio::test]
async fn servers_inside_the_network_are_not_reached() {
    let stage = FlowWorld::with(
        |settings| settings.egress.allow_private_addresses = false,
        next_screen,
    )
    .await;
    let outcome = stage.submit().await;
    assert_eq!(outcome["status"], 502, "{outcome}");
    assert!(stage.server.requests().is_empty());
}

#[tokio::test]
async fn requests_beyond_the_limits_are_refused() {
    let stage = FlowWorld::with(|settings| settings.flows.max_body_bytes = 500, next_screen).await;
    let outcome = stage.submit().await;
    assert_eq!(
        (&outcome["status"], &outcome["body"]["code"]),
        (&json!(413), &json!("flow.body_too_large"))
    );
}

#[tokio::test]
async fn an_agent_makes_the_screens() {
    let stage = FlowWorld::start(next_screen).await;
    stage
        .handle_with(FlowHandler::Agent {
            agent: Some(stage.world.tenant.agent),
        })
        .await;
    stage
        .script(json!({ "match": "tulip", "text": "```json\n{\"screen\":\"PAY\",\"data\":{\"price\":3}}\n```" }))
        .await;
    let outcome = stage.submit().await;
    assert_eq!(
        outcome["answer"],
        json!({ "screen": "PAY", "data": { "price": 3 } }),
        "{outcome}"
    );
    let asked = stage.model_requests().await.to_string();
    assert!(
        asked.contains("data_exchange") && asked.contains("WhatsApp Flow"),
        "{asked}"
    );
    assert!(
        !asked.contains("token-1"),
        "the model learns the flow token"
    );
    assert!(stage.server.requests().is_empty());

    // Without a script the simulated model echoes, which is no screen.
    assert_eq!(stage.submit().await["status"], 502);
    let mut tx = stage
        .world
        .db
        .tenant(stage.world.tenant.organization)
        .await
        .unwrap();
    tx.agents().delete(stage.world.tenant.agent).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        stage.submit().await["status"],
        502,
        "there is no agent any more"
    );
}

#[tokio::test]
async fn posts_are_accepted_while_the_database_is_away() {
    let stage = FlowWorld::with(
        |settings| {
            settings.webhook.role = sb_config::WebhookRole::Receive;
            settings.database.acquire_timeout_ms = 200;
            settings.database.url = "postgres://nobody@127.0.0.1:1/nothing".into();
        },
        next_screen,
    )
    .await;
    let outcome = stage.submit().await;
    assert_eq!(
        (&outcome["status"], &outcome["body"]["code"]),
        (&json!(503), &json!("flow.unavailable"))
    );
    stage
        .world
        .deliver(
            &[crate::posts::text("4915112345678", "wamid.1", "hello")],
            &[],
        )
        .await;
}
